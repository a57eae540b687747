"""The files of an experiment, as several commands look at them."""

from __future__ import annotations

from collections.abc import Iterable

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment_tree import listed_files
from aqsync.aqueduct.records import ExperimentRef, RemoteFile
from aqsync.cli.tables import say_table, time_text
from aqsync.errors import RemoteFileNotFound

_NOT_FOUND = 404


def files_of(server: Client, found: ExperimentRef) -> list[RemoteFile]:
    """Return an experiment's files, by name.

    Raises:
        ExperimentNotFound: It was removed meanwhile.
    """
    return sorted(listed_files(server, found.uuid))


def require(names: Iterable[str], files: Iterable[RemoteFile], found: ExperimentRef) -> None:
    """Make sure that an experiment has these files.

    Raises:
        RemoteFileNotFound: It lacks some; all of them are named.
    """
    there = {file.name for file in files}
    missing = [name for name in names if name not in there]
    if missing:
        raise RemoteFileNotFound(
            f"experiment {found.eid} has no file {', '.join(map(repr, missing))}",
            hint=f"aqsync files list {found.eid}",
            status=_NOT_FOUND,
        )


def say_files(files: Iterable[RemoteFile]) -> None:
    """Print a table of files."""
    say_table(
        ("NAME", "UPLOADED"),
        [(file.name, time_text(file.uploaded_at)) for file in files],
    )
