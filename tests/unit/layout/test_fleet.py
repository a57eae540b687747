"""The status file: what is written can be read, and nothing else is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.errors import StatusFileBroken
from aqsync.layout.fleet import MOST_BYTES, fleet_name, label_in, seal, unseal
from aqsync.layout.manifest import is_manifest_name
from aqsync.layout.names import MAX_NAME_BYTES, local_path
from tests.support.fleet import ID, a_status

KEY = b"0123456789abcdef"


@given(st.text())
def test_no_path_gets_its_name(name: str) -> None:
    made = fleet_name(name, ID)
    assert local_path(made) is None
    assert not is_manifest_name(made)
    assert label_in(made) is not None
    assert len(made.encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize("key", [None, KEY])
def test_it_can_be_read_again(key: bytes | None) -> None:
    content = seal(a_status(), key)
    assert unseal(content, key) == a_status()
    assert unseal(content, None) == a_status()
    assert content == seal(a_status(), key)
    assert KEY not in content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (seal(a_status(), None), "not signed"),
        (seal(a_status(), KEY + b"x"), "signature"),
        (seal(a_status(), KEY).replace(b'"pc"', b'"pd"'), "signature"),
        (seal(a_status(version=2), KEY), "version 2"),
        (b"", "no status file"),
        (b"{}\n{}\n", "no status file"),
        (b"[" * 60_000 + b"\n{}", "no status file"),
        (b'{"a":' * 10_000 + b"\n{}", "no status file"),
        (b"\xff\xfe\n{}", "no status file"),
        (seal(a_status(), KEY).replace(b'"sequence":1', b'"sequence":"1"'), "no status file"),
        (seal(a_status(), KEY).replace(b'"files":0', b'"files":1e400'), "no status file"),
        (seal(a_status(), KEY).replace(b'"files":0', b'"files":-1'), "no status file"),
        (seal(a_status(), KEY).replace(b"2026-11", b"0001-11"), "no status file"),
        (seal(a_status(), KEY) + b" " * MOST_BYTES, "too large"),
    ],
)
def test_nothing_else_is_believed(content: bytes, said: str) -> None:
    with pytest.raises(StatusFileBroken, match=said):
        unseal(content, KEY)
