"""What a system service sees of the machine: the program, what that needs, and the data's folders.

A link in the place of a root then leads nowhere, whatever rights the service has. The unit tells
what it shows, so that the daemon knows a directory that it cannot see from one that is missing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aqsync.config import Config
from aqsync.errors import ConfigError
from aqsync.log import Log

SEES = "AQSYNC_SEES"
"""A variable that the unit sets: the folders that it shows besides `SYSTEM`, a list in JSON."""

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu", "/etc"),
    *("/run", "/var/run", "/var/lib/sss", "/var/lib/ca-certificates"),
)
"""Programs, libraries, certificates, names of hosts and users. Whole folders: a single file would
be seen as it was at the start, long after it was replaced."""
_ALWAYS_THERE = (Path("/"), Path("/home"))
"""Mounted before any service starts; too much lies in them to show it all."""

log = Log(__name__)


def folders_to_see(config: Config, command: Sequence[str]) -> list[Path]:
    """The folders that a service has to see besides `SYSTEM`.

    Of a root it is the folder around it, so that what comes later in its place, or replaces it,
    is seen too. A user who can replace a root owns that folder, and could move its content into
    the root anyway.

    Args:
        config: What the service works by.
        command: How aqsync is called.
    """
    files = [config.path, config.server.token_file, config.server.ca_file, Path(command[0])]
    beat = config.heartbeat
    files += [config.notify.urls_file, None if beat is None else beat.url_file]
    files += [None if config.fleet is None else config.fleet.key_file]
    needed = [file.parent for file in files if file is not None]
    needed += map(Path, (sys.prefix, sys.base_prefix, *(place for place in sys.path if place)))
    roots = [mapping.directory for mapping in config.mappings]
    wanted = [*needed, *map(_real, needed), *map(_around, roots), *map(_around, map(_real, roots))]
    return _outermost(_that_a_unit_can_name(place) for place in wanted)


def unseen_roots(config: Config, environment: Mapping[str, str]) -> list[Path]:
    """The mapped directories that this process cannot see, as its unit does not show them."""
    shown = _shown(environment)
    if shown is None:
        return []
    roots = [mapping.directory for mapping in config.mappings]
    seen = [*shown, *map(Path, SYSTEM)]
    return [root for root in roots if not any(root.is_relative_to(folder) for folder in seen)]


def require_seen(config: Config, environment: Mapping[str, str]) -> None:
    """Refuse a new configuration that a running service cannot work by.

    Raises:
        ConfigError: It does not see some of its directories; the message says what to do.
    """
    unseen = unseen_roots(config, environment)
    if unseen:
        raise ConfigError(
            f"the service does not see {', '.join(map(str, unseen))}: its unit was written for"
            " other directories",
            hint="call `aqsync service install` again, with the options of the first time; it"
            " writes the unit again and restarts the service",
        )


def warn_of_unseen(config: Config, environment: Mapping[str, str]) -> None:
    """Tell in the log what this process cannot see; the rest goes on."""
    for root in unseen_roots(config, environment):
        log.warning("not seen by the service; call `aqsync service install` again", directory=root)
    for folder in _shown(environment) or ():
        if not folder.exists():
            log.warning("missing; if it comes, the service sees it after a restart", folder=folder)


def _shown(environment: Mapping[str, str]) -> list[Path] | None:
    try:
        return [Path(folder) for folder in json.loads(environment[SEES])]
    except (KeyError, TypeError, ValueError):
        return None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _around(root: Path) -> Path:
    """The nearest folder around a root that is there whether or not a disk is plugged in.

    That is the outermost on which something is mounted, as its folder stays; else the one around
    the root. Of what is not there at all, it is the first that is.
    """
    ways = [*reversed(root.parents), root]
    there = next(place for place in ways if place not in _ALWAYS_THERE)
    for place in ways[ways.index(there) : -1]:
        if not place.exists():
            break
        there = place
        if os.path.ismount(place):
            break
    return there


def _that_a_unit_can_name(place: Path) -> Path:
    """The place, or the nearest folder around it whose name a unit file can hold."""
    return next(p for p in (place, *place.parents) if str(p).isprintable())


def _outermost(places: Iterable[Path]) -> list[Path]:
    """The folders, without those that lie in others or in `SYSTEM`."""
    found: list[Path] = []
    for place in sorted({Path(os.path.abspath(place)) for place in places}):  # noqa: PTH100 - links stay
        if not any(place.is_relative_to(other) for other in (*map(Path, SYSTEM), *found)):
            found.append(place)
    return found
