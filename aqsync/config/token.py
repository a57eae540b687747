"""Where the token comes from. It is read when needed and kept in no model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from aqsync.config.private_file import read_private_file
from aqsync.errors import ConfigError
from aqsync.small_file import replace_file

_ENVIRONMENT = ("AQSYNC_API_TOKEN", "API_TOKEN")
_CREDENTIAL = "token"
"""What systemd's ``LoadCredential`` calls it."""
# What may stand in an HTTP header without blanks.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SLIPS = (
    (re.compile("\ufeff|\xff\xfe|\xfe\xff|\xef\xbb\xbf"), "begins with a byte order mark"),
    (re.compile(r"(?s)(['\"\u2018\u201c]).*"), "has the token in quotes"),
    (re.compile(r"(?i)bearer\s"), "has the word Bearer before the token"),
    (
        re.compile(r"(?i)(export\s|set\s|\$env:)|[a-z0-9_]*(token|key)[a-z0-9_]*\s*[=:]\s*[^=\s]"),
        "has a name before the token, as in NAME=TOKEN",
    ),
)
"""What people write around a token, and what it is called; the text is never shown."""


def read_token(token_file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Find the token.

    Args:
        token_file: The file to ask first; None to look elsewhere only.
        environment: The environment variables. If ``CREDENTIALS_DIRECTORY`` names systemd's
            credentials for this process, one called ``token`` comes next; then the variables
            ``AQSYNC_API_TOKEN`` and ``API_TOKEN``. One that is empty does not count.

    Returns:
        The token; None if no file is named and nothing steps in.

    Raises:
        ConfigError: The file is named and missing (and nothing steps in), unreadable, open to
            others, or what was found is no token.
    """
    if token_file is not None:
        text = read_private_file(token_file, "token file")
        if text is not None:
            return checked_token(text, f"the token file {token_file}")
    if environment.get("CREDENTIALS_DIRECTORY"):
        credential = Path(environment["CREDENTIALS_DIRECTORY"], _CREDENTIAL)
        # Only this process can read its folder; its mode shows the mask of an access list.
        text = read_private_file(credential, "token file", open_to_others=True)
        if text is not None and text.strip():
            return checked_token(text, f"the credential {credential}")
    for variable in _ENVIRONMENT:
        if environment.get(variable, "").strip():
            return checked_token(environment[variable], f"the environment variable {variable}")
    if token_file is not None:
        raise ConfigError(
            f"the token file {token_file} does not exist",
            hint="write the token into it (mode 600), set AQSYNC_API_TOKEN, or leave out"
            " server.token_file if the server asks for none",
        )
    return None


def token_place() -> Path:
    """Where `aqsync init` stores the token."""
    return platformdirs.user_config_path("aqsync", appauthor=False) / "token"


def store_token(token: str, place: Path) -> None:
    """Write the token into a file that only this user can read, in place of what is there.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(place, f"{token}\n".encode(), 0o600)
    except OSError as exc:
        raise ConfigError(f"the token cannot be stored in {place}: {exc.strerror}") from exc


def checked_token(text: str, source: str) -> str:
    """A token without the blanks around it.

    Args:
        text: As it was read.
        source: What it was read from, for the message.

    Raises:
        ConfigError: It is none.
    """
    token = text.strip()
    if not token:
        raise ConfigError(f"{source} is empty", hint="write the token into it, and nothing else")
    for slip, what in _SLIPS:
        if slip.match(token):
            raise ConfigError(f"{source} {what}", hint="write the token and nothing else into it")
    if not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"{source} holds something else than a token",
            hint="a token is one line of ASCII characters without blanks",
        )
    return token
