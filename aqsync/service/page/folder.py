"""One folder of a mapping: how its files stand, and those of the folders in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aqsync.config import Config
from aqsync.journal import Journal
from aqsync.journal.comparison import SyncStatus
from aqsync.paths import parents
from aqsync.service.page.addresses import address

HERE = "/files/folder"
COLOURS = {
    SyncStatus.IN_SYNC: "green",
    SyncStatus.LOCAL_ONLY: "waiting",
    SyncStatus.DIFFERS_THERE: "needs-you",
    SyncStatus.PROVISIONAL: "busy",
    SyncStatus.DIFFERS: "needs-you",
    SyncStatus.UNKNOWN: "waiting",
}


def folder_values(
    journal: Journal, config: Config, given: Mapping[str, str], most: int
) -> dict[str, Any]:
    """What the template ``folder.html`` shows.

    Args:
        journal: What is known.
        config: Which mappings.
        given: What is asked for: mapping and path, from which folder on, and after which file.
        most: How many folders, and how many files, are shown at once.
    """
    name, path, after = given.get("mapping", ""), given.get("path", ""), given.get("after", "")
    first = int(given["from"]) if given.get("from", "").isdecimal() else 0
    directory = next((each.directory for each in config.mappings if each.name == name), None)
    record = None if directory is None else journal.mappings.find(name)
    folders, files = [], []
    if record is not None:
        if not after:
            folders = [*journal.comparisons.folders_in(record.id, path).items()]
        if not first:
            files = journal.comparisons.in_folder(record.id, path, after, most + 1)
    more_folders = more_files = ""
    if len(folders) > first + most:
        more_folders = address(HERE, mapping=name, path=path, **{"from": first + most})
    if len(files) > most:
        last = files[most - 1].path.rpartition("/")[2]
        more_files = address(HERE, mapping=name, path=path, after=last)
    return {
        "mapping": name,
        "path": path,
        "directory": directory,
        "above": [*parents(path)],
        "folders": folders[first : first + most],
        "files": files[:most],
        "more_folders": more_folders,
        "more_files": more_files,
        "colours": COLOURS,
        "later": bool(first or after),
    }
