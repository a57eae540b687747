"""A real daemon tells a real receiver: each change once, through kills and outages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.patience import wait_until
from tests.support.project import Project
from tests.support.receiver import SECRET, Receiver

QUICK = {
    "aqsync.service.messages.messenger.EVERY_S": 0.05,
    "aqsync.service.messages.rules.SETTLE_S": 0.1,
    "aqsync.service.messages.rules.OVER_S": 0.3,
    "aqsync.service.messages.rules.MOST": 100,
    "aqsync.service.messages.alarms.SERVER_AWAY_S": 0.3,
    "aqsync.sync.server_pulse.EVERY_S": 0.1,
    "aqsync.service.heartbeat.LOOK_S": 0.05,
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def tell(project: Project, **sections: Any) -> None:
    """Add sections to the configuration."""
    text = yaml.safe_load(project.config.read_text()) | sections
    project.config.write_text(yaml.safe_dump(text))


@pytest.mark.long
def test_each_change_is_told_once(tmp_path: Path, receiver: Receiver) -> None:
    with EmbeddedServer(tmp_path / "data") as server:
        project = Project(tmp_path / "own", server.url)
        # Not the room on the disk, which is this machine's.
        kinds = ["needs_you", "stuck", "server_away", "stopped", "recovered"]
        tell(project, notify={"urls": [receiver.url], "on": kinds})
        with Daemon(project, QUICK) as daemon:
            daemon.start()
            project.write("fine.csv")
            daemon.wait_for_remote({"fine.csv"})
            for name in ("a.csv", "b.csv", "c.csv"):
                project.put(name, "another's")
                project.write(name, "ours")
            daemon.wait(lambda: receiver.events == ["needs_you"], "it needs a person")
            server.stop()
            daemon.wait(lambda: receiver.events[1:] == ["server_away"], "the server is away")
            project.write("meanwhile.csv")
            daemon.kill()
            daemon.start()
            server.start()
            daemon.wait(lambda: receiver.events[2:] == ["recovered"], "the server is back")
            daemon.wait_for_remote({"meanwhile.csv"})
            daemon.kill()
            daemon.start()
            project.write("later.csv")
            daemon.wait_for_remote({"later.csv"})
            assert project.run("push", "--overwrite").exit_code == 0
            daemon.wait(lambda: receiver.events[3:] == ["recovered"], "it needs nobody")
            assert daemon.stop() == 0
            assert receiver.events[4:] == ["stopped"]
            text = "\n".join([*daemon.log, project.journal.read_bytes().decode("latin-1")])
            assert SECRET not in text
        first, away, back = receiver.messages[:3]
        [group] = first["groups"]
        assert group["code"] == "conflict-name-taken"
        assert group["mapping"] == "main"
        assert "--overwrite" in group["hint"]
        assert first["light"] == "needs you"
        assert away["groups"][0]["code"] == "server-away"
        assert "over: " in back["text"]
        project.close()


def test_one_who_takes_nothing_holds_nothing_up(tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = 503
    quick = QUICK | {
        "aqsync.service.messages.outbox.FIRST_PAUSE_S": 0.1,
        "aqsync.service.heartbeat.RETRY_S": 0.1,
    }
    with EmbeddedServer(tmp_path / "data") as server:
        project = Project(tmp_path / "own", server.url)
        beat = {"url": f"{receiver.url}/beat", "every": "10s"}
        tell(project, notify={"urls": [receiver.url], "on": ["needs_you"]}, heartbeat=beat)
        with Daemon(project, quick) as daemon:
            project.put("a.csv", "another's")
            project.write("a.csv", "ours")
            daemon.start()
            daemon.wait_for_line("a message could not be sent")
            daemon.wait(lambda: len(receiver.messages) > 1, "it is tried again")
            project.write("b.csv")
            daemon.wait_for_remote({"b.csv"})
            said = project.run("status").out
            assert "others are not told: http://127.0.0.1" in said
            assert SECRET not in said
            daemon.wait(
                lambda: ("POST", f"/{SECRET}/beat/fail") in receiver.asked, "a sign of life"
            )
            receiver.status = 200
            daemon.wait_for_line("messages are taken again")
            assert len(daemon.lines("a message could not be sent")) == 1
            receiver.go_on.clear()
            assert daemon.stop() == 0
            assert SECRET not in "\n".join(daemon.log)
        project.close()


def test_signs_of_life(tmp_path: Path, receiver: Receiver) -> None:
    with EmbeddedServer(tmp_path / "data") as server:
        project = Project(tmp_path / "own", server.url)
        tell(project, heartbeat={"url": f"{receiver.url}?key=1", "every": "10s"})
        with Daemon(project, QUICK) as daemon:
            daemon.start()
            wait_until(lambda: receiver.requests, "a sign of life")
            assert receiver.asked[0] == ("GET", f"/{SECRET}?key=1")
            assert daemon.stop() == 0
            assert SECRET not in "\n".join(daemon.log)
        project.close()
