"""What needs a person stands on the page, and its buttons do what the commands do."""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from aqsync.errors import ConfigError
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import Hold, Reason, State
from aqsync.service.page.addresses import quoted
from aqsync.service.page.for_a_person import OVERWRITABLE, Reasons
from aqsync.service.page.gate import FORM_HEADER
from aqsync.service.page.news import Newest
from aqsync.service.page.pushes import Pushes
from aqsync.service.page.site import Site
from aqsync.service.web.models import FileUnderWay
from aqsync.service.web.orders import Orders
from aqsync.sync.overview import Doubts
from tests.support.lab import EID, Lab
from tests.support.patience import wait_until
from tests.support.status_page import Answer, Browser, Shown, browsing
from tests.support.stepping import config_of

HOSTILE = (
    "<script>alert(1)</script>.csv",
    "\"><img src=x onerror='alert(1)'>.csv",
    "a\nb\r.csv",
    "\u202egnp.exe",
    os.fsdecode(b"\xff\xfe.csv"),
    "{{ 777 * 777 }}{% raw %}.csv",
)


@pytest.fixture
def browser(lab: Lab) -> Iterator[Browser]:
    with browsing(lab) as made:
        yield made.enter()


def conflicts(lab: Lab, *names: str) -> None:
    """Others have stored files of these names before."""
    for name in names:
        lab.write(name, b"ours")
    lab.scan()
    for name in names:
        lab.server.put(EID, lab.record(name).remote_name, b"theirs")
    lab.push()
    assert {lab.decision(name).state for name in names} == {State.HELD}


CONFLICT = {"mapping": "lab", "state": "held", "code": "conflict-name-taken"}


def test_the_first_page_tells_all_at_a_glance(lab: Lab, browser: Browser) -> None:
    lab.write("old.csv", b"1" * 2048)
    lab.push()
    lab.write("young.csv", b"22", age_s=0)
    lab.scan()
    found = browser.ask("/")
    assert "waiting Files will go by themselves, later. 2 B to go (1 file)." in found.text
    assert f"{lab.root} → {EID}" in found.text
    assert f'href="http://127.0.0.1:1/aqd/experiments/{EID}"' in found.body.decode()
    assert "in sync 1 2.0 KiB" in found.text
    assert "waiting 1 2 B" in found.text
    assert "held 0" in found.text
    assert "Oldest young.csv" in found.text
    assert "The server's own lists have never yet confirmed" in found.text
    lab.clock.advance(60)
    lab.push()
    browser.shown.board.outdate()
    assert "all up there Everything is on the server as it is here." in browser.ask("/").text


def test_reasons_stand_with_hint_age_and_files(lab: Lab, browser: Browser) -> None:
    assert (
        "Nothing. What is not on the server yet goes by itself." in browser.ask("/needs-you").text
    )
    conflicts(lab, *(f"{number:03}.csv" for number in range(230)))
    browser.shown.board.outdate()
    lab.clock.advance(120)
    found = browser.ask("/needs-you").text
    assert "conflict: another file of this name was on the server first" in found
    assert "held in lab: 230 files (920 B), for up to 2 min" in found
    assert "hint: compare the two" in found
    assert "009.csv" in found
    assert "010.csv" not in found
    [address] = browser.ask("/needs-you").addresses("/needs-you/files")
    shown = set[str]()
    for number in (1, 2, 3):
        text = browser.ask(f"{address}&page={number}").text
        assert f"page {number} of 3" in text
        shown |= {name for name in (f"{n:03}.csv" for n in range(230)) if name in text}
    assert len(shown) == 230


def test_files_are_tried_again_and_no_others(lab: Lab, browser: Browser) -> None:
    conflicts(lab, "a.csv", "b.csv")
    answer = browser.send("/do/retry", **CONFLICT, file=quoted("a.csv"))
    assert answer.text == "1 file set free; the daemon tries again"
    assert answer.headers["hx-trigger"] == "restated, answered"
    assert browser.shown.asked == ["look again"]


