"""Charts, files, health and fleet of the status page in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By

from aqsync.config.fleet import FleetConfig
from aqsync.journal.backlog import ToCome
from aqsync.layout.fleet import fleet_name
from tests.browser.looking import one, texts, wait
from tests.support.fleet import ID, FleetPc
from tests.support.lab import EID, Lab
from tests.support.status_page import Browser, browsing

HOSTILE = (
    "<script>document.title='evil'<_script>.csv",
    "\"><img src=x onerror='document.title=1'>.csv",
    "a\nb.csv",
    os.fsdecode(b"\xff.csv"),
)
pytestmark = pytest.mark.long


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[str]:
    """The address of a page that the browser was let in to."""
    with Lab(tmp_path) as lab:
        for name in HOSTILE:
            lab.write(f"run 1/{name}")
        lab.scan()
        lab.push()
        lab.write("run 2/young", age_s=0)
        lab.scan()
        lab.journal.backlog.note(lab.clock.now_ns(), {"lab": ToCome(1, 4)})
        section = FleetConfig(experiment=EID, name=HOSTILE[0])
        pc = FleetPc(tmp_path / "pc", lambda: lab.server, lab.clock, section)
        with closing(pc.journal):
            pc.writer.step()
        lab.server.put(EID, fleet_name(HOSTILE[1], ID), HOSTILE[1].encode())
        with browsing(lab) as served:
            served.shown.config = served.shown.config.model_copy(update={"fleet": section})
            yield _entered(browser, served)
            browser.get("about:blank")  # it would complain of a page that is gone


def _entered(browser: webdriver.Chrome, served: Browser) -> str:
    address = f"http://127.0.0.1:{served.port}"
    browser.get(f"{address}/enter?token={served.token}")
    return address


def blamed(browser: webdriver.Chrome) -> list[str]:
    """What axe-core finds, in light and in dark."""
    found = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        found += [each["id"] for each in Axe().run(browser)["violations"]]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    return found


def test_charts_are_drawn_said_and_in_tables(browser: webdriver.Chrome, page: str) -> None:
    browser.get(f"{page}/charts?span=week")
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".drawn canvas")) == 5)
    assert "In the last week 4 files" in one(browser, "#said-uploads").text
    assert blamed(browser) == []
    for table in browser.find_elements(By.CSS_SELECTOR, "details"):
        table.find_element(By.TAG_NAME, "summary").click()
    assert len(texts(browser, ".figures tbody tr")) == 3 * 8
    assert blamed(browser) == []


def test_a_file_is_found_by_its_name_and_explained(browser: webdriver.Chrome, page: str) -> None:
    browser.get(f"{page}/files")
    one(browser, "#q").send_keys("csv run")
    one(browser, "form.search button").click()
    wait(browser, lambda: len(texts(browser, "tbody th")) == len(HOSTILE))
    assert blamed(browser) == []
    for number in range(len(HOSTILE)):
        links = browser.find_elements(By.CSS_SELECTOR, "tbody th a")
        shown = links[number].text.rpartition("/")[2]
        links[number].click()
        wait(browser, partial(_has_heading, browser, shown))
        assert "evil" not in browser.title.partition("<script>")[0]
        assert "in sync" in one(browser, "dl.told").text
        assert texts(browser, "tbody td:nth-child(2)") == ["uploaded"]
        browser.back()
        wait(browser, lambda: len(texts(browser, "tbody th")) == len(HOSTILE))


def _has_heading(browser: webdriver.Chrome, text: str) -> bool:
    return one(browser, "h1").text == text


def test_folders_are_looked_through(browser: webdriver.Chrome, page: str) -> None:
    browser.get(f"{page}/files")
    browser.find_element(By.LINK_TEXT, "lab").click()
    wait(browser, lambda: texts(browser, "tbody th") == ["run 1/", "run 2/"])
    assert texts(browser, ".states li") == ["4 in sync", "1 local only"]
    assert blamed(browser) == []
    browser.find_element(By.LINK_TEXT, "run 2/").click()
    wait(browser, lambda: texts(browser, "tbody th") == ["young"])
    browser.find_element(By.LINK_TEXT, "young").click()
    wait(browser, lambda: _has_heading(browser, "young"))
    assert "may still be changing" in one(browser, "dl.told").text
    assert blamed(browser) == []


def test_the_fleet_is_shown(browser: webdriver.Chrome, page: str) -> None:
    browser.get(f"{page}/fleet")
    wait(browser, lambda: texts(browser, "tbody td:nth-child(2)")[1:] == ["all up there"])
    assert "not believed" in texts(browser, "tbody td:nth-child(2)")[0]
    assert browser.title == "Fleet · aqsync"
    assert blamed(browser) == []


def test_an_examination_is_asked_for_and_shown(browser: webdriver.Chrome, page: str) -> None:
    browser.get(f"{page}/health")
    assert "Nothing has been examined" in one(browser, "main").text
    one(browser, "#examine").click()
    wait(browser, lambda: "has begun" in one(browser, "#said").text)
    wait(browser, lambda: "1 fault" in one(browser, "#live").text)
    assert "cure: " in one(browser, "#live table").text
    assert blamed(browser) == []


VIEWS = (
    "/",
    "/needs-you",
    "/charts",
    "/files?q=csv",
    "/files/folder?mapping=lab&path=run%201",
    "/files/file?mapping=lab&path=run%202/young",
    "/files/file?mapping=lab&path=run%201/a%0Ab.csv",
    "/health",
    "/fleet",
)
RUNS_OUT = """
return [document.documentElement, ...document.querySelectorAll(".wide, pre")]
  .filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => `${each.tagName} ${each.textContent.slice(0, 60)}`);
"""


@pytest.mark.parametrize("width", [320, 390, 640])
def test_nothing_runs_out_of_a_narrow_screen(
    browser: webdriver.Chrome, page: str, width: int
) -> None:
    """A phone, and a screen of 1280 pixels at 200 %: a table shows all of its columns."""
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        for view in VIEWS:
            browser.get(page + view)
            wait(browser, lambda: one(browser, "h1").is_displayed())
            assert (view, browser.execute_script(RUNS_OUT)) == (view, [])
        assert blamed(browser) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
