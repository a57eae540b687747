"""One folder of a mapping: how its files stand, and those of the folders in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aqsync.config import Config
from aqsync.journal import Journal
from aqsync.journal.comparison import SyncStatus
from aqsync.paths import parents
from aqsync.service.page.addresses import address, asked_number

HERE = "/files/folder"
MANY = 20_000
"""Files of a mapping; of more, what lies below folders is counted after the page is shown."""
COLOURS = {
    SyncStatus.IN_SYNC: "green",
    SyncStatus.LOCAL_ONLY: "waiting",
    SyncStatus.REMOTE_ONLY: "soft",
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
        given: What is asked for: mapping and path, from which folder on, and after which file;
            and whether to count what lies below the folders, however many files there are.
        most: How many folders, and how many files, are shown at once.
    """
    name, path, after = given.get("mapping", ""), given.get("path", ""), given.get("after", "")
    first = asked_number(given, "first") or 0
    directory = next((each.directory for each in config.mappings if each.name == name), None)
    record = None if directory is None else journal.mappings.find(name)
    folders, files, later = [], [], False
    if record is not None:
        later = "counted" not in given and journal.observations.count(record.id) > MANY
        if not after and not later:
            folders = [*journal.comparisons.folders_in(record.id, path).items()]
        if not first:
            files = journal.comparisons.in_folder(record.id, path, after, most + 1)
    more_folders = more_files = ""
    if len(folders) > first + most:
        following = first + most
        more_folders = address(HERE, mapping=name, path=path, first=following, counted="yes")
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
        "counted": address(HERE, mapping=name, path=path, counted="yes") if later else "",
        "begun": bool(first or after),
    }