def test_a_list_of_files_that_were_seen_to_leads_back(lab: Lab, browser: Browser) -> None:
    conflicts(lab, "a.csv")
    [address] = re.findall(r'hx-get="(/needs-you/files[^"]*)"', _files(browser).body.decode())
    assert browser.ask(html.unescape(address)).status == 200
    lab.write("a.csv", b"theirs")
    lab.push()
    browser.shown.board.outdate()
    answer = _files(browser)
    assert (answer.status, answer.headers["location"]) == (303, "/needs-you")


def _files(browser: Browser) -> Answer:
    return browser.ask(f"/needs-you/files?{urlencode(CONFLICT)}")


def test_many_files_are_tried_again_at_once(lab: Lab, browser: Browser) -> None:
    conflicts(lab, *(f"{number:04}.csv" for number in range(600)))
    assert "600 files set free" in browser.send("/do/retry", **CONFLICT).text


def test_what_is_lost_is_asked_about_first(lab: Lab, browser: Browser) -> None:
    conflicts(lab, "a.csv", "b.csv")
    every, *each = browser.ask("/needs-you").addresses("/needs-you/overwrite")
    assert "It concerns 2 files of lab" in browser.ask(every).text
    found = browser.ask(each[0])
    assert "what is there now is lost" in found.text
    assert "It concerns 1 file of lab: a.csv (4 B here)" in found.text
    answer = browser.press(found)
    assert "replacing a.csv on the server has begun" in answer.text
    wait_until(lambda: "1 uploaded" in browser.ask("/needs-you").text, "the end of the push")
    assert lab.remote == {"a.csv": b"ours", "b.csv": b"theirs"}
    [limits] = browser.shown.limits
    assert (limits.overwrite, limits.within, limits.at_once) == (False, {"lab": ("a.csv",)}, False)


@pytest.mark.parametrize("meanwhile", ["there", "here", "another file"])
def test_what_has_changed_since_the_question_is_not_replaced(
    lab: Lab, browser: Browser, meanwhile: str
) -> None:
    """A person agrees to what the question has shown, and to nothing else."""
    conflicts(lab, "a.csv", "b.csv")
    question = browser.ask(browser.ask("/needs-you").addresses("/needs-you/overwrite")[0])
    lab.clock.advance(60)
    if meanwhile == "there":
        lab.server.put(EID, lab.record("a.csv").remote_name, b"theirs, and better")
        lab.push()
    elif meanwhile == "here":
        lab.write("a.csv", b"")
        lab.push()
    else:
        conflicts(lab, "c.csv")
    browser.shown.board.outdate()
    before = lab.remote
    answer = browser.press(question)
    assert (answer.status, "no longer as the page has shown it" in answer.text) == (400, True)
    assert (lab.remote, browser.shown.limits) == (before, [])


def test_only_the_version_of_the_question_is_replaced(lab: Lab, browser: Browser) -> None:
    """Others have stored another one, which only the push finds out."""
    conflicts(lab, "a.csv", "b.csv")
    question = browser.ask(browser.ask("/needs-you").addresses("/needs-you/overwrite")[0])
    lab.clock.advance(60)
    lab.server.put(EID, lab.record("a.csv").remote_name, b"theirs, and better")
    assert "has begun" in browser.press(question).text
    wait_until(lambda: "1 uploaded" in browser.ask("/needs-you").text, "the end of the push")
    assert lab.remote == {"a.csv": b"theirs, and better", "b.csv": b"ours"}
    assert lab.decision("a.csv").reason is Reason.CONFLICT_NAME_TAKEN


@pytest.mark.parametrize("path", ["/do/retry", "/do/overwrite"])
def test_what_takes_something_away_needs_the_answer_to_its_question(
    lab: Lab, browser: Browser, path: str
) -> None:
    lab.write("a.csv", b"good")
    lab.push()
    lab.write("new", b"").rename(lab.root / "a.csv")
    conflicts(lab, "b.csv")
    lab.clock.advance(3600)
    lab.scan()
    fields = CONFLICT if path == "/do/overwrite" else CONFLICT | {"code": "emptied"}
    for seen in ({}, {"seen": ""}, {"seen": "0" * 64}):
        answer = browser.send(path, **fields, **seen)
        assert (answer.status, "no longer as the page has shown it" in answer.text) == (400, True)
    lab.push()
    assert lab.remote == {"a.csv": b"good", "b.csv": b"theirs"}


