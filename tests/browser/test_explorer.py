"""The page to ask the API from, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.looking import TOKEN, wait
from tests.support.embedded import EmbeddedServer

pytestmark = pytest.mark.long


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_question_is_answered(
    browser: webdriver.Chrome, tmp_path: Path, token: str | None
) -> None:
    with EmbeddedServer(tmp_path / "data", token=token, more=["--explorer"]) as server:
        browser.get(f"{server.url}/api/graphql")

        def answered(words: str) -> None:
            button.click()
            wait(browser, lambda: words in browser.find_element(By.CSS_SELECTOR, ".answer").text)

        button = browser.find_element(By.CSS_SELECTOR, "form button:not([type])")
        if token is not None:
            browser.find_element(By.ID, "token").send_keys(token)
        answered('"totalExperimentsCount": 0')
        box = browser.find_element(By.ID, "query")
        box.clear()
        box.send_keys("{ nothing }")
        answered("Cannot query field")
        button = browser.find_element(By.ID, "schema")
        answered("createExperiment")
