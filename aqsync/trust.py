"""Whether another user of this machine could have made a file, or could change it.

A file is trusted if it and its folder belong to certain users, and nobody else may write to them.
Only POSIX systems tell; elsewhere every file is trusted.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Collection
from pathlib import Path

if sys.platform != "win32":
    import grp
    import pwd

_ACCESS_LIST = "system.posix_acl_access"
"""The extended attribute with further rights; the bits of the group are then their limit."""


def trusted_users() -> frozenset[int]:
    """The numbers of root and of the user that runs this process."""
    return frozenset() if sys.platform == "win32" else frozenset({0, os.geteuid()})


def distrust(path: Path, users: Collection[int]) -> str | None:
    """Why a file is not trusted: because of itself, its folder, or where a link leads.

    Args:
        path: What is missing is passed over: then its folder alone counts.
        users: Whom it may belong to.

    Returns:
        Words such as ``the folder /srv can be written to by other users``; None: it is trusted.

    Raises:
        OSError: It cannot be looked at.
    """
    real = Path(os.path.realpath(path))
    for folder in dict.fromkeys((path.parent, real.parent)):
        if why := _why_not(folder, users):
            return f"the folder {_absolute(folder)} {why}"
    why = _why_not(path, users)
    return f"it {why}" if why else None


def distrust_from_the_top(path: Path, users: Collection[int]) -> str | None:
    """The same, and for each folder above too, as its owner could put others in their place.

    In a folder with the sticky bit, such as ``/tmp``, only an entry's owner can do that.

    Raises:
        OSError: It cannot be looked at.
    """
    for whole in dict.fromkeys((_absolute(path), Path(os.path.realpath(path)))):
        for place in (*reversed(whole.parents), whole):
            # A file could be put beside it there; a folder that is there cannot be replaced.
            strict = {whole} if whole.is_dir() else {whole, whole.parent}
            if why := _why_not(place, users, sticky_will_do=place not in strict):
                return f"{place} {why}"
    return None


def distrust_of_entry(folder: Path, owner: int, users: Collection[int]) -> str | None:
    """Why an entry of a folder, such as a link, may be the doing of other users.

    Args:
        folder: Absolute, without symbolic links. It and each folder above count.
        owner: The user whom the entry belongs to.
        users: Who may make it.

    Raises:
        OSError: A folder cannot be looked at.
    """
    for place in (*reversed(folder.parents), folder):
        # A link that was put there meanwhile belongs to whom put it there.
        if why := _why_not(place, users, sticky_will_do=True, follow=False):
            return f"{place} {why}"
    return None if owner in users else f"it belongs to {_user(owner)}"


def _why_not(
    place: Path, users: Collection[int], *, sticky_will_do: bool = False, follow: bool = True
) -> str | None:
    if sys.platform == "win32":
        return None
    try:
        found = place.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if found.st_uid not in users:
        return f"belongs to {_user(found.st_uid)}"
    if sticky_will_do and found.st_mode & stat.S_ISVTX:
        return None
    if found.st_mode & stat.S_IWOTH:
        return f"can be written to by every user (mode {stat.S_IMODE(found.st_mode):04o})"
    if found.st_mode & stat.S_IWGRP and not _is_private(found.st_gid, users, place):
        return f"can be written to by its group (mode {stat.S_IMODE(found.st_mode):04o})"
    return None


if sys.platform != "win32":

    def _user(number: int) -> str:
        try:
            return f"the user {pwd.getpwuid(number).pw_name}"
        except KeyError:
            return f"the user with number {number}"

    def _is_private(group: int, users: Collection[int], place: Path) -> bool:
        """Whether a group is one of the users' own: of the same name, and without other members."""
        if _has_access_list(place):
            return False
        try:
            found = grp.getgrgid(group)
            owner = pwd.getpwnam(found.gr_name)
        except KeyError:
            return False
        return owner.pw_gid == group and owner.pw_uid in users and not {*found.gr_mem} - {owner[0]}


def _has_access_list(place: Path) -> bool:
    if sys.platform != "linux":
        return False
    try:
        os.getxattr(place, _ACCESS_LIST)
    except OSError:
        return False
    return True


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
