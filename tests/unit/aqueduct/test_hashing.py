from __future__ import annotations

import hashlib

import pytest

from aqsync.aqueduct.hashing import Hashing


@pytest.mark.parametrize("length", [None, 3, 1 << 30])
def test_the_digest_is_that_of_all_chunks_in_order(length: int | None) -> None:
    chunks = [bytes([number]) * 5000 for number in range(200)]
    with Hashing(length) as digest:
        for chunk in chunks:
            digest.update(chunk)
        assert digest.hexdigest() == hashlib.sha256(b"".join(chunks)).hexdigest()
