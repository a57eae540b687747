"""``aqsync serve import``: bring the experiments of another server into this one's storage."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.serving.opened import opened_storage
from aqsync.cli.serving.pace import shown_pace
from aqsync.cli.serving.storage_options import needed, storage_options
from aqsync.errors import ExitCode, Interrupted
from aqsync.wording import counted, size_text

if TYPE_CHECKING:
    from aqsync.server.moving.inbound import Tally
    from aqsync.server.settings import StorageSettings
    from aqsync.server.storage import Storage

_AGAIN = "the same command goes on with what is left"


@click.command(
    "import", epilog="Example: aqsync serve import --data ~/aqueduct-data http://aqueduct.lab:8000"
)
@click.argument("source", help="An archive of `aqueduct export`, or the address of a server.")
@storage_options
@click.option(
    "--token-file",
    type=PATH,
    help="A file with the token of the server; else $AQSYNC_API_TOKEN or $API_TOKEN.",
)
@click.option("--dry-run", "-n", is_flag=True, help="Say what would be imported, and end.")
@click.option(
    "--skip-refused", is_flag=True, help="Leave out what cannot be imported, such as odd names."
)
@json_option
def serve_import(
    *,
    source: str,
    storage: StorageSettings | None,
    token_file: Path | None,
    dry_run: bool,
    skip_refused: bool,
    json: bool,
) -> ExitCode:
    """Bring the experiments of another server into a storage, as they are there.

    UUIDs, EIDs, tags, times, files and tasks stay what they are, so that PCs which sent to the
    other server need this one's address only. All is looked at first: what cannot be imported, and
    each EID that another experiment here has, is named before anything is written. Everything is
    compared at the end, files by SHA-256. The same command goes on with what was broken off, and
    brings what has changed at the source since; what was changed here stays, and is named.

    With --json: an object with experiments_new, experiments_renewed, experiments_there, files,
    bytes, files_there, tasks, differences (a list of sentences), difference_count and notes; with
    --dry-run one with experiments, files and refused.
    """
    where = needed(storage)
    try:
        with (
            _rehearsed(where, rehearsal=dry_run) as place,
            opened_storage(place, may_be_new=True) as opened,
        ):
            if source.lower().startswith(("http://", "https://")):
                return _from_server(
                    source, token_file, opened, dry_run=dry_run, skip=skip_refused, json=json
                )
            return _from_archive(
                Path(source), opened, dry_run=dry_run, skip=skip_refused, json=json
            )
    except KeyboardInterrupt:
        raise Interrupted("the import was broken off", hint=_AGAIN) from None


@contextmanager
def _rehearsed(where: StorageSettings, *, rehearsal: bool) -> Iterator[StorageSettings]:
    """Give the storage; in a rehearsal, one that would be made is an empty one elsewhere."""
    if not rehearsal or where.data is None or where.data.exists():
        yield where
        return
    with tempfile.TemporaryDirectory() as elsewhere:
        yield dataclasses.replace(where, data=Path(elsewhere))


def _from_server(
    url: str,
    token_file: Path | None,
    storage: Storage,
    *,
    dry_run: bool,
    skip: bool,
    json: bool,
) -> ExitCode:
    from aqsync.cli.server_access import access, connected  # noqa: PLC0415 - slow to import
    from aqsync.moving.server_import import ServerImport  # noqa: PLC0415 - an optional extra
    from aqsync.server.moving.inbound import Inbound  # noqa: PLC0415 - the same

    with connected(access(None, url, token_file)) as server:
        found = ServerImport(server, Inbound(storage), skip_refused=skip).check()
        if dry_run:
            return _foretell(len(found.experiments), found.files, found.refused, json=json)
        with shown_pace(found.files, quiet=json) as pace:
            moving = ServerImport(
                server, Inbound(storage), skip_refused=skip, came=pace.came, file=pace.file
            )
            tally = moving.run(found)
    return _say(tally, json=json)


def _from_archive(
    path: Path, storage: Storage, *, dry_run: bool, skip: bool, json: bool
) -> ExitCode:
    from aqsync.server.moving.archive_import import ArchiveImport  # noqa: PLC0415 - optional
    from aqsync.server.moving.archive_reader import Archive  # noqa: PLC0415 - the same
    from aqsync.server.moving.inbound import Inbound  # noqa: PLC0415 - the same

    inbound = Inbound(storage)
    moving = ArchiveImport(Archive(path), inbound, skip_refused=skip)
    with shown_pace(0, quiet=json) as pace:
        contents = moving.check(pace.came)
    if dry_run:
        return _foretell(len(contents.experiments), contents.files, contents.refused, json=json)
    with shown_pace(contents.files, quiet=json) as pace:
        moving.run(contents, pace.came, pace.file)
    return _say(inbound.tally, json=json)


def _foretell(experiments: int, files: int, refused: list[str], *, json: bool) -> ExitCode:
    if json:
        say_json({"experiments": experiments, "files": files, "refused": refused})
    else:
        for sentence in refused:
            complain(f"left out: {sentence}")
        say(f"{counted(experiments, 'experiment')} and {counted(files, 'file')} can be imported")
    return ExitCode.INCOMPLETE if refused else ExitCode.OK


def _say(tally: Tally, *, json: bool) -> ExitCode:
    if json:
        told = dataclasses.asdict(tally)
        names = {"new": "experiments_new", "renewed": "experiments_renewed"}
        names |= {"there": "experiments_there", "present": "files_there"}
        say_json({names.get(key, key): value for key, value in told.items()})
    else:
        for note in tally.notes:
            complain(f"note: {note}")
        for sentence in tally.differences:
            complain(f"differs: {sentence}")
        if tally.difference_count > len(tally.differences):
            complain(f"differs: {tally.difference_count - len(tally.differences)} more")
        say(_summary(tally))
    return ExitCode.INCOMPLETE if tally.difference_count else ExitCode.OK


def _summary(tally: Tally) -> str:
    parts = [f"imported {counted(tally.new, 'experiment')}"]
    if tally.renewed:
        parts.append(f"brought {tally.renewed} up to date")
    parts.append(f"{counted(tally.files, 'file')} ({size_text(tally.bytes)})")
    if tally.tasks:
        parts.append(f"{counted(tally.tasks, 'task')} as at the source")
    if tally.there or tally.present:
        there = counted(tally.there, "experiment"), counted(tally.present, "file")
        parts.append(f"there already: {there[0]} and {there[1]}")
    if tally.difference_count:
        parts.append(f"{counted(tally.difference_count, 'difference')}")
    return ", ".join(parts)
