"""A server that tells SHA-256 is asked for no bytes, and what is found is the same."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from aqsync.aqueduct.digests import sha256_of
from tests.support.digests import repr_digest
from tests.support.lab import EID, Lab

LARGE = b"x" * 200_000
VERSIONS = (b"", b"a", LARGE, LARGE + b"more", b"y" * 200_000, LARGE[:100_000])
"""Equal, different in size or in content, and beginnings of each other."""


def life(lab: Lab, sent: bytes | None, here: bytes, there: bytes) -> tuple[object, ...]:
    """A file that was sent, then changed here and on the server; what becomes of it."""
    if sent is not None:
        lab.write("a", sent)
        lab.push()
        lab.clock.advance(3600)
    lab.write("a", here)
    lab.server.put(EID, "a", there)
    lab.server.bodies.clear()
    lab.push()
    decision = lab.decision("a")
    return type(decision).__name__, decision.state, getattr(decision, "why", None), lab.remote


@pytest.mark.parametrize("sent", [None, LARGE])
def test_what_is_found_is_the_same(tmp_path: Path, sent: bytes | None) -> None:
    for number, (here, there) in enumerate(product(VERSIONS, VERSIONS)):
        found = []
        for told in (False, True):
            folder = tmp_path / f"{number}-{told}"
            folder.mkdir()
            with Lab(folder) as lab:
                lab.server.tells_digests = told
                found.append(life(lab, sent, here, there))
        assert found[0] == found[1], (sent, here[:9], len(here), there[:9], len(there))


def test_no_bytes_come(lab: Lab) -> None:
    lab.server.tells_digests = True
    life(lab, None, LARGE, LARGE)
    assert lab.server.bodies == []
    assert lab.remote == {"a": LARGE}


def test_those_of_a_small_file_come_as_the_connection_stays_then(lab: Lab) -> None:
    lab.server.tells_digests = True
    life(lab, None, b"a", b"a")
    assert lab.server.bodies == ["a"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"repr-digest": ""},
        {"repr-digest": "sha-256=:short:"},
        {"repr-digest": "sha-256=:" + "A" * 44 + ":"},
        {"repr-digest": "sha-512=:" + "A" * 43 + "=:"},
        {"repr-digest": "sha-256=:" + "A" * 43 + "=:, sha-256=:" + "B" * 42 + "A=:"},
        repr_digest(b"a") | {"content-encoding": "gzip"},
    ],
)
def test_what_tells_no_digest_is_passed_over(headers: dict[str, str]) -> None:
    assert sha256_of(headers) is None


def test_a_digest_may_stand_among_others() -> None:
    told = repr_digest(b"a")["repr-digest"]
    expected = sha256_of({"repr-digest": told})
    assert expected is not None
    assert len(expected) == 32
    assert sha256_of({"repr-digest": f"sha-512=:AA==:, {told} "}) == expected
