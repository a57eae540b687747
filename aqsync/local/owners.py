"""Whose files a mapping takes, where it says so."""

from __future__ import annotations

import sys

from aqsync.config import MappingConfig
from aqsync.errors import RootUnusable

if sys.platform != "win32":
    import pwd


def owners_of(mapping: MappingConfig) -> frozenset[int]:
    """The numbers of the users whom ``require_owner`` names; empty: files of all are taken.

    They are looked up at each call, as an account may be made or renamed meanwhile.

    Raises:
        RootUnusable: This system does not know one of them.
    """
    return frozenset(_number(user, mapping) for user in mapping.require_owner)


def _number(user: str | int, mapping: MappingConfig) -> int:
    if sys.platform != "win32":
        if isinstance(user, int):
            return user
        try:
            return pwd.getpwnam(user).pw_uid
        except KeyError:
            pass
    raise RootUnusable(
        f"`require_owner` of {mapping.name} names {user}, a user whom this system does not know",
        hint="correct the name, or write the user's number",
    )
