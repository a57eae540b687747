from __future__ import annotations

import io
from uuid import UUID

import pytest

from aqsync.layout.manifest import Header, ManifestFile, Source, manifest_name, write
from tests.simulation.fake_server import Event, StoredFile, Who
from tests.simulation.freed_truth import LATELY_S, FreedTruth, OnlyCopy
from tests.simulation.oracle import sha256
from tests.support.fake_clock import FakeClock

AT = UUID(int=1), "a"
COPY, OTHER = StoredFile(b"the only one", "1"), StoredFile(b"another", "2")
MANIFEST = manifest_name("lab", "0" * 12)


class World:
    """One copy that is the only one, and what was found broken."""

    def __init__(self, known_to: set[Who], content: bytes) -> None:
        self.clock = FakeClock()
        self.broken: list[str] = []
        self.truth = FreedTruth(self.clock, sha256, self.broken)
        self.truth.removed(AT, OnlyCopy(sha256(COPY.content), "lab", "a", 7, known_to), {})
        if content:
            stored = StoredFile(content, "1")
            self.truth.manifest(Event(Who.OTHERS, AT[0], MANIFEST, None, stored, False))

    def replaced(self, by: StoredFile | None, inode: int | None, who: Who = Who.US) -> bool:
        self.truth.stored(Event(who, *AT, COPY, by, False), inode)
        return bool(self.broken)


def _saying_so() -> bytes:
    source = Source(mapping="lab", directory="/data", prefix=None)
    header = Header(host="pc", experiment=str(AT[0]), eid="1", written_at="", sources=(source,))
    line = ManifestFile(
        path="a",
        source=0,
        name="a",
        size=len(COPY.content),
        sha256=sha256(COPY.content).hex(),
        mtime_ns=1,
        sent_at="",
        modified_at="1",
        freed_at="2026-11-23T12:00:00+00:00",
    )
    target = io.BytesIO()
    write(target, header, [line])
    return target.getvalue()


@pytest.mark.parametrize("by", [None, OTHER])
@pytest.mark.parametrize(
    ("known_to", "content", "after_s", "inode", "broken"),
    [
        ({Who.US}, b"", 0, None, True),
        ({Who.RIVAL}, b"", 0, None, False),
        (set(), b"", 0, None, False),
        (set(), _saying_so(), 2 * LATELY_S, 7, True),
        (set(), _saying_so(), 0, 7, False),
        (set(), b"nobody can read it", 2 * LATELY_S, 8, True),
        (set(), b"nobody can read it", 2 * LATELY_S, 7, False),
    ],
)
def test_who_can_know_must_not_touch_it(
    known_to: set[Who],
    content: bytes,
    after_s: float,
    inode: int | None,
    broken: bool,  # noqa: FBT001 - of the table
    by: StoredFile | None,
) -> None:
    world = World(known_to, content)
    world.clock.advance(after_s)
    assert world.replaced(by, inode) is broken


def test_a_person_who_knows_may_allow_it() -> None:
    world = World({Who.US}, b"")
    world.truth.allow(AT)
    assert not world.replaced(OTHER, None)


def test_the_same_content_takes_nothing_away() -> None:
    world = World({Who.US}, b"")
    assert not world.replaced(COPY._replace(modified_at="3"), None)
    assert AT in world.truth.only
