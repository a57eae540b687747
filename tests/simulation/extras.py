"""What only some worlds have: their histories meet it often, and all others stay as they are."""

from __future__ import annotations

import random
from typing import NamedTuple

from aqsync.sync import growing_rules
from tests.simulation.places import BY_CLOSING, OTHER_DATABASES

SHARE = 0.35
SMALL = 7
"""Bytes. Contents of 8 and more are common, and pay for each version where this is the limit."""


class Extras(NamedTuple):
    """What a world has."""

    mapping: str = ""
    """It is there, and no other; empty: those that any world may have."""
    large: int = growing_rules.LARGE
    """Files of more bytes than this pay for each version that is sent."""
    crowded: bool = False
    """The journal's disk has little room at times."""


def extras_of(seed: int) -> Extras:
    """What the world of a seed has."""
    chance = random.Random(f"room {seed}")
    if chance.random() >= SHARE:
        return Extras()
    mapping = chance.choice(["", *BY_CLOSING, *OTHER_DATABASES])
    return Extras(
        mapping, chance.choice([SMALL, growing_rules.LARGE]), crowded=chance.random() < 0.5
    )
