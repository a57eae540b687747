"""When a real Chromium first paints a page: what a person waits for."""

from __future__ import annotations

import shutil
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.browser.looking import FLAGS

_FIRST_PAINT = "return performance.getEntriesByType('paint')[0]?.startTime"
_PATIENCE_S = 10.0


def first_paints(entry: str, pages: list[str], rounds: int, pause_s: float) -> list[list[float]]:
    """Load pages in turn, and return of each the milliseconds until its first paint.

    Args:
        entry: What lets the browser in.
        pages: Their addresses.
        rounds: How often each is loaded; one more round before these is not counted.
        pause_s: How long to wait before each.

    Returns:
        None at all if there is no Chromium.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        return [[] for _ in pages]
    taken: list[list[float]] = [[] for _ in pages]
    options = webdriver.ChromeOptions()
    options.binary_location = program
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        with webdriver.Chrome(options, Service(driver)) as browser:
            browser.get(entry)
            for number in range(rounds + 1):
                for page, found in zip(pages, taken, strict=True):
                    time.sleep(pause_s)
                    browser.get(page)
                    painted = _painted(browser)
                    if number > 0:
                        found.append(painted)
    return taken


def _painted(browser: webdriver.Chrome) -> float:
    until = time.monotonic() + _PATIENCE_S
    while (found := browser.execute_script(_FIRST_PAINT)) is None and time.monotonic() < until:
        time.sleep(0.05)
    return float(found)
