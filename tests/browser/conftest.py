"""A real Chromium without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.browser.looking import FLAGS, TOKEN, complaints
from tests.support.embedded import EmbeddedServer
from tests.support.patience import HANG_S
from tests.support.visit import Visit


def _programs() -> tuple[str, str]:
    programs = shutil.which("chromium"), shutil.which("chromedriver")
    if None in programs:
        reason = "chromium and chromedriver are not installed (Debian: chromium, chromium-driver)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    browser, driver = programs
    assert browser is not None
    assert driver is not None
    return browser, driver


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def chromium(
    tmp_path_factory: pytest.TempPathFactory, downloads: Path
) -> Iterator[webdriver.Chrome]:
    """One browser for all tests of a worker."""
    program, driver = _programs()
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.add_experimental_option(
        "prefs",
        {"download.default_directory": str(downloads), "download.prompt_for_download": False},
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, Service(driver)) as chrome:
        chrome.set_page_load_timeout(HANG_S)
        yield chrome


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The browser, without cookies; what its console complains of fails the test."""
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    complaints(chromium)
    yield chromium
    assert complaints(chromium) == []


@pytest.fixture
def visit(embedded_server: EmbeddedServer) -> Iterator[Visit]:
    with Visit(embedded_server.url) as visit:
        yield visit


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "data", token=TOKEN) as server:
        yield server
