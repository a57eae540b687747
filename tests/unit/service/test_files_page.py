"""Files are found, browsed and explained in the words of the commands; names do no harm."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import quote

import pytest

from aqsync.journal.history import Event, HistoryKind
from aqsync.service.page import files, folder
from aqsync.sync.explained import told
from tests.support.lab import EID, Lab
from tests.support.status_page import Browser, browsing

EVIL = "<script>alert(1)</script>&\"'.csv"
ODD = os.fsdecode(b"bad-\xff.d\x01t")


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Browser]:
    """One that was let in."""
    with browsing(lab) as browser:
        yield browser.enter()


def text(visitor: Browser, path: str) -> str:
    answer = visitor.ask(path)
    assert answer.status == 200
    shown = answer.body.decode()
    assert "<script>alert" not in shown
    assert "style=" not in shown
    return shown


def links(shown: str, page: str) -> list[str]:
    found = map(unescape, re.findall(r'href="([^"]+)"', shown))
    return [link for link in found if link.startswith(page)]


def test_each_name_is_found_and_leads_to_its_file(lab: Lab, visitor: Browser) -> None:
    for name in (EVIL.replace("/", ":"), ODD, "run 1/plain.txt"):
        lab.write(name)
    lab.scan()
    lab.push()
    for word in ("alert", "bad-", "plain"):
        [link] = links(text(visitor, f"/files?q={word}"), "/files/file")
        shown = text(visitor, link)
        assert "in sync, for" in shown
        assert ">uploaded<" in shown
    assert (
        quote(b"bad-\xff")
        in links(
            text(visitor, f"/files?q={quote(ODD.encode('utf-8', 'surrogateescape'))}"),
            "/files/file",
        )[0]
    )
    assert "bad-\\udcff.d\\x01t" in text(visitor, "/files/folder?mapping=lab")


def test_a_whole_path_is_found_too(lab: Lab, visitor: Browser) -> None:
    lab.write("run 1/x")
    lab.scan()
    shown = text(visitor, f"/files?q={quote(str(lab.root / 'run 1/x'))}+")
    assert len(links(shown, "/files/file")) == 1


def test_what_needs_a_person_leads_to_its_file(lab: Lab, visitor: Browser) -> None:
    lab.write(ODD, b"ours")
    lab.scan()
    lab.server.put(EID, lab.record(ODD).remote_name, b"theirs")
    lab.push()
    [link] = links(text(visitor, "/needs-you"), "/files/file")
    assert "another file of this name was on the server first" in text(visitor, link)


def test_the_words_are_those_of_why(lab: Lab, visitor: Browser) -> None:
    lab.write("a", age_s=0)
    lab.scan()
    shown = unescape(text(visitor, "/files/file?mapping=lab&path=a"))
    file = lab.record("a")
    for label, words in told(lab.mapping, file, lab.decision("a"), None, lab.clock.now_ns()):
        assert f"<dt>{label.capitalize()}</dt><dd>{words}</dd>" in shown


def test_every_version_is_told_page_by_page(
    lab: Lab, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ON_A_PAGE", 2)
    for number in range(5):
        at_ns, sha256 = 10**9 * (60 * number + 60), f"{number}" * 64
        event = Event(at_ns, HistoryKind.UPLOADED, "lab", "gone", "", None, 1024, sha256, "2026-1")
        lab.journal.history.note(event._replace(written_ns=10**9 * 30, took_ns=10**9 * number))
    shown = text(visitor, "/files/file?mapping=lab&path=gone")
    assert "Nothing is decided for this file" in shown
    found, pages = [], 0
    while True:
        found += re.findall(r"<code>(\d)\1{63}</code>", shown)
        pages += 1
        more = [link for link in links(shown, "/files/file") if "before=" in link]
        if not more:
            break
        shown = text(visitor, more[0])
    assert (found, pages) == (list("43210"), 3)
    assert links(text(visitor, "/files?q=gon"), "/files/file")
    assert "known from the past only" in text(visitor, "/files?q=gon")


def test_folders_and_finds_are_paged(
    lab: Lab, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ON_A_PAGE", 2)
    for number in range(5):
        lab.write(f"file-{number}")
        lab.write(f"folder-{number}/x")
    lab.scan()

    def all_of(shown: str, page: str, more: str) -> list[str]:
        found = []
        while True:
            every = links(shown, page)
            found += [link for link in every if more not in link]
            following = [link for link in links(shown, "/files") if more in link]
            if not following:
                return found
            shown = text(visitor, following[0])

    shown = text(visitor, "/files/folder?mapping=lab")
    assert "1 unknown" in shown
    assert len({*all_of(shown, "/files/folder?mapping=lab&path=folder-", "first=")}) == 5
    assert len({*all_of(shown, "/files/file?", "after=")}) == 5
    assert len(all_of(text(visitor, "/files?q=f"), "/files/file?", "q=f&")) == 10


def test_below_very_many_files_is_counted_after_the_page_is_shown(
    lab: Lab, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MANY", 1)
    lab.write("top")
    lab.write("inner/x")
    lab.scan()
    shown = text(visitor, "/files/folder?mapping=lab")
    assert ">top<" in shown
    assert "inner" not in shown
    [later] = re.findall(r'hx-get="([^"]+)"', shown)
    assert "inner/" in text(visitor, unescape(later))


@pytest.mark.parametrize(
    "path",
    [
        "/files",
        "/files?q=",
        "/files?q=%00%FF%25_",
        "/files?q=x&path=a&mapping=%FF",
        "/files/folder",
        "/files/folder?mapping=none&path=..%2F..&first=-1",
        f"/files/folder?mapping=lab&first={'9' * 5000}",
        "/files/file?mapping=lab&path=a&before=9999999999999999999",
        "/files/file",
        "/files/file?mapping=%FF&path=%FF&before=99999999999999999999999",
        "/files/file?mapping=lab&path=a%00b",
    ],
)
def test_whatever_is_asked_is_answered(visitor: Browser, path: str) -> None:
    text(visitor, path)