def test_more_deletions_than_the_question_has_named_are_not_carried_out(
    lab: Lab, browser: Browser
) -> None:
    lab.configure(on_local_delete="remove", remove_share=0.1)
    browser.shown.config = config_of([lab.mapping])
    for number in range(8):
        lab.write(f"{number}.csv", b"good")
    lab.push()
    for number in range(4):
        (lab.root / f"{number}.csv").unlink()
    lab.clock.advance(3600)
    lab.push()
    question = browser.ask(browser.ask("/needs-you").addresses("/needs-you/retry")[0])
    assert "It concerns 4 files" in question.text
    (lab.root / "5.csv").unlink()
    lab.clock.advance(3600)
    lab.scan()
    browser.shown.board.outdate()
    assert "no longer as the page has shown it" in browser.press(question).text
    lab.push()
    assert len(lab.remote) == 8


def test_what_is_no_longer_so_is_not_done(lab: Lab, browser: Browser) -> None:
    """A page that is open may be old: what was shown as harmless may take something away now."""
    conflicts(lab, "a.csv")
    browser.ask("/needs-you")
    lab.write("a.csv", b"", age_s=0)
    lab.scan()
    assert "nothing to retry" in browser.send("/do/retry", **CONFLICT).text
    answer = browser.send("/do/overwrite", **CONFLICT)
    assert answer.status == 400
    assert "this needs nobody any more" in answer.text
    lab.push()
    assert lab.remote == {"a.csv": b"theirs"}


def test_an_emptied_file_goes_only_after_a_question(lab: Lab, browser: Browser) -> None:
    lab.write("a.csv", b"good")
    lab.push()
    lab.write("new", b"").rename(lab.root / "a.csv")
    lab.clock.advance(3600)
    lab.scan()
    found = browser.ask("/needs-you")
    assert "the file is empty now" in found.text
    assert 'hx-post="/do/retry"' not in found.body.decode()
    [question] = found.addresses("/needs-you/retry")
    asked = browser.ask(question)
    assert "replaced by an empty file, and is lost" in asked.text
    assert "1 file set free" in browser.press(asked).text


def test_a_directory_is_accepted_after_a_question(lab: Lab, browser: Browser) -> None:
    lab.write("a.csv", b"good")
    lab.push()
    lab.root.rename(lab.root.with_name("away"))
    lab.root.mkdir()
    lab.scan()
    assert lab.troubles()
    [question] = browser.ask("/needs-you").addresses("/needs-you/accept")
    asked = browser.ask(question)
    assert "counts from now on as it stands there" in asked.text
    fields = {"mapping": "lab", "state": "failed", "code": "root-in-doubt"}
    assert browser.send("/do/accept", **fields).status == 400, "nobody has answered the question"
    assert lab.troubles()
    assert "is accepted as it is" in browser.press(asked).text
    lab.scan()
    assert lab.troubles() == {}


def test_what_is_done_about_a_directory_sends_nothing_that_others_removed(
    lab: Lab, browser: Browser
) -> None:
    """The question tells of the directory alone; `aqsync retry --mapping` sets files free too."""
    lab.write("a.csv", b"good")
    lab.push()
    uuid = lab.server.of(EID).uuid
    lab.server.remove_files(uuid, ["a.csv"])
    lab.clock.advance(60)
    lab.push()
    assert lab.decision("a.csv").reason is Reason.REMOVED_ON_SERVER
    lab.root.rename(lab.root.with_name("away"))
    lab.root.mkdir()
    lab.scan()
    browser.shown.board.outdate()
    [question] = browser.ask("/needs-you").addresses("/needs-you/accept")
    fields = {"mapping": "lab", "state": "failed", "code": "root-in-doubt"}
    assert "looked at and tried again" in browser.send("/do/retry", **fields).text
    assert not lab.record("a.csv").forced
    assert "is accepted as it is" in browser.press(browser.ask(question)).text
    assert not lab.record("a.csv").forced
    assert browser.shown.asked == ["look again"] * 2
    shutil.copytree(lab.root.with_name("away"), lab.root, dirs_exist_ok=True)
    lab.push()
    assert lab.remote == {}


