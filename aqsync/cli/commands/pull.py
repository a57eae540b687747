"""``aqsync pull``: give the whole tree of an experiment back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from aqsync.aqueduct.by_eid import name_by_eid
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.folder import Folder
from aqsync.aqueduct.local_files import begun
from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.tree_download import TreeDownload
from aqsync.aqueduct.tree_moves import Moved, lacking
from aqsync.aqueduct.tree_zip import zip_chunks
from aqsync.aqueduct.whole_trees import tree_progress
from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option
from aqsync.cli.output import complain, report_error, say, say_json
from aqsync.cli.server_access import eid_argument, experiment_by, with_server
from aqsync.cli.streams import stdout_failure
from aqsync.cli.trees import (
    decode_option,
    hint_at_option,
    notes_for_others,
    say_notes,
    tree_of_experiment,
)
from aqsync.errors import ConfigError, ExitCode, Interrupted, LocalError, RemoteError
from aqsync.layout.names import is_plain
from aqsync.layout.tree import Tree
from aqsync.wording import counted, size_text

_STDOUT = Path("-")


@click.command(epilog="Example: aqsync pull 20261123-1 data")
@eid_argument
@click.argument(
    "directory",
    required=False,
    type=PATH,
    help="Where the tree is put, itself; made if missing. By default a folder named by the EID.",
)
@click.option("--overwrite", is_flag=True, help="Replace files here that differ.")
@decode_option
@click.option("--prefix", metavar="NAME", help="Only what came with this prefix, without it.")
@click.option(
    "--zip",
    "archive",
    type=PATH,
    metavar="FILE",
    help="Write one ZIP archive instead; - is the standard output.",
)
@with_server
@json_option
def pull(
    server: Client,
    *,
    eid: str,
    directory: Path | None,
    overwrite: bool,
    decode: bool,
    prefix: str | None,
    archive: Path | None,
    json: bool,
) -> ExitCode:
    """Give the whole tree of an experiment back, as it was.

    Folders, empty ones, times of modification and SHA-256 come from manifests, which aqsync writes
    into each experiment. A file comes whole or not at all; one that is here and equal is not
    fetched, so the same command goes on with what was broken off. One that is here and differs
    stays as it is without --overwrite, and the exit status is 1. So it is with a file called
    aqsync.yaml, since it would become a configuration.

    With --json: an object with eid, directory (or archive), downloaded (a list of objects with
    name, path and bytes), present (a list of paths), problems (a list of objects with name, path,
    reason and hint) and notes.
    """
    _check(directory, archive, json=json, overwrite=overwrite)
    with experiment_by(server, eid) as found:
        tree, notes = tree_of_experiment(server, found, decode=decode, prefix=prefix)
        place = archive or directory or _named_by(found)
        answer = _Answer(found, place, "directory" if archive is None else "archive", tree)
        answer.note([*notes, *notes_for_others(tree)])
        answer.note(_notes_of_place(place) if archive is None else ())
        for moved in lacking(tree):
            answer.take(moved)
        if not tree.files and not tree.folders:
            complain(f"{found.eid} has no files")
            return answer.end(json=json, quiet=True)
        show = not json and sys.stderr.isatty()
        with tree_progress(len(tree.files), show=show) as bar:
            answer.file = bar[1]
            with _said_when_it_ends_early(answer):
                if archive is None:
                    with Folder(place, make=True) as folder:
                        download = TreeDownload(
                            server, found.uuid, folder, overwrite=overwrite, came=bar[0]
                        )
                        for moved in download.all_of(tree, abort=server.close):
                            answer.take(moved)
                else:
                    chunks = zip_chunks(server, found.uuid, tree, ended=answer.take, came=bar[0])
                    _write(place, chunks, overwrite=overwrite)
        return answer.end(json=json)


class _Answer:
    """What became of everything, said as it ends.

    Args:
        found: The experiment.
        place: Where it comes to.
        kind: What the place is.
        tree: What is to come.
    """

    def __init__(self, found: ExperimentRef, place: Path, kind: str, tree: Tree) -> None:
        self._found = found
        self._place = place
        self._kind = kind
        self._files = len(tree.files)
        self.file: Callable[[], object] = lambda: None
        """Called for each file that has ended."""
        self._downloaded: list[Moved] = []
        self._present: list[str] = []
        self._problems: list[dict[str, str]] = []
        self._notes: list[str] = []

    def note(self, notes: Iterable[str]) -> None:
        """Say what is worth knowing."""
        found = [*notes]
        self._notes += found
        say_notes(found)

    def take(self, moved: Moved) -> None:
        """Say what became of a file, if it did not come as it should."""
        self.file()
        if moved.problem is not None:
            name_by_eid(moved.problem, {self._found.uuid: self._found.eid})
            hint_at_option(moved.problem)
            place = {"name": moved.name, "path": moved.path}
            said = {"reason": moved.problem.message, "hint": moved.problem.hint}
            self._problems.append(place | said)
            report_error(moved.problem)
        elif moved.was_there:
            self._present.append(moved.path)
        else:
            self._downloaded.append(moved)
        if moved.note:
            self.note([f"{moved.path!r}: {moved.note}"])

    @property
    def so_far(self) -> tuple[str, str]:
        """What there is if it ends early, and what the same command would do."""
        if self._kind == "archive":
            return "there is no whole archive", "the same command begins it anew"
        here = len(self._downloaded) + len(self._present)
        return f"{here} of {self._files} files are here", "the same command goes on with the rest"

    def end(self, *, json: bool, quiet: bool = False) -> ExitCode:
        """Say how it ended, in one line unless that is not to be."""
        if json:
            downloaded = sorted(self._downloaded)
            say_json(
                {
                    "eid": self._found.eid,
                    self._kind: str(self._place),
                    "downloaded": [
                        {"name": each.name, "path": each.path, "bytes": each.size}
                        for each in downloaded
                    ],
                    "present": sorted(self._present),
                    "problems": self._problems,
                    "notes": self._notes,
                }
            )
        elif self._place != _STDOUT and not quiet:
            say(self._summary())
        return ExitCode.INCOMPLETE if self._problems else ExitCode.OK

    def _summary(self) -> str:
        size = size_text(sum(each.size for each in self._downloaded))
        files = counted(len(self._downloaded), "file")
        parts = [f"downloaded {files} of {self._found.eid} ({size})"]
        if self._present:
            parts.append(f"{len(self._present)} here already")
        if self._problems:
            parts.append(f"{len(self._problems)} not as in the experiment")
        return f"{', '.join(parts)}: {self._place}"


@contextmanager
def _said_when_it_ends_early(answer: _Answer) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        here, again = answer.so_far
        raise Interrupted(f"interrupted; {here}", hint=again) from None
    except (RemoteError, LocalError):
        complain("; ".join(answer.so_far))
        raise


def _check(directory: Path | None, archive: Path | None, *, json: bool, overwrite: bool) -> None:
    if archive is None:
        return
    if directory is not None:
        raise ConfigError(
            "a directory and --zip cannot stand together", hint="leave one of them out"
        )
    if archive == _STDOUT and json:
        raise ConfigError("--json and --zip - cannot both be the output", hint="name a file")
    if archive == _STDOUT and sys.stdout.isatty():
        raise ConfigError(
            "an archive is nothing for a terminal", hint="name a file, or send it into a pipe"
        )
    if archive != _STDOUT and not overwrite and os.path.lexists(archive):
        raise LocalError(
            f"{archive} exists already, and was left as it is", hint="--overwrite replaces it"
        )


def _notes_of_place(place: Path) -> list[str]:
    # What configurations need is slow to import.
    from aqsync.cli.mapped_place import notes_for_mapped  # noqa: PLC0415 - see above

    given = click.get_current_context().params
    return notes_for_mapped(place, given.get("config"), given.get("url"))


def _named_by(found: ExperimentRef) -> Path:
    if not is_plain(found.eid):
        raise ConfigError(f"no folder can be called {found.eid!r}", hint="name a directory")
    return Path(found.eid)


def _write(archive: Path, chunks: Iterator[bytes], *, overwrite: bool) -> None:
    if archive != _STDOUT:
        with begun(archive) as partial:
            partial.fill(chunks)
            partial.finish(replace=overwrite)
        return
    output = sys.stdout.buffer
    for chunk in chunks:
        output.write(chunk)
        _require_output()
    output.flush()
    _require_output()


def _require_output() -> None:
    """Refuse to go on with an archive of which a part is lost.

    Raises:
        LocalError: It cannot be written, or its reader has gone.
    """
    failure = stdout_failure()
    if failure is not None:
        raise LocalError(f"the archive could not be written to the end: {failure.strerror}")
