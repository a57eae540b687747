"""Connections that are cut, reset, slow, silent or corrupt, between a real daemon and server."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.length import long_but
from tests.support.project import Project
from tests.support.random_writer import RandomWriter

ROUNDS = int(os.environ.get("AQSYNC_FAULT_ROUNDS", "4"))
SEED = int(os.environ.get("AQSYNC_FAULT_SEED", "1"))
CLASH = "c =231.bin"
"""The remote name of a file that others put there and the writer writes too."""
FOREIGN = b"put there by others"
QUICK = {
    "aqsync.sync.watch_supervisor.ROOT_CHECK_S": 0.2,
    "aqsync.sync.backoff.LONGEST_BACKOFF_S": 2,
}

MIXES = {
    "broken off": (Fault.NONE, Fault.CUT_REQUEST, Fault.CUT_ANSWER, Fault.RESET, Fault.REFUSE),
    "slow and silent": (Fault.NONE, Fault.DELAY, Fault.SLOW, Fault.BLACK_HOLE),
    "corrupt": (Fault.NONE, Fault.CORRUPT, Fault.CORRUPT, Fault.CUT_ANSWER),
}


@pytest.mark.parametrize("mix", long_but(1, list(MIXES)))
def test_all_arrives_and_nothing_of_others_is_lost(
    tmp_path: Path, embedded_server: EmbeddedServer, mix: str
) -> None:
    port = urlsplit(embedded_server.url).port
    assert port is not None
    project = Project(tmp_path / "p", embedded_server.url)
    project.put(CLASH, FOREIGN)
    writer = RandomWriter(project.root, project.folder / "outside", SEED)
    moments = random.Random(SEED)
    with FaultProxy(port, SEED) as proxy, Daemon(project, QUICK) as daemon:
        timing = {"timeout": "2s", "stall_timeout": "2s"}
        project.configure(server={"url": proxy.url, **timing}, settle="100ms")
        daemon.start()
        for _ in range(ROUNDS):
            proxy.spoil(*MIXES[mix])
            for _ in range(15):
                writer.act()
            time.sleep(0.5 + moments.random())
            proxy.heal()
            time.sleep(0.3)
        daemon.wait(lambda: is_mended(project, writer, daemon), "both sides are the same")
        assert daemon.stop() == 0
    assert sum(proxy.met.values()) - proxy.met[Fault.NONE] >= 1, proxy.met
    assert writer.is_untouched()
    project.close()


def is_mended(project: Project, writer: RandomWriter, daemon: Daemon) -> bool:
    remote = project.remote()
    assert remote[CLASH] == FOREIGN, "what others put there is not replaced"
    found = writer.differences(remote, CLASH)
    # A byte that changed on its way back makes a comparison find a conflict: a person looks.
    held = [name for name in found if any("conflict" in line for line in daemon.lines("held"))]
    if held and project.run("retry", "--mapping", "main").exit_code not in {0, 1}:
        raise AssertionError("retry failed")
    return not found