def test_a_rule_is_shown_and_never_written(lab: Lab, browser: Browser) -> None:
    conflicts(lab, "runs/#1.csv")
    [address] = browser.ask("/needs-you").addresses("/needs-you/ignore")
    found = browser.ask(address).text
    assert f"{lab.root}/.aqsyncignore" in found
    assert "/runs/\\#1.csv" in found
    assert "/runs/" in found
    assert not (lab.root / ".aqsyncignore").exists()


def test_names_of_files_are_text(lab: Lab, browser: Browser) -> None:
    conflicts(lab, *HOSTILE)
    pages = ["/", "/needs-you"]
    found = browser.ask("/needs-you")
    for path in ("/needs-you/overwrite", "/needs-you/ignore"):
        pages += [each for each in found.addresses(path) if "file=" in each]
    assert len(pages) >= 2 + 2 * len(HOSTILE)
    for each in pages:
        body = browser.ask(each).body.decode()
        assert "<script>a" not in body
        assert "<img" not in body
        assert "\u202e" not in body
        assert "603729" not in body
    for name in HOSTILE:
        answer = browser.send("/do/retry", **CONFLICT, file=quoted(name))
        assert "1 file set free" in answer.text, name


def test_an_old_link_is_no_error_of_the_daemon(lab: Lab, browser: Browser) -> None:
    lab.push()
    for page in ("retry", "overwrite", "accept", "ignore"):
        answer = browser.ask(f"/needs-you/{page}?mapping=lab&state=held&code=%00&page=-1")
        assert (answer.status, "needs nobody any more" in answer.text) == (400, True)


def test_pause_and_resume(lab: Lab, browser: Browser) -> None:
    assert (
        "everything is paused until" in browser.send("/do/pause", mapping="", **{"for": "1h"}).text
    )
    assert browser.send("/do/pause", mapping="lab", **{"for": ""}).text == "lab is paused"
    assert browser.shown.asked == [("pause", None, 3600.0), ("pause", "lab", None)]
    lab.journal.pauses.pause(EVERYTHING, lab.clock.now_ns(), None)
    assert "Everything was paused" in browser.ask("/").text
    assert "everything is paused, lab included" in browser.send("/do/resume", mapping="lab").text
    lab.journal.pauses.resume(EVERYTHING)
    assert "everything is no longer paused" in browser.send("/do/resume", mapping="").text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/do/pause", "mapping=nobody&for="),
        ("/do/pause", "mapping=&for=99999999h"),
        ("/do/pause", "mapping="),
        ("/do/pause", "\xff"),
        ("/do/pause", "&&&=;"),
        ("/do/push", "mapping=nobody"),
        ("/do/retry", "mapping=lab&state=held&code=differs"),
        ("/do/retry", "mapping=lab&state=held&code=conflict-name-taken&file=%00"),
        ("/do/accept", "mapping=lab&state=held&code=conflict-name-taken"),
        ("/do/overwrite", ""),
    ],
)
def test_forms_that_are_none_change_nothing(
    lab: Lab, browser: Browser, path: str, body: str
) -> None:
    conflicts(lab, "a.csv")
    assert browser.ask(path, "POST", body, **browser.own).status == 400
    assert browser.ask(path, "POST", "x=" + "x" * (1 << 20), **browser.own).status == 400
    assert browser.shown.asked == []
    assert browser.shown.limits == []


