"""A fleet of real threads on a real server by real clocks, and a real daemon in it."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest
import yaml

from aqsync.aqueduct.client import Client
from aqsync.clock import SystemClock
from aqsync.config.fleet import FleetConfig
from aqsync.service.fleet import rules
from aqsync.service.fleet.rules import FleetView
from aqsync.service.fleet.view import look
from aqsync.service.fleet.writer import FleetWriter
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.fleet import FleetPc
from tests.support.patience import HANG_S, wait_until
from tests.support.project import Project

KILLED = {"pc-03", "pc-17", "pc-49"}


def red(found: FleetView) -> set[str]:
    return {pc.name for pc in found.pcs if pc.is_red}


@pytest.mark.long
def test_of_fifty_pcs_on_a_real_server_exactly_the_three_killed_are_red(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data") as server, contextlib.ExitStack() as stack:
        client = stack.enter_context(Client(server.url))
        eid = client.create_experiment("fleet", "").eid
        pcs: dict[str, FleetPc] = {}
        for number in range(50):
            name = f"pc-{number:02}"
            section = FleetConfig(experiment=eid, name=name, every=10.0)
            pc = FleetPc(tmp_path / name, lambda: Client(server.url), SystemClock(), section)
            stack.callback(pc.journal.close)
            stack.callback(pc.writer.loop.join, HANG_S)
            stack.callback(pc.writer.loop.stop)
            pcs[name] = pc
            pc.writer.loop.start(pc.writer.step)
        wait_until(lambda: len(look(client, eid, None).pcs) == 50, "50 PCs")
        assert red(look(client, eid, None)) == set()
        for name in KILLED:
            pcs[name].writer.loop.stop()
        seen: list[set[str]] = []

        def are_red() -> bool:
            seen.append(red(look(client, eid, None)))
            return len(seen[-1]) >= len(KILLED)

        wait_until(are_red, lambda: seen[-1])
        assert all(each <= KILLED for each in seen)
        assert seen[-1] == KILLED


@pytest.mark.long
def test_a_daemon_is_seen_stops_in_order_and_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedServer(tmp_path / "data") as server:
        project = Project(tmp_path / "own", server.url)
        eid = project.server.create_experiment("fleet", "").eid
        fleet = {"experiment": eid, "name": "fridge-pc", "every": "10s"}
        text = yaml.safe_load(project.config.read_text()) | {"fleet": fleet}
        project.config.write_text(yaml.safe_dump(text))
        project.write("a.csv")

        def stands() -> list[str]:
            return [pc.standing.value for pc in look(project.server, eid, None).pcs]

        with Daemon(project) as daemon:
            daemon.start()
            daemon.wait(lambda: stands() == ["all up there"], "a sign of life")
            assert project.run("fleet").exit_code == 0
            assert daemon.stop() == 0
            assert stands() == ["stopped"]
            daemon.start()
            daemon.wait(lambda: stands() == ["all up there"], "another one")
            daemon.kill()
            monkeypatch.setattr(rules, "SILENT_AFTER", 0.1)
            wait_until(lambda: stands() == ["silent"], "it is missed")
            ran = project.run("fleet")
            assert (ran.exit_code, "fridge-pc" in ran.out, "silent" in ran.out) == (1, True, True)
        project.close()


def test_a_network_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        section = FleetConfig(experiment="20261123-9", name="pc")
        pc = FleetPc(tmp_path, lambda: Client(url), SystemClock(), section)
        with contextlib.closing(pc.journal):
            pc.writer.loop.start(pc.writer.step)
            accepted, _ = silent.accept()  # it is asked, and never answers
            writer: FleetWriter = pc.writer
            writer.begin_end(None)
            writer.end(0.05)
            assert writer.loop.alive  # it is left behind
            silent.close()
            accepted.close()
            assert writer.loop.join(HANG_S)
