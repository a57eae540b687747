"""Whether a folder that a command writes into is one that aqsync uploads."""

from __future__ import annotations

from pathlib import Path

from aqsync.cli.config_of_server import config_of_server
from aqsync.errors import ConfigError
from aqsync.local.locate import locate


def notes_for_mapped(place: Path, config: Path | None, url: str | None) -> list[str]:
    """What a person should know of a folder that lies below a mapping's directory.

    Args:
        place: The folder.
        config: The configuration that the command was told.
        url: The address that it was told.
    """
    try:
        found = config_of_server(config, url)
    except ConfigError:
        return []  # the server's address may come from one that has no mappings yet
    for mapping in () if found is None else found.mappings:
        try:
            path = locate([mapping], place).path
        except ConfigError:
            continue
        if path and not mapping.makes_experiments:
            note = (
                f"{place} lies in mapping {mapping.name}, which uploads what comes there as new"
                f" files; {mapping.directory} itself is where its own files belong"
            )
            return [note]
    return []
