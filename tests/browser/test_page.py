"""The page in a real browser: what a person sees and does."""

from __future__ import annotations

import struct
import zlib
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.looking import TOKEN, complaints, one, texts, wait
from tests.support.embedded import EmbeddedServer
from tests.support.visit import Visit

EVIL = "<script>document.title='evil'</script><img src=x onerror=\"document.title='evil'\">"
ODD = "it's #7 & 100%;=+ (µbar).csv"


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + bytes([10, 110, 117]) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def open_page(browser: webdriver.Chrome, visit: Visit, path: str) -> None:
    browser.get(visit.url + path)


@pytest.mark.long
def test_list_search_and_open(browser: webdriver.Chrome, visit: Visit) -> None:
    made = visit.create("Zebra crossing", ["striped-tag"])
    visit.create("Other animal", ["striped-tag"])
    open_page(browser, visit, "/")
    assert {"Zebra crossing", "Other animal"} <= set(texts(browser, "tbody th"))
    assert texts(browser, "thead th") == ["EID", "Title", "Tags", "Created"]

    browser.find_element(By.LINK_TEXT, "striped-tag").click()
    wait(browser, lambda: texts(browser, "tbody th") == ["Other animal", "Zebra crossing"])

    one(browser, "#q").send_keys("zEBRA")
    one(browser, "form.search button").click()
    wait(browser, lambda: texts(browser, "tbody th") == ["Zebra crossing"])
    assert one(browser, "#tag").get_attribute("value") == "striped-tag"

    one(browser, "tbody th a").click()
    wait(browser, lambda: one(browser, "h1").text == "Zebra crossing")
    assert urlsplit(browser.current_url).path == f"/experiments/{made['eid']}"
    assert "There is no file yet." in one(browser, "main").text


@pytest.mark.long
def test_a_text_and_an_image_are_shown(browser: webdriver.Chrome, visit: Visit) -> None:
    made = visit.create("to be looked at")
    visit.put(made["uuid"], ODD, "delay,µ\n1,<b>2</b>\n".encode())
    visit.put(made["uuid"], "plot.png", png(320, 200))
    visit.put(
        made["uuid"],
        "plot.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60">'
        b"<style>rect { fill: red }</style><rect width='90' height='60'/></svg>",
    )
    open_page(browser, visit, f"/experiments/{made['eid']}")
    browser.find_element(By.LINK_TEXT, ODD).click()
    wait(browser, lambda: one(browser, "h1").text == ODD)
    assert one(browser, "pre.text").text == "delay,µ\n1,<b>2</b>"

    for name, size in (("plot.png", [320, 200]), ("plot.svg", [90, 60])):
        open_page(browser, visit, f"/experiments/{made['eid']}")
        browser.find_element(By.LINK_TEXT, name).click()
        wait(browser, partial(one, browser, "img.picture"))
        image = one(browser, "img.picture")
        wait(browser, partial(image.get_property, "complete"))
        assert [image.get_property(side) for side in ("naturalWidth", "naturalHeight")] == size