def test_errors_are_told_as_the_commands_tell_them(browser: Browser) -> None:
    browser.shown.refuse = ConfigError("c.yaml: line 3: no", hint="correct it")
    answer = browser.send("/do/reload")
    assert (answer.status, answer.text) == (400, "c.yaml: line 3: no hint: correct it")
    assert "has begun" in browser.send("/do/push", mapping="lab", at_once="yes").text
    wait_until(lambda: "line 3: no" in browser.ask("/").text, "the end of the push")
    browser.shown.refuse = None
    assert "taken over" in browser.send("/do/reload").text
    browser.send("/do/push", mapping="", at_once="yes")
    wait_until(lambda: "0 uploaded" in browser.ask("/").text, "the end of the push")
    [limits] = browser.shown.limits
    assert (limits.at_once, limits.overwrite, limits.mappings) == (True, False, ("lab",))


def test_nothing_is_changed_by_looking(lab: Lab, browser: Browser) -> None:
    conflicts(lab, "a.csv")
    for name in ("retry", "overwrite", "accept", "pause", "resume", "push", "reload"):
        for method in ("GET", "HEAD"):
            assert browser.ask(f"/do/{name}?mapping=lab&for=", method).status in {404, 405}
        without = {key: value for key, value in browser.own.items() if key != FORM_HEADER}
        assert browser.ask(f"/do/{name}", "POST", "mapping=lab&for=", **without).status == 403
    assert browser.shown.asked == []


def test_all_that_may_be_overwritten_is_offered(lab: Lab) -> None:
    """What the planner holds as overwritable has one of these reasons."""
    conflicts(lab, "a.csv")
    held = lab.decision("a.csv")
    assert isinstance(held, Hold)
    assert held.overwritable
    assert held.reason in OVERWRITABLE
    assert {reason for reason in Reason if "conflict" in reason.value} <= OVERWRITABLE


def test_a_refused_configuration_is_shown(lab: Lab, browser: Browser) -> None:
    lab.push()
    browser.shown.doubts = Doubts(refused="c.yaml: line 3: <b>")
    found = browser.ask("/").text
    assert "needs you Some of it goes on only once you have done something" in found
    assert (
        "refused the changed configuration, and works by the old one: c.yaml: line 3: <b>" in found
    )


def test_what_is_being_sent_has_a_bar_and_a_time(lab: Lab, browser: Browser) -> None:
    lab.push()
    lab.write("<b>.bin", b"x" * 4000)
    lab.scan()
    browser.shown.under_way.append(
        FileUnderWay(mapping="lab", path="<b>.bin", size=4000, sent=1000, seconds=10.0)
    )
    found = browser.ask("/")
    assert "2.9 KiB to go (1 file), at 100 B/s, about 30 s left" in found.text
    assert '<progress max="4000" value="1000" aria-label="&lt;b&gt;.bin">' in found.body.decode()
    assert "1000 B of 3.9 KiB, 100 B/s" in found.text


def test_an_open_page_is_told_of_what_is_new_and_of_nothing_else(lab: Lab) -> None:
    lab.write("a.csv", b"1")
    lab.push()
    shown = Shown(lab)
    orders = Orders(shown, lab.clock)
    pushes = Pushes(orders, shown.board.outdate)
    newest = Newest(Site(shown, lab.clock, orders, pushes, Reasons(), "", ()))
    first = newest()
    lab.clock.advance(10)
    shown.board.outdate()
    assert newest() == first, "it was found out anew, and is the same"
    shown.under_way.append(
        FileUnderWay(mapping="lab", path="a", size=4000, sent=1000, seconds=10.0)
    )
    moved = newest()
    assert (moved.standing == first.standing, moved.under_way == first.under_way) == (True, False)
    lab.write("b.csv", b"22", age_s=0)
    lab.scan()
    lab.clock.advance(2)
    waiting = newest()
    assert waiting.standing != moved.standing
    lab.journal.pauses.pause("lab", lab.clock.now_ns(), None)
    paused = newest()
    assert paused.standing != waiting.standing
    lab.clock.advance(60)
    assert newest().standing != paused.standing, "the ages that are shown are others now"
