"""What is true of manifests, and which lines of them are forged."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Final
from uuid import UUID

from aqsync.errors import ManifestBroken
from aqsync.layout.manifest import ManifestFile, read
from tests.simulation.fake_server import Event, Who
from tests.support.fake_clock import FakeClock

WINDOW_S = 150.0
"""What others store so shortly before may be replaced on a server that checks no conditions: all
that a request can take lies in between."""
SHARE = 0.25


def manifests_of(seed: int) -> bool:
    """Whether the mappings of a seed's world have manifests."""
    return random.Random(f"manifests {seed}").random() < SHARE


class Drawn:
    """Draws identities in place of `secrets`, the same ones for the same seed."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def token_hex(self, size: int) -> str:
        """An identity that was not drawn before."""
        return f"{next(self._numbers):0{2 * size}x}"


class ManifestTruth:
    """The manifests on the server.

    Args:
        clock: The time.
        digest: Makes digests.
        broken: The broken promises, in words.
    """

    def __init__(
        self, clock: FakeClock, digest: Callable[[bytes], bytes], broken: list[str]
    ) -> None:
        self._clock = clock
        self._digest = digest
        self._broken: Final = broken
        self._ours: defaultdict[tuple[UUID, str], set[bytes]] = defaultdict(set)
        self._others_at: dict[tuple[UUID, str], float] = {}
        self.forged: set[tuple[UUID, str]] = set()
        """By experiment and name, the files of which a manifest says what is not true."""
        self.number = 0
        """How many were forged."""

    def stored(self, event: Event, true: Callable[[UUID, str], set[bytes]]) -> None:
        """A manifest was stored or removed.

        Args:
            event: What has happened.
            true: By experiment and name, the digests of contents that a manifest may tell of.
        """
        at = event.uuid, event.name
        if event.who is Who.US:
            self._judge(event, true)
        elif not event.ours:
            self._others_at[at] = self._clock.monotonic()
        if event.ours and event.after is not None:
            self._ours[at].add(self._digest(event.after.content))

    def _judge(self, event: Event, true: Callable[[UUID, str], set[bytes]]) -> None:
        at, before = (event.uuid, event.name), event.before
        if before is not None and self._digest(before.content) not in self._ours[at]:
            ago = self._clock.monotonic() - self._others_at.get(at, float("-inf"))
            if event.conditional or ago > WINDOW_S:
                self._broken.append(f"the manifest {event.name} has replaced one of others")
        if event.after is None:
            self._broken.append(f"the manifest {event.name} was removed")
            return
        try:
            _, entries = read([event.after.content])
            files = [entry for entry in entries if isinstance(entry, ManifestFile)]
        except ManifestBroken as exc:
            self._broken.append(f"the manifest {event.name} cannot be read: {exc}")
            return
        for file in files:
            if bytes.fromhex(file.sha256) not in true(event.uuid, file.name):
                self._broken.append(f"a manifest says of {file.name} what never was")