@pytest.mark.long
def test_a_download_has_the_bytes_and_the_name(
    browser: webdriver.Chrome, visit: Visit, downloads: Path
) -> None:
    made = visit.create("to be taken home")
    content = bytes(range(256)) * 10_000
    visit.put(made["uuid"], ODD, content)
    open_page(browser, visit, f"/experiments/{made['eid']}")
    one(browser, "tbody td a[download]").click()
    saved = downloads / ODD
    wait(browser, lambda: saved.exists() and saved.stat().st_size == len(content))
    assert saved.read_bytes() == content


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_an_upload_arrives_byte_for_byte(
    browser: webdriver.Chrome,
    visit: Visit,
    tmp_path: Path,
    script: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    made = visit.create("to be filled")
    visit.put(made["uuid"], "there.txt", b"old")
    contents = {ODD: bytes(range(256)) * 12_000, "Δf.csv": b"\r\n1\n", "empty.tag": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "there.txt").write_bytes(b"new")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
    try:
        open_page(browser, visit, f"/experiments/{made['eid']}")
        upload(browser, [tmp_path / name for name in contents])
        wait(browser, lambda: texts(browser, ".notice") == ["3 files stored."])
        assert {name: visit.get(made["uuid"], name) for name in contents} == contents
        assert set(texts(browser, "tbody th")) == {*contents, "there.txt"}

        upload(browser, [tmp_path / "there.txt"])
        wait(browser, lambda: "A file of this name is there already." in one(browser, "main").text)
        assert visit.get(made["uuid"], "there.txt") == b"old"
        # The refusal is an answer of its own, which the console notes.
        wait(browser, lambda: "409" in "".join(complaints(browser)))

        one(browser, "input[name=replace]").click()
        upload(browser, [tmp_path / "there.txt"])
        wait(browser, lambda: texts(browser, ".notice") == ["1 file stored."])
        assert visit.get(made["uuid"], "there.txt") == b"new"
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def upload(browser: webdriver.Chrome, files: list[Path]) -> None:
    one(browser, "#chosen").send_keys("\n".join(map(str, files)))
    one(browser, ".upload button").click()


@pytest.mark.long
def test_a_file_that_is_too_large_is_not_even_sent(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    (tmp_path / "large.bin").write_bytes(b"x" * 1025)
    with (
        EmbeddedServer(tmp_path / "data", max_file_bytes=1024) as server,
        Visit(server.url) as visit,
    ):
        made = visit.create("small files only")
        open_page(browser, visit, f"/experiments/{made['eid']}")
        upload(browser, [tmp_path / "large.bin"])
        wait(browser, lambda: texts(browser, ".says") == ["large.bin is larger than 1 KiB."])
        assert visit.names(made["uuid"]) == []


@pytest.mark.long
def test_login_and_logout(browser: webdriver.Chrome, guarded: EmbeddedServer) -> None:
    with Visit(guarded.url, TOKEN) as program:
        made = program.create("behind the token")
        program.put(made["uuid"], "plot.png", png(3, 2))
    wanted = f"{guarded.url}/experiments/{made['eid']}/view/plot.png"
    browser.get(wanted)
    assert one(browser, "h1").text == "Log in"
    one(browser, "#token").send_keys("wrong")
    one(browser, "main button").click()
    wait(browser, lambda: texts(browser, "[role=alert]") == ["This is not a token of this server."])
    wait(browser, lambda: "401" in "".join(complaints(browser)))
    one(browser, "#token").send_keys(TOKEN)
    one(browser, "main button").click()
    wait(browser, lambda: browser.current_url == wanted)
    wait(browser, lambda: one(browser, "img.picture").get_property("naturalWidth") == 3)
    assert browser.execute_script("return document.cookie") == ""
    assert TOKEN not in str(browser.get_cookies())

    one(browser, "header button").click()
    wait(browser, lambda: one(browser, "h1").text == "Log in")
    browser.get(guarded.url)
    assert one(browser, "h1").text == "Log in"


@pytest.mark.long
def test_scripts_that_users_write_do_not_run(browser: webdriver.Chrome, visit: Visit) -> None:
    made = visit.create(EVIL)
    visit.ask(
        "mutation($uuid: UUID!, $text: String!) {updateExperiment(uuid: $uuid,"
        " experimentUpdateInput: {description: $text}) {eid}}",
        uuid=made["uuid"],
        text=EVIL,
    )
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>document.title="evil"</script></svg>'
    visit.put(made["uuid"], "evil.svg", svg)
    visit.put(made["uuid"], "evil.html", EVIL.encode())
    page = f"/experiments/{made['eid']}"
    for path in ("/", page, f"{page}/view/evil.svg", f"{page}/view/evil.html"):
        open_page(browser, visit, path)
        assert "evil" not in browser.title.replace("evil.", "").replace(EVIL, "")
        assert browser.find_elements(By.CSS_SELECTOR, "main script, main [onerror]") == []
    assert one(browser, "pre.text").text == EVIL

    # Opened by itself the image is saved, and so is the file of the API; the page stays.
    for path in (f"{page}/image/evil.svg", f"/api/files/{made['uuid']}/evil.html"):
        browser.get(visit.url + path)
        assert one(browser, "pre.text").text == EVIL


@pytest.mark.long
def test_the_whole_page_can_be_read_on_a_phone(browser: webdriver.Chrome, visit: Visit) -> None:
    made = visit.create("W" * 200, [f"tag-{'x' * 60}", "short"])
    visit.put(made["uuid"], "n" * 200 + ".csv", b"x" * 300 + b"\n")
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page = f"/experiments/{made['eid']}"
        for path in ("/", page, f"{page}/view/{'n' * 200}.csv"):
            open_page(browser, visit, path)
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= 360, unquote(path)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.long
def test_everything_has_a_name_for_those_who_do_not_see_it(
    browser: webdriver.Chrome, visit: Visit
) -> None:
    made = visit.create("for all")
    visit.put(made["uuid"], "plot.png", png(3, 2))
    page = f"/experiments/{made['eid']}"
    for path in ("/", page, f"{page}/view/plot.png"):
        open_page(browser, visit, path)
        tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        seen = [node for node in tree if not node["ignored"]]
        for node in seen:
            role = node["role"]["value"]
            if role in {"link", "button", "textbox", "searchbox", "checkbox", "image", "table"}:
                assert node["name"]["value"], (path, role)
        roles = [node["role"]["value"] for node in seen]
        assert {"main", "banner", "heading"} <= set(roles)
