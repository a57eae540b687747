"""Which files another user of the machine could have written."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from aqsync.trust import distrust, distrust_from_the_top, distrust_of_entry, trusted_users

OURS = trusted_users()
OTHERS = {4_000_000_000}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.touch()
    return file


def test_ours_alone_is_trusted(file: Path) -> None:
    assert distrust(file, OURS) is None
    assert distrust(file.with_name("missing"), OURS) is None
    assert distrust_from_the_top(file, OURS) is None


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o1777])
def test_what_all_may_write_to_is_not(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert distrust(file, OURS) == f"it can be written to by every user (mode {mode:04o})"


def test_a_link_that_took_the_place_of_a_folder_tells_nothing_of_it(file: Path) -> None:
    """Others may swap their folder for a link to one of ours while its entries are judged."""
    assert distrust_of_entry(file.parent, os.geteuid(), OURS) is None
    link = file.parent.with_name("link")
    link.symlink_to(file.parent)
    assert distrust_of_entry(link, os.geteuid(), OURS) is not None


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_what_lies_where_all_may_write_is_not(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    words = f"the folder {file.parent} can be written to by every user (mode {mode:04o})"
    assert distrust(file, OURS) == words
    assert distrust(file.with_name("missing"), OURS) == words


def test_a_folder_is_named_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.chmod(0o777)
    monkeypatch.chdir(file.parent)
    assert (distrust(Path("file"), OURS) or "").startswith(f"the folder {file.parent} can be")


def test_what_belongs_to_others_is_not(file: Path) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert distrust(file, OTHERS) == f"the folder {file.parent} belongs to the user {me}"


@needs_root
def test_a_file_of_another_in_our_folder(file: Path) -> None:
    os.chown(file, 4_000_000_000, -1)
    assert distrust(file, OURS) == "it belongs to the user with number 4000000000"


def test_a_link_is_trusted_as_what_it_leads_to_is(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert distrust(link, OURS) is None
    file.parent.chmod(0o777)
    assert (distrust(link, OURS) or "").startswith(f"the folder {file.parent} can be written to")


def group(name: str, *members: str) -> SimpleNamespace:
    return SimpleNamespace(gr_name=name, gr_mem=list(members))


def test_a_private_group_may_write_and_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.chmod(0o664)
    me = pwd.getpwuid(os.geteuid())
    user = me.pw_name
    monkeypatch.setattr("pwd.getpwnam", {user: me}.__getitem__)
    for members in [(), (user,)]:
        monkeypatch.setattr("grp.getgrgid", lambda _number, members=members: group(user, *members))
        assert distrust(file, OURS) is None
    for shared in (group(user, "rival"), group("lab"), group("lab", user)):
        monkeypatch.setattr("grp.getgrgid", lambda _number, shared=shared: shared)
        assert distrust(file, OURS) == "it can be written to by its group (mode 0664)"


def test_a_group_that_limits_an_access_list_is_no_private_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.chmod(0o664)
    me = pwd.getpwuid(os.geteuid())
    monkeypatch.setattr("grp.getgrgid", lambda _number: group(me.pw_name))
    monkeypatch.setattr("os.getxattr", lambda *_: b"others")
    assert distrust(file, OURS) == "it can be written to by its group (mode 0664)"


def test_a_folder_above_that_others_may_write_to(file: Path) -> None:
    file.parent.parent.chmod(0o777)
    assert distrust(file, OURS) is None
    words = f"{file.parent.parent} can be written to by every user (mode 0777)"
    assert distrust_from_the_top(file, OURS) == words
    file.parent.parent.chmod(0o1777)  # nobody else can move its entries away
    assert distrust_from_the_top(file, OURS) is None
