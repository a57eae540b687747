"""What `check` and `doctor` say of the addresses that messages and signs of life go to."""

from __future__ import annotations

import os
import stat

from aqsync.config import Config
from aqsync.config.notify import Address
from aqsync.service.messages.senders import INSTALL, has_apprise


def addresses_of(config: Config) -> list[Address]:
    """All of them.

    Raises:
        ConfigError: A file of addresses cannot be read, or is open to others.
    """
    beat = config.heartbeat
    return [*config.notify.addresses(), *([] if beat is None else [beat.address()])]


def warnings_about(config: Config) -> list[tuple[str, str]]:
    """What is not as it should be, each with its cure.

    Raises:
        ConfigError: As `addresses_of`.
    """
    found = []
    if any(not each.is_webhook for each in addresses_of(config)) and not has_apprise():
        found.append(("an address needs apprise, which is not installed", f"install it: {INSTALL}"))
    beat = config.heartbeat
    written = bool(config.notify.urls) or (beat is not None and beat.url is not None)
    if written and os.name == "posix" and _is_open(config):
        said = f"{config.path} holds addresses with their secrets, and every user can read it"
        files = "put the addresses into private files: urls_file, url_file"
        found.append((said, f"chmod o-r {config.path}; or {files}"))
    return found


def _is_open(config: Config) -> bool:
    try:
        return bool(config.path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False  # who reads it next reports that
