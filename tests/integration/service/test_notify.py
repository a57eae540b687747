"""`aqsync notify`, and how messages leave: to a real receiver on loopback."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from aqsync.config.notify import Address, labelled
from aqsync.errors import NotSent
from aqsync.service import outgoing
from aqsync.service.heartbeat import send_beat
from aqsync.service.messages import senders
from aqsync.service.messages.message import test_message as message_for_a_test
from aqsync.service.messages.stop_mark import StopMark
from tests.support.project import Ran, run
from tests.support.receiver import SECRET, Receiver

# apprise imports what Python will drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


class Place:
    """A configuration of one mapping that nobody uploads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal.db"
        self.config = folder / "c.yaml"
        (folder / "root").mkdir()

    def write(self, *urls: str, more: str = "") -> None:
        self.config.write_text(
            "server: {url: 'http://127.0.0.1:1'}\njournal: journal.db\n"
            "mappings: [{name: a, directory: root, experiment: 20261123-1}]\n"
            f"notify: {{urls: {json.dumps(urls)}{more}}}\n"
        )
        self.config.chmod(0o600)

    def run(self, *words: str, environment: dict[str, str] | None = None) -> Ran:
        ran = run(*words, "--config", self.config, environment=environment)
        assert SECRET not in ran.text
        return ran


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def apprise_url(receiver: Receiver) -> str:
    """apprise's own JSON, to the same receiver."""
    return receiver.url.replace("http://", "json://")


def test_a_test_message_goes_to_each_address(place: Place, receiver: Receiver) -> None:
    place.write(receiver.url, apprise_url(receiver))
    ran = place.run("notify", "test")
    assert ran.exit_code == 0, ran.text
    shown = receiver.url.removesuffix(f"/{SECRET}")
    assert ran.out.splitlines() == [
        f"ok: {shown} has taken the message",
        "ok: json://... has taken the message",
    ]
    ours = next(each for each in receiver.messages if "event" in each)
    theirs = next(each for each in receiver.messages if "event" not in each)
    assert (ours["event"], ours["version"], ours["groups"]) == ("test", 1, [])
    assert theirs["title"] == ours["title"]
    assert theirs["message"] == ours["text"]


