"""The report in a real browser: for everybody, on a phone, in the dark, and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By

from aqsync.cli.report.page import page
from tests.support.report_answer import answer

PAPER = {"width": 680, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
"""As wide as A4 between its margins."""
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
def test_everybody_can_read_it(
    browser: webdriver.Chrome,
    tmp_path: Path,
    scheme: str,
    phone: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    place = tmp_path / "report.html"
    place.write_text(page(answer()))
    scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme_feature]})
    if phone:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        browser.get(place.as_uri())
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= browser.execute_script("return window.innerWidth")
        found = Axe().run(browser)
        assert [(each["id"], each["nodes"]) for each in found["violations"]] == []
        # axe itself is a script that this test runs; the page has none, whatever names say.
        assert browser.find_elements(By.CSS_SELECTOR, "body script, [onload], img") == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.long
def test_it_can_be_printed(browser: webdriver.Chrome, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text(page(answer()))
    browser.get(place.as_uri())
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PAPER)
    try:
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= PAPER["width"], "it is cut off on paper"
        assert browser.execute_script("return getComputedStyle(document.body).color") == (
            "rgb(0, 0, 0)"
        )
        assert browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
