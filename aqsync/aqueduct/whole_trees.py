"""Whole trees down and up, as scripts and notebooks ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment_tree import find_tree
from aqsync.aqueduct.folder import Folder
from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.tree_download import TreeDownload
from aqsync.aqueduct.tree_moves import Reporter, TreeReport, lacking
from aqsync.aqueduct.tree_upload import TreeUpload, Walk

_OVERWRITE = "overwrite=True replaces it"


def download_tree(
    server: Client,
    found: ExperimentRef,
    directory: Path,
    *,
    overwrite: bool,
    decode: bool,
    prefix: str | None,
    progress: bool,
) -> TreeReport:
    """Bring an experiment into a directory; see `Experiment.download_all`."""
    tree, notes = find_tree(server, found.uuid, decode=decode, prefix=prefix)
    reporter = Reporter(found.eid, _OVERWRITE, notes)
    for moved in lacking(tree):
        reporter.take(moved)
    with (
        Folder(directory, make=True) as folder,
        tree_progress(len(tree.files), show=progress, stays=True) as bar,
    ):
        download = TreeDownload(server, found.uuid, folder, overwrite=overwrite, came=bar[0])
        for moved in download.all_of(tree):
            bar[1]()
            reporter.take(moved)
    return reporter.whole()


def upload_tree(
    server: Client,
    found: ExperimentRef,
    directory: Path,
    *,
    prefix: str | None,
    overwrite: bool,
    progress: bool,
) -> TreeReport:
    """Put a directory into an experiment; see `Experiment.upload_folder`."""
    with Folder(directory) as folder:
        walk = Walk(folder)
        upload = TreeUpload(server, found, folder, prefix=prefix, overwrite=overwrite)
        reporter = Reporter(found.eid, _OVERWRITE, ())
        for path in walk.skipped:
            reporter.note(path, "it is no regular file, and was left out")
        for moved in walk.closed:
            reporter.take(moved)
        with tree_progress(len(walk.files), show=progress, stays=True) as bar:
            for moved in upload.all_of(walk, sent=bar[0]):
                bar[1]()
                reporter.take(moved)
    return reporter.whole()


@contextmanager
def tree_progress(
    files: int, *, show: bool, stays: bool = False
) -> Iterator[tuple[Callable[[int], object], Callable[[], object]]]:
    """Give what is called with bytes that have been moved, and what is called after each file.

    Args:
        files: How many there are.
        show: Whether they move a bar.
        stays: Whether the bar is left to be seen.
    """
    if not show:
        yield (lambda _: None), (lambda: None)
        return
    from aqsync.aqueduct.transfer_bar import tree_bar  # noqa: PLC0415 - rich is slow to import

    with tree_bar(files, stays=stays) as bar:
        yield bar.bytes, bar.file
