"""The tree of an experiment, as several commands look at it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import click

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment_tree import FoundTree, find_tree, require_whole
from aqsync.aqueduct.records import ExperimentRef
from aqsync.cli.output import complain, report_error
from aqsync.config.patterns import inside_regex
from aqsync.errors import AlreadyThere, AqsyncError, ConfigError, ExitCode, RemoteFileNotFound
from aqsync.layout.other_systems import not_on_windows, spelled_otherwise
from aqsync.layout.tree import Tree, TreeFile

_NOT_FOUND = 404
_NAMED = 3
_GLOB = re.compile(r"[*?\[]")

decode_option = click.option(
    "--decode",
    is_flag=True,
    help="Make folders of names too that no manifest and no journal knows, if aqsync could have"
    " made them: of a~b, a/b.",
)


def tree_of_experiment(
    server: Client, found: ExperimentRef, *, decode: bool, prefix: str | None = None
) -> FoundTree:
    """Return the tree, by the list of files, manifests and the journal.

    Raises:
        ConfigError: Nothing came with this prefix.
    """
    # What the journal needs is slow to import.
    from aqsync.cli.journal_tree import journal_manifests  # noqa: PLC0415 - see above

    given = click.get_current_context().params
    with journal_manifests(found.uuid, given.get("config"), given.get("url")) as journal:
        return find_tree(server, found.uuid, journal=journal, decode=decode, prefix=prefix)


def say_unread(tree: Tree) -> ExitCode:
    """Say which manifests the server did not give; a tree that lacks one is no success."""
    for _, problem in tree.unread:
        report_error(problem)
    return ExitCode.INCOMPLETE if tree.unread else ExitCode.OK


def say_notes(notes: Iterable[str]) -> None:
    """Print what is worth knowing."""
    for note in notes:
        complain(f"note: {note}")


def notes_for_others(tree: Tree) -> list[str]:
    """What of a tree other systems would take otherwise."""
    paths = [file.path for file in tree.files]
    notes = []
    if alike := spelled_otherwise(paths):
        notes.append(
            f"{_some(alike)} would be one with another file or folder on Windows and macOS: names"
            " that differ in case only are the same there"
        )
    if impossible := [path for path in paths if not_on_windows(path)]:
        notes.append(f"{_some(impossible)} cannot be on Windows")
    return notes


def hint_at_option(exc: AqsyncError) -> None:
    """Let an error about something that is there say what the command could do."""
    if isinstance(exc, AlreadyThere):
        exc.hint = "--overwrite replaces it"


def chosen_files(tree: Tree, names: Sequence[str], found: ExperimentRef) -> list[TreeFile]:
    """The files that a person names; each once, in the order of the names.

    A path and a folder are those of the tree. A name on the server is that file, under this name.

    Raises:
        RemoteFileNotFound: There is no such file; all that are missing are named.
        RemoteOperationError: The server did not give a manifest, which may know the paths.
        ConfigError: A pattern is none.
    """
    by_path = {file.path: file for file in tree.files}
    by_name = {file.name: file for file in tree.files}
    chosen: dict[str, TreeFile] = {}
    missing = []
    for name in names:
        if name in by_path:
            files = [by_path[name]]
        elif name in by_name:
            files = [TreeFile(name, name, by_name[name].modified_at)]
        else:
            files = _below_or_like(tree, name)
        if not files:
            missing.append(name)
        for file in files:
            chosen.setdefault(file.name, file)
    if missing:
        require_whole(tree)
        raise RemoteFileNotFound(
            f"experiment {found.eid} has no file {', '.join(map(repr, missing))}",
            hint=f"aqsync files list {found.eid} --tree",
            status=_NOT_FOUND,
        )
    return list(chosen.values())


def _below_or_like(tree: Tree, name: str) -> list[TreeFile]:
    """The files of a folder, or those that a pattern fits."""
    below = f"{name.rstrip('/')}/"
    files = [file for file in tree.files if file.path.startswith(below)]
    if files or not _GLOB.search(name):
        return files
    try:
        pattern = inside_regex(name)
    except ValueError as exc:
        raise ConfigError(f"{name!r} is no pattern: {exc}") from exc
    if pattern is None or not pattern[1]:
        return []
    return [file for file in tree.files if pattern[0].search(file.path)]


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(map(repr, paths[:_NAMED]))
    return shown if len(paths) <= _NAMED else f"{shown} and {len(paths) - _NAMED} more"
