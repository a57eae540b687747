"""Kills at any moment, of the daemon and of the server, while files change: nothing is lost.

``make crash ROUNDS=300`` goes on for longer, with other moments each time.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.errors import RemoteFileNotFound
from tests.support.daemon import Daemon
from tests.support.embedded import EmbeddedServer
from tests.support.length import long_but
from tests.support.project import Project
from tests.support.random_writer import RandomWriter

ROUNDS = int(os.environ.get("AQSYNC_CRASH_ROUNDS", "8"))
SEED = int(os.environ.get("AQSYNC_CRASH_SEED", "1"))
TOKEN = "tok-5e3a91c07d"
FOREIGN = b"put there by others"
CLASH = "c =231.bin"
"""The remote name of a file that the writer writes too."""
AT_ONCE = 4
"""Uploads that may be under way when the daemon is killed."""
OFTEN = {"aqsync.sync.watch_supervisor.ROOT_CHECK_S": 0.2}


class Crashes:
    """A daemon, a server and a writer; the first two are killed.

    Args:
        folder: For all of it.
        server: A running process, which this may kill and start.
        seed: Decides when.
        on_local_delete: As the configuration has it.
    """

    def __init__(
        self, folder: Path, server: EmbeddedServer, seed: int, on_local_delete: str
    ) -> None:
        self.random = random.Random(seed)
        self.server = server
        self.removes = on_local_delete == "remove"
        self.project = Project(folder, server.url, token=TOKEN)
        token_file = folder / "token"
        token_file.write_text(TOKEN)
        token_file.chmod(0o600)
        self.project.configure(
            server={"token_file": str(token_file)},
            settle="200ms",
            on_local_delete=on_local_delete,
            remove_share="100%",
        )
        self.writer = RandomWriter(self.project.root, folder / "outside", seed)
        self.project.put(CLASH, FOREIGN)
        self.daemon = Daemon(self.project, OFTEN)
        self.kills = 0

    def round(self) -> None:
        """Start the daemon, and kill it at a moment of its start or of its work."""
        self.writer.start()
        try:
            self.daemon.start(ready=self.random.random() < 0.8)
            kills_server = self.random.random() < 0.3
            if kills_server:
                self.pass_time(0.4)
                self.server.kill()
            self.pass_time(0.8)
            self.daemon.kill()
            self.kills += 1 + kills_server
            if kills_server:
                self.server.start()
        finally:
            self.writer.stop()

    def pass_time(self, longest_s: float) -> None:
        time.sleep(self.random.random() ** 2 * longest_s)

    def heal(self) -> None:
        """Everything runs and nothing changes: now both sides must become the same."""
        self.daemon.start()
        found = ["nothing compared yet"]

        def same() -> bool:
            # What arrived before a kill is on the server before the daemon knows so.
            found[:] = self.differences() or self.still_open()
            return not found

        try:
            self.daemon.wait(same, "both sides are the same")
        except AssertionError as exc:
            raise AssertionError(f"{found}\n{exc}") from exc
        assert self.daemon.stop() == 0
        assert self.writer.is_untouched()
        again = self.project.push()
        assert again.json["uploaded"] == again.json["adopted"] == 0
        everywhere = [self.project.journal, *self.project.folder.glob("*.log")]
        assert all(TOKEN.encode() not in file.read_bytes() for file in everywhere)

    def still_open(self) -> list[str]:
        """The files here that `aqsync status` does not yet say to be done.

        What was deleted here is left out: its removal waits for a minute.
        """
        told = self.project.run("status", "--json").json["mappings"]["main"]["problems"]
        done = ("held", "differs on the server")
        return [p["path"] for p in told if p["state"] not in done and Path(p["path"]).exists()]

    def differences(self) -> list[str]:
        """How the server differs from what it should hold, in words."""
        try:
            remote = self.project.remote()
        except RemoteFileNotFound as exc:
            return [f"a file is removed just now: {exc}"]
        found = self.writer.differences(remote, CLASH)
        assert remote[CLASH] == FOREIGN, "what others put there is not replaced"
        # A file that was deleted before its upload could be noted down stays on the server.
        left = remote.keys() - self.writer.wanted().keys() - {CLASH}
        if self.removes and len(left) > AT_ONCE * self.kills:
            found.append(f"more than that is left: {sorted(left)}")
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "data", token=TOKEN) as running:
        yield running


@pytest.mark.parametrize(
    ("on_local_delete", "rounds"),
    long_but(1, [("remove", 3), ("keep", ROUNDS), ("remove", ROUNDS)]),
)
def test_killed_again_and_again(
    tmp_path: Path, server: EmbeddedServer, on_local_delete: str, rounds: int
) -> None:
    crashes = Crashes(tmp_path / "p", server, SEED, on_local_delete)
    with crashes.daemon:
        for number in range(1, rounds + 1):
            crashes.round()
            if number % 25 == 0:
                crashes.heal()
        crashes.heal()
    assert crashes.kills >= rounds
    crashes.project.close()
