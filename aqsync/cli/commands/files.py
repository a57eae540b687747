"""``aqsync files list`` and ``remove``, and the list of files that other commands look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aqsync.aqueduct.records import ExperimentRef, RemoteFile
from aqsync.aqueduct.server import Server
from aqsync.cli.as_json import file_shape
from aqsync.cli.confirmation import agreed
from aqsync.cli.groups.options import ServerOptions
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.server_access import connected, experiment
from aqsync.cli.tables import say_table, time_text
from aqsync.errors import (
    BadAnswer,
    ExitCode,
    ExperimentNotFound,
    RemoteFileNotFound,
)

_NOT_FOUND = 404
_NAMED_IN_QUESTION = 5


def list_files(options: ServerOptions, identifier: str, *, json: bool) -> ExitCode:
    """List the files of an experiment by name."""
    with connected(options) as server, experiment(server, identifier) as found:
        files = files_of(server, found)
    if json:
        say_json([file_shape(file) for file in files])
        return ExitCode.OK
    say_files(files)
    if not files:
        complain(f"{found.eid} has no files")
    return ExitCode.OK


def remove(
    options: ServerOptions, identifier: str, names: Sequence[str], *, yes: bool, json: bool
) -> ExitCode:
    """Remove files: all that are named, or none if one of them is not there.

    Raises:
        RemoteFileNotFound: One is not there.
    """
    wanted = list(dict.fromkeys(names))
    with connected(options) as server, experiment(server, identifier) as found:
        require(wanted, files_of(server, found), found)
        if not agreed(f"Remove {_in_words(wanted)} from {found.eid} ({found.title})", yes=yes):
            return ExitCode.INCOMPLETE
        server.remove_files(found.uuid, wanted)
    if json:
        say_json({"eid": found.eid, "removed": wanted})
    else:
        for name in wanted:
            say(f"removed {name} from {found.eid}")
    return ExitCode.OK


def files_of(server: Server, found: ExperimentRef) -> list[RemoteFile]:
    """Return an experiment's files, by name.

    Raises:
        ExperimentNotFound: It has gone meanwhile.
        BadAnswer: The server tells a time that is none.
    """
    answer = server.list_files([found.uuid])
    files = None if answer is None else answer.files[found.uuid]
    if files is None:
        raise ExperimentNotFound(f"experiment {found.eid} does not exist for this user")
    try:
        for file in files:
            datetime.fromisoformat(file.modified_at)
    except ValueError as exc:
        raise BadAnswer(f"the server gave a file of {found.eid} a strange time: {exc}") from exc
    return sorted(files)


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
        [(file.name, time_text(datetime.fromisoformat(file.modified_at))) for file in files],
    )


def _in_words(names: Sequence[str]) -> str:
    if len(names) <= _NAMED_IN_QUESTION:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED_IN_QUESTION])} and {len(names) - _NAMED_IN_QUESTION} more"
