"""The daemon's status page in a real browser: what a person sees, hears and does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.looking import complaints, one, texts, wait
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.project import Project

pytestmark = pytest.mark.long

HOSTILE = (
    "<script>document.title='evil'</script>.csv",
    "\"><img src=x onerror='evil()'>.csv",
    "a\nb.csv",
    "\u202egnp.exe",
    os.fsdecode(b"\xff.csv"),
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    made = Project(tmp_path, embedded_server.url)
    config = yaml.safe_load(made.config.read_text())
    made.config.write_text(yaml.safe_dump(config | {"status": {"listen": "127.0.0.1:0"}}))
    yield made
    made.close()


@pytest.fixture
def daemon(browser: webdriver.Chrome, project: Project) -> Iterator[Daemon]:
    with Daemon(project).start() as running:
        yield running
        browser.get("about:blank")  # it would complain of a daemon that ends


def open_page(browser: webdriver.Chrome, project: Project, path: str = "/") -> None:
    """Let the browser in, and show a page."""
    browser.get(project.run("open", "--print").out.strip())
    if path != "/":
        browser.get(browser.current_url.rstrip("/") + path)


def conflicts(project: Project, daemon: Daemon, *names: str) -> None:
    """Files that others stored first."""
    for name in names:
        project.put(name, "theirs")
        project.write(name, "ours")
    daemon.wait(
        lambda: all(name in project.run("status", "--no-scan", "--all").out for name in names),
        "conflicts",
    )


def live(browser: webdriver.Chrome) -> str:
    return one(browser, "#live").text


def press(browser: webdriver.Chrome, by: str, words: str) -> None:
    """Click on something, which the page may replace by the same at any moment."""

    def clicked() -> bool:
        browser.find_elements(by, words)[0].click()
        return True

    wait(browser, clicked)


def links_of(browser: webdriver.Chrome, *words: str) -> list[str]:
    """Where the first link with each of these words leads."""
    found = list[str]()

    def read() -> bool:
        found[:] = [
            str(browser.find_elements(By.PARTIAL_LINK_TEXT, each)[0].get_attribute("href"))
            for each in words
        ]
        return True

    wait(browser, read)
    return found


def icon(browser: webdriver.Chrome) -> str:
    return str(one(browser, "link[rel=icon]").get_attribute("href")).rpartition("/")[2]


@pytest.mark.usefixtures("daemon")
def test_the_page_follows_what_happens(browser: webdriver.Chrome, project: Project) -> None:
    open_page(browser, project)
    wait(browser, lambda: browser.title == "all up there · aqsync")
    assert icon(browser) == "icon-green.svg"
    project.put("taken.csv", "theirs")
    project.write("taken.csv", "ours")
    wait(browser, lambda: browser.title == "needs you · aqsync")
    wait(browser, lambda: icon(browser) == "icon-needs-you.svg")
    assert "another file of this name was on the server first" in live(browser)
    # The link to the experiment leads to it on the server.
    press(browser, By.LINK_TEXT, project.eid)
    wait(browser, lambda: one(browser, "h1").text == "faults")


@pytest.mark.usefixtures("daemon")
def test_many_tabs_follow_too(browser: webdriver.Chrome, project: Project) -> None:
    """A browser opens six connections to one host at most."""
    first = browser.current_window_handle
    open_page(browser, project)
    for _ in range(7):
        address = browser.current_url
        browser.switch_to.new_window("tab")
        browser.get(address)
    project.put("taken.csv", "theirs")
    project.write("taken.csv", "ours")
    for tab in browser.window_handles:
        browser.switch_to.window(tab)
        wait(browser, lambda: browser.title == "needs you · aqsync")
    browser.switch_to.window(first)
    browser.close()  # it has listened; another one goes on
    project.write("taken.csv", "theirs")
    for tab in browser.window_handles:
        browser.switch_to.window(tab)
        wait(browser, lambda: browser.title == "all up there · aqsync")
    for tab in browser.window_handles[1:]:
        browser.switch_to.window(tab)
        browser.close()
    browser.switch_to.window(browser.window_handles[0])


def streams(address: str) -> int:
    """How many connections there are to the page; each carries one request, so they are streams."""
    port = f":{urlsplit(address).port or 0:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] == "01" for row in rows)


@pytest.mark.usefixtures("daemon")
def test_a_tab_that_nobody_sees_asks_for_nothing(
    browser: webdriver.Chrome, project: Project
) -> None:
    open_page(browser, project)
    address, first = browser.current_url, browser.current_window_handle
    wait(browser, lambda: streams(address) == 1)
    browser.execute_script(
        "window.was = {};"
        "addEventListener('visibilitychange',"
        " () => was[document.visibilityState] = performance.now(), {capture: true})"
    )
    browser.switch_to.new_window("tab")
    browser.get(address)  # this one listens now, and tells the other
    project.put("taken.csv", "theirs")
    project.write("taken.csv", "ours")
    wait(browser, lambda: browser.title == "needs you · aqsync")
    assert streams(address) == 1
    browser.get("about:blank")
    wait(browser, lambda: streams(address) == 0)
    browser.close()
    browser.switch_to.window(first)
    wait(browser, lambda: browser.title == "needs you · aqsync")
    wait(browser, lambda: streams(address) == 1)
    asked = browser.execute_script(
        "return performance.getEntriesByType('resource')"
        ".filter((each) => was.hidden < each.startTime && each.startTime < was.visible)"
        ".map((each) => each.name)"
    )
    assert asked == []


def test_a_conflict_is_overwritten_after_a_question(
    browser: webdriver.Chrome, project: Project, daemon: Daemon
) -> None:
    conflicts(project, daemon, "a.csv", "b.csv")
    open_page(browser, project, "/needs-you")
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".files > li")) == 2)
    press(browser, By.PARTIAL_LINK_TEXT, "Overwrite it")
    wait(browser, lambda: one(browser, "h1").text == "Overwrite on the server?")
    assert "what is there now is lost" in one(browser, "main").text
    assert project.read("a.csv") == b"theirs"
    one(browser, "#yes").click()
    wait(browser, lambda: "has begun" in one(browser, "#said").text)
    # The question gives way to what came of it.
    wait(browser, lambda: one(browser, "h1").text == "What needs you")
    assert browser.current_url.endswith("/needs-you")
    wait(browser, lambda: "1 uploaded" in live(browser))
    wait(browser, lambda: texts(browser, ".files .path") == ["b.csv"])
    assert project.read("a.csv") == b"ours"
    assert project.read("b.csv") == b"theirs"


@pytest.mark.usefixtures("daemon")
def test_what_a_button_did_is_told(browser: webdriver.Chrome, project: Project) -> None:
    open_page(browser, project)
    one(browser, "form[hx-post='/do/pause'] button").click()
    wait(browser, lambda: one(browser, "#said").text == "everything is paused")
    wait(browser, lambda: browser.title == "waiting · aqsync")
    assert "Everything was paused" in live(browser)
    project.write("waits.csv")
    one(browser, "form[hx-post='/do/push'] input[type=checkbox]").click()
    one(browser, "form[hx-post='/do/push'] button").click()
    wait(browser, lambda: "1 uploaded" in live(browser))
    press(browser, By.ID, "resume-1")
    wait(browser, lambda: one(browser, "#said").text == "everything is no longer paused")
    wait(browser, lambda: "Everything was paused" not in live(browser))
    project.config.write_text("no configuration")
    one(browser, "form[hx-post='/do/reload'] button").click()
    wait(browser, lambda: one(browser, "#said p").get_attribute("class") == "problem")
    wait(browser, lambda: "400" in "".join(complaints(browser)))


def test_a_page_that_is_cut_off_says_so_and_comes_back(
    browser: webdriver.Chrome, project: Project, daemon: Daemon
) -> None:
    open_page(browser, project)
    port = browser.current_url.rstrip("/").rpartition(":")[2]
    wait(browser, lambda: browser.title == "all up there · aqsync")
    assert one(browser, "#cut-off").text == ""
    config = yaml.safe_load(project.config.read_text())
    project.config.write_text(yaml.safe_dump(config | {"status": {"listen": f"127.0.0.1:{port}"}}))
    daemon.stop()
    wait(browser, lambda: "cut off" in one(browser, "#cut-off").text)
    project.put("new.csv", "theirs")
    project.write("new.csv", "ours")
    daemon.start()
    wait(browser, lambda: one(browser, "#cut-off").text == "")
    wait(browser, lambda: browser.title == "needs you · aqsync")
    complaints(browser)


def test_hostile_names_are_text_and_do_nothing(
    browser: webdriver.Chrome, project: Project, daemon: Daemon
) -> None:
    for name in HOSTILE:
        project.write(name, "ours")
    daemon.wait(lambda: len(project.remote_names()) == len(HOSTILE), "all files")
    for name in project.remote_names():
        project.put(name, "theirs")
    for name in HOSTILE:
        project.write(name, "ours, and more")
    open_page(browser, project, "/needs-you")
    wait(
        browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".files > li")) == len(HOSTILE)
    )
    links = list[str]()

    def read() -> bool:
        found = browser.find_elements(By.CSS_SELECTOR, ".files a.button")
        links[:] = [str(each.get_attribute("href")) for each in found]
        return len(links) == 2 * len(HOSTILE)

    wait(browser, read)
    for link in ("/", *links):
        browser.get(link if "://" in link else browser.current_url.partition("/needs")[0] + link)
        assert "evil" not in browser.title
        assert browser.find_elements(By.CSS_SELECTOR, "main script, main img, [onerror]") == []


def violations(browser: webdriver.Chrome) -> list[str]:
    options = {"runOnly": {"type": "tag", "values": RULES}}
    found: dict[str, Any] = Axe().run(browser, options=options)
    return [
        f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]
    ]


def test_everybody_can_use_it(browser: webdriver.Chrome, project: Project, daemon: Daemon) -> None:
    """axe-core finds nothing, in light and dark; nothing is cut off at 200 % or on a phone."""
    project.write("sent.csv")
    daemon.wait_for_remote({"sent.csv"})
    conflicts(project, daemon, *(f"{'long-' * 30}{n}.csv" for n in range(3)))
    open_page(browser, project, "/needs-you")
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".files > li")) == 3)
    links = links_of(browser, "Overwrite it", "Ignore")
    home = browser.current_url.partition("/needs")[0]
    browser.get(home)
    pages = [
        str(each.get_attribute("href")) for each in browser.find_elements(By.CSS_SELECTOR, "nav a")
    ]
    assert len(pages) >= 2
    try:
        for page in (*pages, *links):
            for scheme in ("light", "dark"):
                media = [{"name": "prefers-color-scheme", "value": scheme}]
                browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
                browser.get(page)
                assert violations(browser) == [], (page, scheme)
            for width in (550, 360):  # 1100 at 200 %, and a phone
                size = {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                browser.get(page)
                wide = browser.execute_script("return document.documentElement.scrollWidth")
                assert wide <= width, page
            browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_keyboard_reaches_everything_and_keeps_its_place(
    browser: webdriver.Chrome, project: Project, daemon: Daemon
) -> None:
    conflicts(project, daemon, "a.csv", "b.csv")
    open_page(browser, project, "/needs-you")
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".files > li")) == 2)
    reached = list[str]()
    for _ in range(40):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
        if focused.tag_name == "body" or focused.id in reached:
            break
        reached.append(focused.id)
    wanted = browser.find_elements(
        By.CSS_SELECTOR, "a[href], button, select, input:not([type=hidden])"
    )
    assert {each.id for each in wanted} <= set(reached)
    last = wanted[-1].get_attribute("id")
    assert last
    browser.execute_script("document.getElementById(arguments[0]).focus()", last)
    project.put("c.csv", "theirs")
    project.write("c.csv", "ours")
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".files > li")) == 3)
    assert browser.switch_to.active_element.get_attribute("id") == last
