"""What is told, by a real journal: once for each change, and at least once through kills."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from aqsync.config import Config
from aqsync.config.notify import Address, HeartbeatConfig, NotifyConfig, On
from aqsync.errors import JournalDiskFull, NotSent, ServerUnreachable
from aqsync.journal import Journal
from aqsync.local.room import Room
from aqsync.service.board import Board
from aqsync.service.heartbeat import RETRY_S, Heartbeat
from aqsync.service.messages import alarms, outbox
from aqsync.service.messages.alarms import STILL_S
from aqsync.service.messages.messenger import EVERY_S, Messenger
from aqsync.service.messages.rules import OVER_S
from aqsync.service.messages.stop_mark import StopMark
from aqsync.service.own_facts import OwnFacts
from aqsync.sync.overview import NO_DOUBTS, Doubts
from tests.support.harness import logged
from tests.support.lab import EID, Lab
from tests.support.stepping import config_of

HOOK = "https://hook.example.com/s3cret"
EVERYTHING_BUT_DISK = [on.value for on in On if on not in {On.DISK_LOW, On.DAILY}]


class FakeDaemon:
    """A lab's state, watched as the daemon's is."""

    page = None

    def __init__(self, lab: Lab, **notify: Any) -> None:
        self.lab = lab
        self.config: Config
        self.tell(**notify)
        self.stuck: str | None = None
        self.moved = 0
        self.sent: list[dict[str, Any]] = []
        self.refuses: set[str] = set()
        self.kill_at: Callable[[], None] = lambda: None
        self.begin()

    def tell(self, **notify: Any) -> None:
        wanted = {"urls": [HOOK], "on": EVERYTHING_BUT_DISK} | notify
        lists = {key: tuple(v) if isinstance(v, list) else v for key, v in wanted.items()}
        made = NotifyConfig.model_validate(lists)
        self.config = config_of([self.lab.mapping]).model_copy(update={"notify": made})

    def begin(self) -> None:
        """The process starts."""
        clock = self.lab.clock
        self.board = Board(self.journal, clock, lambda: self.config, lambda: 0)
        self.facts = OwnFacts(self, clock)
        self.messenger = Messenger(self, self.facts, clock, self._send)

    @property
    def journal(self) -> Journal:
        return self.lab.journal

    def hangs(self) -> str | None:
        return self.stuck

    def slow_rescans(self) -> Mapping[str, float]:
        return {}

    def progress(self) -> object:
        return self.moved

    def _send(self, address: Address, body: str) -> None:
        if address.label in self.refuses:
            raise NotSent(f"{address.label} cannot be reached", hint="see")
        self.sent.append(json.loads(body) | {"to": address.label})
        self.kill_at()

    def run(self, seconds: float = 60) -> None:
        """So long the daemon runs; what is sent is sent at once."""
        for _ in range(int(seconds / EVERY_S)):
            self.messenger.step()
            for line in self.messenger._outbox._lines.values():
                if line.thread is not None:
                    line.thread.join()
            self.lab.clock.advance(EVERY_S)

    @property
    def events(self) -> list[str]:
        return [message["event"] for message in self.sent]


def put_another(lab: Lab, *names: str) -> None:
    """Files that a person must look at."""
    for name in names:
        lab.server.put(EID, name, b"theirs")
        lab.write(name, b"ours")
    lab.push()


def test_a_change_is_told_once_to_each_address(lab: Lab) -> None:
    daemon = FakeDaemon(lab, urls=[HOOK, "https://other.example.com"])
    daemon.run()
    assert daemon.sent == []
    put_another(lab, "a.csv", "b.csv")
    daemon.run(300)
    put_another(lab, *(f"{number}.csv" for number in range(30)))
    daemon.run(300)
    assert daemon.events == ["needs_you"] * 2
    first, other = daemon.sent
    assert first | {"to": ""} == other | {"to": ""}
    assert set(first) == {
        *("version", "event", "at", "host", "light", "title", "text", "groups", "mappings"),
        *("page", "to"),
    }
    assert first["version"] == 1
    assert first["light"] == "needs you"
    assert first["title"].endswith("2 files need you")
    [group] = first["groups"]
    assert set(group) == {"mapping", "code", "reason", "hint", "files", "actions"}
    assert (group["code"], group["files"]) == ("conflict-name-taken", 2)
    assert group["hint"] in first["text"]
    [mapping] = first["mappings"]
    assert set(mapping) == {
        *("name", "light", "files_to_come", "bytes_to_come"),
        *("files_for_person", "actions_for_person"),
    }
    assert "s3cret" not in json.dumps(daemon.sent)


def test_a_server_that_is_away_is_told_after_20_s_and_its_return(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    lab.server.troubles["list_files"].append(ServerUnreachable("away", hint="is it on?"))
    lab.engine.refresh([EID])
    daemon.run(15)
    assert daemon.events == []
    daemon.run(25)
    assert daemon.events == ["server_away"]
    assert daemon.sent[0]["groups"][0]["hint"] == "is it on?"
    daemon.begin()
    daemon.run(600)
    lab.engine.refresh([EID])
    daemon.run(60)
    daemon.begin()
    daemon.run(600)
    assert daemon.events == ["server_away", "recovered"]


def test_what_hangs_and_what_gets_nowhere_is_stuck(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    daemon.stuck = "dispatcher"
    daemon.run()
    daemon.stuck = None
    daemon.run()
    assert daemon.events == ["stuck", "recovered"]
    lab.write("a.csv")
    lab.scan()
    lab.engine.refresh([EID])
    for _ in range(10):
        daemon.moved += 1
        daemon.run(STILL_S / 2)
    assert daemon.events[2:] == []
    daemon.run(STILL_S + 60)
    assert daemon.events[2:] == ["stuck"]
    assert daemon.sent[-1]["groups"][0]["code"] == alarms.NO_PROGRESS


@pytest.mark.parametrize("seed", range(5))
def test_none_is_lost_over_kills(lab: Lab, seed: int) -> None:
    """A kill between sending and noting sends it again; no other message is sent twice."""
    chance, kills = random.Random(seed), 0
    daemon = FakeDaemon(lab)

    def kill() -> None:
        if chance.random() < 0.5:
            raise NotSent("the process is killed after it has sent, and before it notes that")

    daemon.kill_at = kill
    for round_ in range(10):
        away = round_ % 2 == 0
        if away:
            lab.server.troubles["list_files"].append(ServerUnreachable("away"))
        lab.engine.refresh([EID])
        for _ in range(60):
            before = len(daemon.sent)
            daemon.run(5)
            if len(daemon.sent) > before and daemon.journal.notices.outgoing():
                kills += 1
                daemon.begin()
        lab.clock.advance(86_400)  # so that nothing counts as flapping
        daemon.run(5)
    told = [event for number, event in enumerate(daemon.events)
            if number == 0 or daemon.events[number - 1] != event]  # fmt: skip
    assert told == ["server_away", "recovered"] * 5
    assert len(daemon.sent) == len(told) + kills
    assert daemon.journal.notices.outgoing() == []


def test_an_address_that_fails_is_tried_again_and_holds_no_other_up(lab: Lab) -> None:
    daemon = FakeDaemon(lab, urls=[HOOK, "https://other.example.com"])
    daemon.refuses = {"https://hook.example.com"}
    put_another(lab, "a.csv")
    with logged() as log:
        daemon.run(3600)
        assert [message["to"] for message in daemon.sent] == ["https://other.example.com"]
        assert daemon.messenger.problems() == ["https://hook.example.com cannot be reached"]
        daemon.refuses = set()
        daemon.run(outbox.LONGEST_PAUSE_S)
    assert [message["to"] for message in daemon.sent][1:] == ["https://hook.example.com"]
    assert daemon.messenger.problems() == []
    assert len(log.of("could not be sent")) == 1


def test_one_that_hangs_holds_nothing_up(lab: Lab) -> None:
    daemon = FakeDaemon(lab, urls=[HOOK, "https://other.example.com"])
    go_on, sent = threading.Event(), []

    def hang(address: Address, _body: str) -> None:
        if address.label == "https://hook.example.com":
            go_on.wait()
        sent.append(address.label)

    daemon.messenger._outbox._send = hang
    put_another(lab, "a.csv")
    for _ in range(40):
        daemon.messenger.step()
        lab.clock.advance(EVERY_S)
    lines = daemon.messenger._outbox._lines
    other, hook = (
        lines["https://other.example.com"].thread,
        lines["https://hook.example.com"].thread,
    )
    assert other is not None
    assert hook is not None
    other.join()
    assert sent == ["https://other.example.com"]
    assert daemon.messenger.problems() == ["https://hook.example.com does not answer"]
    go_on.set()
    hook.join()


def test_old_messages_and_those_to_nobody_are_given_up(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    daemon.refuses = {"https://hook.example.com"}
    put_another(lab, "a.csv")
    daemon.run(60)
    assert len(daemon.journal.notices.outgoing()) == 1
    lab.clock.advance(outbox.KEPT_S)
    daemon.run(10)
    assert daemon.journal.notices.outgoing() == []
    lab.journal.notices.note([], [], [(lab.clock.now_ns(), "https://gone.example.com", "{}")])
    daemon.run(10)
    assert daemon.journal.notices.outgoing() == []


@pytest.mark.parametrize("days", [-3650, -1, 1, 3650])
def test_a_clock_that_is_set_gives_no_message_up(lab: Lab, days: int) -> None:
    """A PC without a clock of its own knows the day only once it reaches a network."""
    daemon = FakeDaemon(lab)
    daemon.refuses = {"https://hook.example.com"}
    put_another(lab, "a.csv")
    daemon.run(60)
    lab.clock.set_back(-days * 86_400)
    daemon.run(60)
    daemon.refuses = set()
    daemon.run(outbox.LONGEST_PAUSE_S)
    assert daemon.events == ["needs_you"]


def test_one_from_before_a_start_has_an_hour_at_least(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    daemon.refuses = {"https://hook.example.com"}
    put_another(lab, "a.csv")
    daemon.run(60)
    lab.clock.set_back(-10 * outbox.KEPT_S)
    daemon.begin()
    daemon.run(outbox.LAST_TRIES_S - 60)
    assert len(daemon.journal.notices.outgoing()) == 1
    daemon.run(120)
    assert daemon.journal.notices.outgoing() == []


@pytest.mark.parametrize("hours", [1, 30_000])
def test_a_server_is_not_back_because_the_clock_is_set_back(lab: Lab, hours: int) -> None:
    daemon = FakeDaemon(lab)
    lab.server.troubles["list_files"].append(ServerUnreachable("away"))
    lab.engine.refresh([EID])
    daemon.run(60)
    lab.clock.set_back(hours * 3600)
    daemon.run(600)
    assert daemon.events == ["server_away"]


def test_what_is_no_longer_looked_at_has_not_recovered(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    put_another(lab, "a.csv")
    daemon.run(60)
    config = daemon.config
    daemon.config = config.model_copy(update={"mappings": ()})
    daemon.run(300)
    assert daemon.events == ["needs_you"]
    daemon.config = config
    daemon.run(60)
    assert daemon.events == ["needs_you"] * 2


def test_that_the_disk_is_full_is_told_although_it_is_full(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may fill up sooner than anybody can be told that little is left."""
    daemon = FakeDaemon(lab, on=["disk_low"])
    room = Room(free=0, entries=None)
    monkeypatch.setattr("aqsync.service.own_facts.room_at", lambda _path: room)

    def full(*_: object) -> None:
        raise JournalDiskFull("the disk is full")

    def run(seconds: float) -> None:
        for _ in range(int(seconds / EVERY_S)):
            daemon.messenger.loop.step(daemon.messenger.step)
            for each in daemon.messenger._unnoted.values():
                each.wait()
            lab.clock.advance(EVERY_S)

    daemon.refuses = {"https://hook.example.com"}
    with monkeypatch.context() as context:
        context.setattr("aqsync.journal.notices.Notices.note", full)
        run(60)
        assert daemon.events == []
        daemon.refuses = set()
        run(600)
        assert daemon.events == ["disk_low"]
    daemon.run(600)
    assert daemon.events == ["disk_low"] * 2, "once more as it is noted"


