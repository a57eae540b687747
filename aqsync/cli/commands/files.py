"""``aqsync files``: list, upload, download and remove the files of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.folder import Folder
from aqsync.aqueduct.local_files import Progress, chunks_of, open_regular, watched
from aqsync.aqueduct.records import ExperimentRef, RemoteFile
from aqsync.aqueduct.tree_download import TreeDownload, refuse_configuration
from aqsync.aqueduct.tree_moves import no_name
from aqsync.cli.as_json import file_as_json, tree_file_as_json
from aqsync.cli.confirmation import confirmed
from aqsync.cli.experiment_files import files_of, require, say_files
from aqsync.cli.file_moves import Moves, Transfer
from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option, yes_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.server_access import eid_argument, experiment_by, with_server
from aqsync.cli.tables import say_table, time_text
from aqsync.cli.trees import chosen_files, decode_option, say_notes, say_unread, tree_of_experiment
from aqsync.errors import ConfigError, ExitCode, LocalError
from aqsync.layout.tree import TreeFile

_NAMED_IN_QUESTION = 5


@click.group(epilog="Example: aqsync files get 20261123-1 --to data")
def files() -> None:
    """List, upload, download and remove the files of an experiment."""


@files.command("list", epilog="Example: aqsync files list 20261123-1 --tree")
@eid_argument
@click.option("--tree", is_flag=True, help="The tree that they were: paths, and empty folders.")
@decode_option
@with_server
@json_option
def list_files(server: Client, *, eid: str, tree: bool, decode: bool, json: bool) -> ExitCode:
    """List the files of an experiment by name, or as the tree that they were.

    With --json: a list of objects with name and uploaded_at; with --tree also path, size, sha256
    and mtime (when it was last modified where it came from), null where that is not known. An empty
    folder has a path, and no name.
    """
    if decode and not tree:
        raise ConfigError("--decode goes with --tree", hint="give both")
    with experiment_by(server, eid) as found:
        if tree:
            return _list_tree(server, found, decode=decode, json=json)
        listed = files_of(server, found)
    if json:
        say_json([file_as_json(file) for file in listed])
        return ExitCode.OK
    say_files(listed)
    if not listed:
        complain(f"{found.eid} has no files")
    return ExitCode.OK


def _list_tree(server: Client, found: ExperimentRef, *, decode: bool, json: bool) -> ExitCode:
    tree, notes = tree_of_experiment(server, found, decode=decode)
    say_notes(notes)
    if json:
        folders = [{"path": f"{folder}/", "name": None} for folder in tree.folders]
        say_json([*(tree_file_as_json(file) for file in tree.files), *folders])
        return say_unread(tree)
    rows = [(file.path, time_text(RemoteFile(*file[1:3]).uploaded_at)) for file in tree.files]
    say_table(("PATH", "UPLOADED"), sorted([*rows, *((f"{path}/", "") for path in tree.folders)]))
    if not rows:
        complain(f"{found.eid} has no files")
    return say_unread(tree)


@files.command(epilog="Example: aqsync files get 20261123-1 --to data")
@eid_argument
@click.argument(
    "names",
    nargs=-1,
    metavar="[PATH]...",
    help="Paths, folders or patterns such as '*.csv', as in files list --tree, or names in the"
    " experiment; all files, if left out.",
)
@click.option(
    "--to",
    "directory",
    type=PATH,
    default=Path(),
    help="The directory to put them in; made if missing. By default the current one.",
)
@click.option("--overwrite", is_flag=True, help="Replace files here.")
@decode_option
@with_server
@json_option
def get(
    server: Client,
    *,
    eid: str,
    names: Sequence[str],
    directory: Path,
    overwrite: bool,
    decode: bool,
    json: bool,
) -> ExitCode:
    """Download files of an experiment; a file comes whole or not at all.

    A file goes into the folders that it came from, where a manifest or the journal knows them. One
    that is named by its name in the experiment gets that name.

    A file that is there already stays as it is without --overwrite, and the exit status is 1. So
    it is with a file called aqsync.yaml that is not named, since it would become a configuration.

    With --json: an object with eid, downloaded (a list of objects with name, path and bytes) and
    problems (a list of objects with name, path, reason and hint).
    """
    with experiment_by(server, eid) as found:
        tree, notes = tree_of_experiment(server, found, decode=decode)
        chosen = chosen_files(tree, names, found) if names else list(tree.files)
        chosen += [] if names else [TreeFile(name, name, "") for name in tree.refused]
        say_notes(notes)
        if not chosen and not json:
            complain(f"{found.eid} has no files")
        transfers = [Transfer(each.name, directory / each.path) for each in chosen]
        moves = Moves("downloaded", found, json=json)
        if not chosen:
            return say_unread(tree) or moves.run((), lambda *_: 0)
        by_name = {each.name: each for each in chosen}
        with Folder(directory, make=True) as folder:
            bringing = TreeDownload(server, found.uuid, folder, overwrite=overwrite)

            def download(transfer: Transfer, progress: Progress | None) -> int:
                file = by_name[transfer.name]
                if file.name in tree.refused:
                    raise no_name(file.name)
                if not {file.name, file.path} & set(names):
                    refuse_configuration(file, str(transfer.path))
                if not overwrite and folder.stat(file.path) is not None:
                    raise LocalError(
                        f"{transfer.path} exists already, and was left as it is",
                        hint="--overwrite replaces it, --to takes another directory",
                    )
                moved = bringing.fetch(file, replace=overwrite, progress=progress)
                if moved.note:
                    say_notes([f"{file.path!r}: {moved.note}"])
                return moved.size

            return moves.run(transfers, download) or (ExitCode.OK if names else say_unread(tree))


@files.command(epilog="Example: aqsync files put 20261123-1 iq.hdf5")
@eid_argument
@click.argument("paths", nargs=-1, required=True, type=PATH, help="The files to upload.")
@click.option("--name", help="For one file: its name in the experiment.")
@click.option("--overwrite", is_flag=True, help="Replace files in the experiment.")
@with_server
@json_option
def put(
    server: Client,
    *,
    eid: str,
    paths: Sequence[Path],
    name: str | None,
    overwrite: bool,
    json: bool,
) -> ExitCode:
    """Upload files to an experiment; a file arrives whole or not at all.

    A file that is there already stays as it is without --overwrite, and the exit status is 1.

    With --json: an object with eid, uploaded (a list of objects with name, path and bytes) and
    problems (a list of objects with name, path, reason and hint).
    """
    transfers = _uploads(paths, name)
    with experiment_by(server, eid) as found:
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

        return Moves("uploaded", found, json=json).run(transfers, upload)


@files.command(epilog="Example: aqsync files remove 20261123-1 iq.hdf5")
@eid_argument
@click.argument("names", nargs=-1, required=True, help="Names in the experiment.")
@yes_option
@with_server
@json_option
def remove(server: Client, *, eid: str, names: Sequence[str], yes: bool, json: bool) -> ExitCode:
    """Remove files from an experiment, after a question.

    If the experiment lacks one of them, none is removed.

    With --json: an object with eid and removed, the list of the names.
    """
    wanted = list(dict.fromkeys(names))
    with experiment_by(server, eid) as found:
        require(wanted, files_of(server, found), found)
        if not confirmed(f"Remove {_in_words(wanted)} from {found.eid} ({found.title})", yes=yes):
            return ExitCode.INCOMPLETE
        server.remove_files(found.uuid, wanted)
    if json:
        say_json({"eid": found.eid, "removed": wanted})
    else:
        for name in wanted:
            say(f"removed {name} from {found.eid}")
    return ExitCode.OK


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


def _in_words(names: Sequence[str]) -> str:
    if len(names) <= _NAMED_IN_QUESTION:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED_IN_QUESTION])} and {len(names) - _NAMED_IN_QUESTION} more"
