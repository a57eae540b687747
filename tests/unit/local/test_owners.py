"""Files of users whom ``require_owner`` does not name are not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aqsync.model import EntryKind, Hold, Reason, State
from tests.support.lab import EID, Lab

ME = os.geteuid()
SOMEBODY = 4_000_000_000


def test_files_of_named_users_are_taken(lab: Lab) -> None:
    lab.configure(require_owner=(SOMEBODY, ME))
    lab.write("a")
    assert lab.push().uploaded == 1


def test_a_file_of_another_is_skipped_with_a_reason(lab: Lab) -> None:
    lab.configure(require_owner=(SOMEBODY,))
    lab.write("a")
    lab.scan("a")
    by_path = lab.record("a")
    lab.scan()
    assert lab.record("a") == by_path, "both ways to look see the same"
    assert by_path.kind is EntryKind.OTHERS
    assert lab.push().uploaded == 0
    decided = lab.decision("a")
    assert isinstance(decided, Hold)
    assert (decided.reason, decided.state) == (Reason.FILE_OF_OTHERS, State.SKIPPED)
    assert "hard link" in decided.hint


def test_the_option_counts_from_the_next_look_on(lab: Lab) -> None:
    lab.write("a")
    assert lab.push().uploaded == 1
    lab.configure(require_owner=(SOMEBODY,), on_local_delete="remove")
    lab.push()
    assert lab.decision("a").reason is Reason.FILE_OF_OTHERS
    assert lab.server.contents(EID) == {"a": b"data"}, "what is skipped is not deleted"
    lab.configure(on_local_delete="remove")
    lab.push()
    assert lab.record("a").kind is EntryKind.FILE
    assert lab.decision("a").reason is not Reason.FILE_OF_OTHERS


def test_an_ignore_file_of_another_is_not_obeyed(lab: Lab) -> None:
    lab.configure(require_owner=(SOMEBODY,))
    lab.write(".aqsyncignore", b"*")
    lab.scan()
    assert "belongs to a user whom `require_owner` does not name" in lab.troubles()[""]


def test_a_user_who_is_not_known_stops_the_mapping(lab: Lab) -> None:
    lab.configure(require_owner=("nobody-of-this-name",))
    lab.write("a")
    lab.scan()
    assert "`require_owner` of lab names nobody-of-this-name" in lab.troubles()[""]
    assert lab.find("a") is None


@pytest.mark.skipif(ME != 0, reason="gives a file away")
def test_a_hard_link_to_a_file_of_another(lab: Lab, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    os.chown(secret, SOMEBODY, -1)
    lab.configure(require_owner=("root",))
    lab.write("mine")
    (lab.root / "link").hardlink_to(secret)
    assert lab.push().uploaded == 1
    assert lab.decision("link").reason is Reason.FILE_OF_OTHERS
