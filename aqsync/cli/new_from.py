"""The experiment of a folder that a person names: found, or made."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.config import Config, MappingConfig
from aqsync.errors import ConfigError, JournalError
from aqsync.journal import Journal
from aqsync.layout.identity import folder_identity, identity_tag, key_of, moved_tag
from aqsync.local.locate import locate
from aqsync.local.made_folders import new_identity
from aqsync.local.rules import Rules, fitting_tag


class Identified(NamedTuple):
    """A folder, and what its experiment is found by."""

    identity: str
    prefix: str | None = None
    uuid: str | None = None
    """Of its experiment, if the journal knows that."""

    def has(self, experiment: ExperimentRef) -> bool:
        """Whether one with its tag is its own: a folder that was renamed keeps that tag, too."""
        if str(experiment.uuid) == self.uuid:
            return True
        return moved_tag(self.identity) not in experiment.tags


class Found(NamedTuple):
    """The experiment of a folder."""

    experiment: ExperimentRef
    made: bool
    """Whether it was just made."""
    doubles: Sequence[ExperimentRef]
    """Younger ones of the same folder."""


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
        return _by_journal(config, mapping, place.path) or Identified(
            new_identity(mapping, place.path, ()), mapping.prefix
        )
    return Identified(folder_identity(platform.node(), "", str(folder)))


def _by_journal(config: Config | None, mapping: MappingConfig, folder: str) -> Identified | None:
    """As the journal knows it, or will: it may have been renamed, or one that had its path."""
    if config is None or not config.journal.exists():
        return None
    try:
        with Journal.open_for_reading(config.journal) as journal:
            record = journal.mappings.find(mapping.name)
            known = () if record is None else journal.made.folders(record.id)
            here = [made.identity for made in known if made.folder == folder]
            taken = {made.identity for made in known}
            identity = here[0] if here else new_identity(mapping, folder, taken)
            found = journal.remote.experiments([key_of(identity)]).values()
    except JournalError:
        return None
    uuid = next((experiment.uuid for experiment in found), None)
    return Identified(identity, mapping.prefix, uuid)


def found_or_made(
    server: Client, folder: Identified, title: str, description: str, tags: Sequence[str]
) -> Found:
    """The experiment of a folder; the oldest counts.

    Raises:
        RemoteError: The server cannot be asked, or refuses. A second call finds what was made.
    """
    tag = identity_tag(folder.identity)
    if found := list(filter(folder.has, server.tagged([tag])[tag])):
        return Found(found[0], made=False, doubles=found[1:])
    own = {t.lower(): t for t in (tag, *map(fitting_tag, tags))}
    made = server.create_experiment(title, description, list(own.values()))
    found = list(filter(folder.has, server.tagged([tag])[tag])) or [made]
    return Found(found[0], made=True, doubles=found[1:])
