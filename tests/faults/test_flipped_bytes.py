"""A journal of which single bytes have changed: set aside, refused or lived with, never believed.

``AQSYNC_EXAMPLES=100`` tries a hundred times as many places.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from aqsync.errors import JournalBroken
from tests.support.examples import FACTOR
from tests.support.fake_server import StoredFile
from tests.support.lab import EID, Lab
from tests.support.quick_journal import open_quickly

PARTS = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock")
CHANGED, GONE, FOREIGN = "run-1/1.csv", "run-2/2.csv", "run-0/3.csv"


class Damage:
    """A lab whose journal is put back, with other bytes flipped each time."""

    def __init__(self, folder: Path) -> None:
        self.lab = Lab(folder, on_local_delete="remove", remove_share="50%")
        self.lab.server.put(EID, name_of(FOREIGN), b"by others")
        for number in range(30):
            self.lab.write(f"run-{number % 3}/{number}.csv", f"content {number}".encode())
        self.lab.push()
        self.state = self.lab.journal_path.parent
        self.killed = folder / "killed"
        shutil.copytree(self.state, self.killed)
        self.lab.journal.close()
        self.closed = folder / "closed"
        shutil.copytree(self.state, self.closed)
        # What the journal does not know yet.
        self.lab.write(CHANGED, b"changed since", age_s=100)
        (self.lab.root / GONE).unlink()
        self.stored = dict(self.lab.server.of(EID).files)

    def put_back(self, seed: int) -> str:
        """The state as it was, but for some bytes of one of its files; says which."""
        random_ = random.Random(seed)
        shutil.rmtree(self.state)
        kept = random_.choice((self.killed, self.closed))
        shutil.copytree(kept, self.state)
        part = random_.choice([p for p in PARTS if (self.state / p).exists()])
        file = self.state / part
        content = bytearray(file.read_bytes())
        used = [at for at, byte in enumerate(content) if byte]
        for at in random_.sample(used, min(len(used), random_.choice((1, 1, 3, 20)))):
            content[at] ^= 1 << random_.randrange(8)
        file.write_bytes(content)
        files: dict[str, StoredFile] = self.lab.server.of(EID).files
        files.clear()
        files.update(self.stored)
        return f"seed {seed}: {part} of {kept.name}"

    def push(self) -> None:
        """As the command does: what is broken is closed, and set aside by the next run."""
        self.lab.journal = open_quickly(self.lab.journal_path, self.lab.clock.now_ns())
        try:
            self.lab.push()
        finally:
            self.lab.journal.close()


@pytest.fixture(scope="module")
def damage(tmp_path_factory: pytest.TempPathFactory) -> Damage:
    return Damage(tmp_path_factory.mktemp("flipped"))


@pytest.mark.parametrize("chunk", range(4))
def test_flipped_bytes_do_no_harm(damage: Damage, chunk: int) -> None:
    count = 15 * FACTOR
    for seed in range(chunk * count, (chunk + 1) * count):
        what = damage.put_back(seed)
        refused = 0
        for _ in range(3):
            try:
                damage.push()
            except JournalBroken:
                refused += 1
        assert refused < 2, f"{what}: what was met is not met again"
        nothing_is_lost(damage.lab, what)


def nothing_is_lost(lab: Lab, what: str) -> None:
    """All is there, but for what a lost journal makes a conflict; nothing else came or went."""
    here = {str(f.relative_to(lab.root)): f.read_bytes() for f in lab.root.rglob("*.csv")}
    wanted = {name_of(path): content for path, content in here.items()}
    remote = lab.remote
    assert remote.pop(name_of(FOREIGN)) == b"by others", what
    del wanted[name_of(FOREIGN)]
    remote.pop(name_of(GONE), None)
    if remote[name_of(CHANGED)] != wanted[name_of(CHANGED)]:
        assert remote.pop(name_of(CHANGED)) == b"content 1", what
        del wanted[name_of(CHANGED)]
    assert remote == wanted, what


def name_of(path: str) -> str:
    return path.replace("/", "~")
