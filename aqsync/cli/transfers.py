"""``aqsync files put`` and ``get``: files to and from an experiment, one after the other."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from aqsync.aqueduct.local_files import Progress, chunks_of, open_regular, watched, write_whole
from aqsync.aqueduct.records import ExperimentRef
from aqsync.cli.commands.files import files_of, require
from aqsync.cli.groups.options import ServerOptions
from aqsync.cli.output import complain, report_error, say, say_json, size_text
from aqsync.cli.server_access import connected, experiment
from aqsync.errors import (
    AqsyncError,
    ConfigError,
    ExitCode,
    HeaderDropped,
    Interrupted,
    LocalError,
    NameNotSendable,
    TransferRefused,
)


class Transfer(NamedTuple):
    """One file to be moved."""

    name: str
    """Its name in the experiment."""
    path: Path
    """Its place on this machine."""


def put(  # noqa: PLR0913 - what the command line says
    options: ServerOptions,
    identifier: str,
    paths: Sequence[Path],
    *,
    name: str | None,
    overwrite: bool,
    json: bool,
) -> ExitCode:
    """Upload files; what is there already is left alone unless it may be replaced.

    Raises:
        ConfigError: Files would have the same name in the experiment.
    """
    transfers = _uploads(paths, name)
    with connected(options) as server, experiment(server, identifier) as found:
        there = {file.name for file in files_of(server, found)}

        def upload(transfer: Transfer, progress: Progress | None) -> int:
            if transfer.name in there and not overwrite:
                raise LocalError(
                    f"{transfer.name!r} is in {found.eid} already, and was left as it is",
                    hint="--overwrite replaces it, --name gives another name",
                )
            source, size = open_regular(transfer.path)
            with source:
                chunks = watched(chunks_of(source, transfer.path), size, progress)
                server.upload(found.uuid, transfer.name, chunks, size)
            return size

        moves = _Moves("uploaded", found, json=json)
        return moves.run(transfers, upload)


def get(  # noqa: PLR0913 - what the command line says
    options: ServerOptions,
    identifier: str,
    names: Sequence[str],
    *,
    into: Path,
    overwrite: bool,
    json: bool,
) -> ExitCode:
    """Download files, all if none are named; a local file is replaced only if it may be.

    Raises:
        RemoteFileNotFound: One of them is not there. Nothing was downloaded.
        LocalError: The directory cannot be made.
    """
    with connected(options) as server, experiment(server, identifier) as found:
        files = files_of(server, found)
        require(names, files, found)
        wanted = list(dict.fromkeys(names or (file.name for file in files)))
        if not wanted and not json:
            complain(f"{found.eid} has no files")
        if wanted:
            _make(into)

        def download(transfer: Transfer, progress: Progress | None) -> int:
            if not is_plain(transfer.name):
                raise LocalError(f"{transfer.name!r} is no name for a file on this machine")
            if not overwrite and os.path.lexists(transfer.path):
                raise LocalError(
                    f"{transfer.path} exists already, and was left as it is",
                    hint="--overwrite replaces it, --to takes another directory",
                )
            size = 0

            def count(done: int, total: int | None) -> None:
                nonlocal size
                size = done
                if progress is not None:
                    progress(done, total)

            with server.download(found.uuid, transfer.name) as coming:
                chunks = watched(coming.chunks(), coming.length, count)
                write_whole(transfer.path, chunks, replace=overwrite)
            return size

        moves = _Moves("downloaded", found, json=json)
        return moves.run([Transfer(each, into / each) for each in wanted], download)


def is_plain(name: str) -> bool:
    """Tell whether a name from a server names a file in a directory, and no other place."""
    parts = PurePosixPath(name).name, PureWindowsPath(name).name
    return name not in {"", ".", ".."} and parts == (name, name) and "\0" not in name


class _Moves:
    """Moves files one after the other, and says how each went; one bad file stops no other."""

    def __init__(self, verb: str, found: ExperimentRef, *, json: bool) -> None:
        self._verb = verb
        self._found = found
        self._json = json
        self._moved: list[dict[str, object]] = []
        self._problems: list[dict[str, str]] = []

    def run(
        self, transfers: Sequence[Transfer], move: Callable[[Transfer, Progress | None], int]
    ) -> ExitCode:
        for number, transfer in enumerate(transfers, start=1):
            label = f"{number}/{len(transfers)} {transfer.name}"
            try:
                with _bar(label, quiet=self._json) as progress:
                    size = move(transfer, progress)
            except HeaderDropped:
                raise  # it would meet every file
            except (LocalError, TransferRefused, NameNotSendable) as exc:
                self._failed(transfer, exc)
            except KeyboardInterrupt:
                done = f"{len(self._moved)} of {len(transfers)} files"
                raise Interrupted(f"interrupted; {self._verb} {done}") from None
            else:
                self._done(transfer, size)
        if self._json:
            answer = {self._verb: self._moved, "problems": self._problems}
            say_json({"eid": self._found.eid, **answer})
        return ExitCode.INCOMPLETE if self._problems else ExitCode.OK

    def _done(self, transfer: Transfer, size: int) -> None:
        place = {"name": transfer.name, "path": str(transfer.path)}
        self._moved.append({**place, "bytes": size})
        if not self._json:
            say(f"{self._verb} {transfer.name} ({size_text(size)})")

    def _failed(self, transfer: Transfer, exc: AqsyncError) -> None:
        exc.message = exc.message.replace(str(self._found.uuid), self._found.eid)
        place = {"name": transfer.name, "path": str(transfer.path)}
        self._problems.append({**place, "reason": exc.message, "hint": exc.hint})
        if not self._json:
            report_error(exc)


def _uploads(paths: Sequence[Path], name: str | None) -> list[Transfer]:
    if name is not None:
        if len(paths) != 1:
            raise ConfigError(
                f"--name names one file, and {len(paths)} are given", hint="put them one by one"
            )
        return [Transfer(name, paths[0])]
    transfers = [Transfer(path.name, path) for path in paths]
    first: dict[str, Path] = {}
    for each in transfers:
        other = first.setdefault(each.name, each.path)
        if other is not each.path:
            raise ConfigError(
                f"{other} and {each.path} would both become {each.name!r}",
                hint="put one of them by itself, with --name",
            )
    return transfers


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise LocalError(f"{directory} cannot be made: {exc.strerror}") from exc


def _bar(label: str, *, quiet: bool) -> AbstractContextManager[Progress | None]:
    if quiet or not sys.stderr.isatty():
        return contextlib.nullcontext()
    from aqsync.cli.transfer_bar import bar  # noqa: PLC0415 - rich is slow to import

    return bar(label)
