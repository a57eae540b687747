"""What a process can reach below a root: the directories to be watched, and what is closed to it.

Without a journal, and without opening a file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from aqsync.local.disk import Disk
from aqsync.local.errands import timed
from aqsync.local.rules import Rules
from aqsync.model import EntryKind


@dataclass(slots=True)
class Reach:
    """What a look below a root found."""

    directories: int = 0
    """The root and all below it, ignored ones too: each needs a watch."""
    entries: int = 0
    closed: list[str] = field(default_factory=list)
    """Directories and files that are not ignored and cannot be read, relative to the root."""
    whole: bool = True
    """Everything was looked at; else only the first entries."""


def look_below(root: Path, rules: Rules, most: int, disk: Disk) -> Reach:
    """Count directories, and ask for each selected file whether this process may read it.

    Args:
        root: The root.
        rules: Which files and directories are ignored.
        most: Entries looked at; it ends there.
        disk: Where the root is.
    """
    found = Reach()
    waiting = [("", True)]
    while waiting:
        directory, counts = waiting.pop()
        prefix = f"{directory}/" if directory else ""
        files: list[str] = []
        found.directories += 1
        try:
            with disk.listing(root, directory) as listing:
                for name, seen in listing.entries:
                    found.entries += 1
                    if isinstance(seen, OSError):
                        continue
                    path = prefix + name
                    if seen[0] is None:
                        waiting.append((path, counts and rules.enters(path)))
                    elif counts and seen[0] is EntryKind.FILE and rules.left_out(path) is None:
                        files.append(path)
        except PermissionError:
            found.closed += [directory] if counts else []
        except OSError:
            continue  # it has gone meanwhile, or the scan reports it
        with timed(directory):
            found.closed += [path for path in files if not os.access(root / path, os.R_OK)]
        if found.entries >= most and waiting:
            found.whole = False
            break
    return found