def test_words_of_others_stand_in_one_line_and_hide_nothing(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    said = "<b>@everyone</b>\n- over: all is well\x1b[2J\u202egnp.exe\udcff\0"
    lab.server.troubles["list_files"].append(ServerUnreachable(said, hint=said))
    lab.engine.refresh([EID])
    daemon.run(60)
    [message] = daemon.sent
    for text in (message["groups"][0]["reason"], message["groups"][0]["hint"]):
        assert text.isprintable()
        assert "<b>@everyone</b>\\n- over: all is well\\x1b[2J\\u202egnp.exe\\udcff" in text
    assert "\n- over" not in message["text"]


def test_a_refused_configuration_is_told_without_its_words(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    doubts = Doubts(refused="c.yaml: line 3: a line that may hold a secret")
    daemon.board = Board(
        lab.journal, lab.clock, lambda: daemon.config, lambda: 0, doubts=lambda: doubts
    )
    daemon.run(60)
    doubts = NO_DOUBTS
    daemon.run(60)
    assert daemon.events == ["needs_you", "recovered"]
    assert daemon.sent[0]["groups"][0]["code"] == alarms.REFUSED
    assert "secret" not in json.dumps(daemon.sent)


def test_quiet_hours(lab: Lab) -> None:
    daemon = FakeDaemon(lab, quiet_hours="00:00-24:00")
    put_another(lab, "a.csv")
    daemon.run(300)
    assert daemon.events == []
    daemon.tell()
    daemon.run(10)
    assert daemon.events == ["needs_you"]


def test_the_message_of_the_day_comes_once_a_day(lab: Lab) -> None:
    daemon = FakeDaemon(lab, on=["daily"], daily="08:00")
    for _ in range(72):
        daemon.run(10)
        lab.clock.advance(3590)
    assert daemon.events == ["daily"] * 3
    for _ in range(4):  # it is set back over eight o'clock again and again
        lab.clock.set_back(10_800)
        for _ in range(18):
            daemon.run(10)
            lab.clock.advance(590)
    assert daemon.events == ["daily"] * 3
    assert "In all: " in daemon.sent[0]["text"]


def test_an_end_is_told_once_until_it_has_run_well(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    mark = StopMark(lab.journal_path)
    for _ in range(5):  # it ends again and again
        mark.told(lab.clock.now_ns())
        daemon.begin()
        daemon.run(OVER_S - 5)
        assert mark.told_at_ns() is not None
    assert daemon.events == []
    daemon.run(60)
    assert daemon.events == ["recovered"]
    assert mark.told_at_ns() is None
    daemon.begin()
    daemon.run(600)
    assert daemon.events == ["recovered"]


def test_a_sign_of_life_says_what_is_wrong(lab: Lab) -> None:
    daemon = FakeDaemon(lab)
    beats: list[str] = []
    fails = False

    def beat(address: Address, words: str) -> None:
        assert address.label == "https://hc.example.com"
        if fails:
            raise NotSent("https://hc.example.com does not answer within 10 s")
        beats.append(words)

    heart = Heartbeat(daemon, daemon.facts, lab.clock, beat)
    heart.step()
    assert beats == [], "nobody wants one"
    beating = HeartbeatConfig.model_validate({"url": "https://hc.example.com/s3cret"})
    daemon.config = daemon.config.model_copy(update={"heartbeat": beating})
    assert heart.step() == 60
    assert beats == [""]
    put_another(lab, "a.csv")
    lab.clock.advance(60)
    heart.step()
    assert "conflict" in beats[-1]
    daemon.stuck = "dispatcher"
    heart.step()
    assert "a part of the daemon hangs, has died or fails: dispatcher" in beats[-1]
    fails = True
    with logged() as log:
        assert [heart.step() for _ in range(6)] == [RETRY_S, 10, 20, 40, 60, 60]
        assert str(heart.problem).endswith("does not answer within 10 s")
        fails = False
        assert heart.step() == 60
    assert not heart.problem
    assert len(log.of("no sign of life")) == 1
    assert log.of("s3cret") == []
