"""The token of the status page: who can read its file may see the page and use its buttons."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from aqsync.trust import distrust, trusted_users

_BYTES = 32


def token_path(socket: Path) -> Path:
    """Where the token lies: beside the daemon's Unix socket, in a folder of its user alone."""
    return socket.with_name("page-token")


def make_token(path: Path) -> str:
    """The token in a file; a new one if there is none that only this user could have written.

    Raises:
        OSError: It cannot be read or written.
    """
    known = read_token(path)
    if known is not None:
        return known
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    token = secrets.token_urlsafe(_BYTES)
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "w") as file:
        file.write(token)
    return token


def read_token(path: Path) -> str | None:
    """The token in a file; None if there is none, or others could have written it.

    Raises:
        OSError: It cannot be read.
    """
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) or mode & 0o077 or distrust(path, trusted_users()) is not None:
            return None
        return path.read_text("ascii").strip() or None
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None


def derived(token: str, use: str) -> str:
    """What stands for the token in one use, so that neither it nor another use follows from it."""
    return hmac.new(token.encode(), use.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare without telling by the time how much is alike."""
    return hmac.compare_digest(one.encode(), other.encode())
