"""The experiment of a folder that a person names: found, or made."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.config import Config
from aqsync.errors import ConfigError, JournalError
from aqsync.journal import Journal
from aqsync.layout.identity import folder_identity, identity_tag
from aqsync.local.locate import locate
from aqsync.local.made_folders import label_of
from aqsync.local.rules import Rules, fitting_tag


class Identified(NamedTuple):
    """A folder, and what its experiment is found by."""

    identity: str
    prefix: str | None


def identified(folder: Path, config: Config | None) -> Identified:
    """The identity of a folder: that of a mapping with ``experiment: new``, where it lies in one.

    Raises:
        ConfigError: It lies in such a mapping, and is not one of its folders.
    """
    for mapping in () if config is None else config.mappings:
        if not mapping.makes_experiments:
            continue
        try:
            place = locate([mapping], folder)
        except ConfigError:
            continue
        folders = Rules(mapping).experiment_folders
        if folders is None or folders.of_directory(place.path) != place.path:
            raise ConfigError(
                f"{folder} lies in mapping {mapping.name}, where other folders get experiments",
                hint=f"its pattern of folders is {mapping.experiment_folder}",
            )
        known = _known(config, mapping.name, place.path)
        made = folder_identity(label_of(mapping), mapping.name, place.path)
        return Identified(known or made, mapping.prefix)
    return Identified(folder_identity(platform.node(), "", str(folder)), None)


def _known(config: Config | None, mapping: str, folder: str) -> str | None:
    """The identity that the journal knows it by: it may have been renamed."""
    if config is None or not config.journal.exists():
        return None
    try:
        with Journal.open_for_reading(config.journal) as journal:
            record = journal.mappings.find(mapping)
            known = () if record is None else journal.made.folders(record.id)
    except JournalError:
        return None
    return next((made.identity for made in known if made.folder == folder), None)


def found_or_made(
    server: Client, identity: str, title: str, description: str, tags: Sequence[str]
) -> tuple[ExperimentRef, bool]:
    """The experiment with this identity, and whether it was just made; the oldest counts.

    Raises:
        RemoteError: The server cannot be asked, or refuses. A second call finds what was made.
    """
    tag = identity_tag(identity)
    if found := server.tagged([tag])[tag]:
        return found[0], False
    own = {t.lower(): t for t in (tag, *map(fitting_tag, tags))}
    made = server.create_experiment(title, description, list(own.values()))
    return (server.tagged([tag])[tag] or [made])[0], True