def test_what_others_have_written_is_text_and_calls_nobody(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services that take HTML show it as it is; names of files and servers' words may be any."""
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.notify_format", "html")
    said = "<img src=x> @everyone <!channel> a@here <@U1> for b@example.com\n  what to do: look"
    message = replace(message_for_a_test(0), text=said)
    address = apprise_url(receiver)
    senders.send(labelled([SecretStr(address)])[0], message.to_json())
    [taken] = receiver.messages
    assert "<" not in taken["message"].replace("<br/>", "")
    shown = html.unescape(taken["message"]).replace("<br/>", "\n")
    for each in ("@everyone", "<!channel>", "@here", "<@U1>"):
        assert each not in shown
    assert "b@example.com" in shown
    assert len(shown.splitlines()) == 2
    assert shown.replace("\u200b", "").split() == said.split()


def test_what_one_does_not_take_is_said_and_is_no_success(place: Place, receiver: Receiver) -> None:
    gone = f"http://127.0.0.1:1/{SECRET}"
    place.write(receiver.url, gone, f"tgram://{SECRET}", gone.replace("http", "json"))
    ran = place.run("notify", "test")
    assert ran.exit_code == 1
    assert receiver.events == ["test"]
    assert "Connection refused" in ran.err
    assert "tgram://... is an address that apprise does not understand" in ran.err
    assert "json://... did not take the message" in ran.err


def test_an_address_of_the_command_line(place: Place, receiver: Receiver) -> None:
    place.write()
    assert place.run("notify", "test").exit_code == 2
    assert place.run("notify", "test", "--url", receiver.url).exit_code == 0
    assert receiver.events == ["test"]
    wrong = place.run("notify", "test", "--url", SECRET)
    assert wrong.exit_code == 2
    assert "this is not an address" in wrong.err


def test_without_apprise_it_is_said_how_to_install_it(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "find_spec", lambda _name: None)
    place.write(apprise_url(receiver))
    for words in (["notify", "test"], ["check"], ["doctor", "--only", "messages"]):
        assert "pip install 'aqsync[notify]'" in place.run(*words).text
    assert receiver.requests == []


def test_check_and_doctor_say_who_is_told_and_who_else_can_read_it(
    place: Place, receiver: Receiver
) -> None:
    place.write(receiver.url)
    shown = receiver.url.removesuffix(f"/{SECRET}")
    ran = place.run("check")
    assert shown in ran.out
    assert "every user can read it" not in ran.text
    place.config.chmod(0o644)
    for words in (["check"], ["doctor", "--only", "messages"]):
        ran = place.run(*words)
        assert ran.exit_code == 0, ran.text
        assert "holds addresses with their secrets, and every user can read it" in ran.text
        assert "chmod o-r" in ran.text
        assert shown in ran.out


@pytest.mark.parametrize("result", ["exit-code", "", "watchdog"])
def test_an_end_is_told_once(place: Place, receiver: Receiver, result: str) -> None:
    place.write(receiver.url)
    environment = {"SERVICE_RESULT": result} if result else {}
    for _ in range(3):
        assert place.run("notify", "stopped", environment=environment).exit_code == 0
    [message] = receiver.messages
    assert message["event"] == "stopped"
    assert result in message["text"]
    StopMark(place.journal).clear()
    place.run("notify", "stopped", environment=environment)
    assert receiver.events == ["stopped"] * 2


def test_an_end_in_good_order_and_one_that_nobody_wants_is_not_told(
    place: Place, receiver: Receiver
) -> None:
    place.write(receiver.url)
    place.run("notify", "stopped", environment={"SERVICE_RESULT": "success"})
    place.write(receiver.url, more=", on: [stuck]")
    place.run("notify", "stopped")
    assert receiver.requests == []


def test_one_that_could_not_be_told_is_told_the_next_time(place: Place, receiver: Receiver) -> None:
    place.write(receiver.url)
    receiver.status = 500
    assert place.run("notify", "stopped").exit_code == 1
    receiver.status = 200
    assert place.run("notify", "stopped").exit_code == 0
    assert receiver.events == ["stopped"] * 2


def test_the_mark_needs_no_more_room_than_it_has(place: Place) -> None:
    mark = StopMark(place.journal)
    mark.clear()
    [file] = set(place.folder.iterdir()) - {place.folder / "root"}
    size = file.stat().st_size
    mark.told(1_800_000_000_000_000_000)
    assert (mark.told_at_ns(), file.stat().st_size) == (1_800_000_000_000_000_000, size)
    assert file.stat().st_mode & 0o777 == 0o600
    mark.clear()
    assert (mark.told_at_ns(), file.stat().st_size) == (None, size)
    file.write_text("x")
    assert mark.told_at_ns() is None


def test_signs_of_life(receiver: Receiver) -> None:
    [address] = labelled([SecretStr(f"{receiver.url}?key=1")])
    send_beat(address, "")
    send_beat(address, "something needs you")
    assert receiver.requests == [
        ("GET", f"/{SECRET}?key=1", ""),
        ("POST", f"/{SECRET}/fail?key=1", "something needs you"),
    ]


@pytest.mark.parametrize("status", [301, 404, 500])
def test_only_success_is_success(
    receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    [address] = labelled([SecretStr(receiver.url)])
    receiver.status = status
    with pytest.raises(NotSent, match=f"answers with the status {status}") as found:
        outgoing.get(address)
    assert SECRET not in str(found.value) + found.value.hint
    logging.getLogger().setLevel(logging.WARNING)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "url", [f"https://127.0.0.1:{{}}/{SECRET}", f"http://no-such-host.invalid/{SECRET}"]
)
def test_what_cannot_be_reached(receiver: Receiver, url: str) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    address = Address("shown", SecretStr(url.format(port)), is_webhook=True)
    with pytest.raises(NotSent) as found:
        senders.send(address, message_for_a_test(0).to_json())
    assert found.value.message.startswith("shown ")
    assert found.value.__cause__ is None
    assert SECRET not in found.value.message


def test_the_place_of_the_mark_may_be_missing(tmp_path: Path) -> None:
    mark = StopMark(tmp_path / "not there" / "journal.db")
    mark.told(1)
    mark.clear()
    assert mark.told_at_ns() is None
    assert not list(tmp_path.iterdir())
