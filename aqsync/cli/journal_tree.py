"""What the journal of this machine knows of where an experiment's files stood."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from aqsync.aqueduct.address import server_address
from aqsync.cli.config_of_server import config_of_server
from aqsync.cli.output import complain
from aqsync.clock import SystemClock
from aqsync.config import Config
from aqsync.errors import ConfigError, JournalError
from aqsync.journal import Journal
from aqsync.layout.manifest import Entry, Header
from aqsync.sync.manifest_content import ManifestContent


@contextmanager
def journal_manifests(
    uuid: UUID, config: Path | None, url: str | None
) -> Iterator[list[tuple[Header, Iterator[Entry]]]]:
    """Give what the journal would write into a manifest of an experiment; nothing without one.

    The journal is that of the configuration, if this names the same server. One that cannot be read
    is said, and costs nothing but what it knows.

    Args:
        uuid: The experiment.
        config: The configuration that the command was told.
        url: The address that it was told.
    """
    found = _config(config, url)
    if found is None or not os.path.lexists(found.journal):
        yield []
        return
    try:
        journal = Journal.open_for_reading(found.journal)
    except JournalError as exc:
        complain(f"note: the journal is not asked where files stood: {exc.message}")
        yield []
        return
    with journal:
        yield [(each.header, each.entries()) for each in _contents(journal, found, uuid)]


def _config(named: Path | None, url: str | None) -> Config | None:
    try:
        return config_of_server(named, url)
    except ConfigError:
        return None  # the server's address may come from one that has no mappings yet


def _contents(journal: Journal, config: Config, uuid: UUID) -> Iterator[ManifestContent]:
    address = server_address(config.server.url)
    mappings = [mapping.model_copy(update={"manifest": True}) for mapping in config.mappings]
    for key, record in journal.remote.experiments().items():
        if record.uuid == str(uuid) and record.address in {None, address}:
            yield ManifestContent(journal, mappings, key, SystemClock().now_ns())
