"""What tests ask of a browser."""

from __future__ import annotations

from collections.abc import Callable

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.patience import HANG_S

TOKEN = "token-of-the-browser-tests"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1100,900",
)
"""With which Chromium starts."""


def complaints(browser: webdriver.Chrome) -> list[str]:
    """Take what the console complained of since it was last asked."""
    entries = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own gap
    return [entry["message"] for entry in entries if entry["level"] in {"SEVERE", "WARNING"}]


def wait(browser: webdriver.Chrome, condition: Callable[[], object]) -> None:
    """Wait until something is the case; meanwhile the page may be replaced by another.

    An element that goes with its page in the middle of a question is reported in several words.
    """
    patience = WebDriverWait(browser, HANG_S, 0.05, [WebDriverException])
    patience.until(lambda _: condition())


def one(browser: webdriver.Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def texts(browser: webdriver.Chrome, selector: str) -> list[str]:
    return [found.text for found in browser.find_elements(By.CSS_SELECTOR, selector)]
