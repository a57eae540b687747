"""What a mapping's patterns select; a pattern that matches nothing may be a mistake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aqsync.config import MappingConfig
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.rules import LeftOut, Rules
from aqsync.wording import counted

HINT = "patterns tell upper from lower case; `aqsync why FILE` tells why a file is left out"


@dataclass(frozen=True, slots=True)
class Selection:
    """How a mapping's patterns fit its files.

    Attributes:
        selected: Files that are taken.
        left_out: Files that no pattern of ``include`` takes; ignored ones are not among them.
        unmatched: The patterns that match no file that is taken, each with its key.
        whole: Everything was looked at; else only the first files that were found.
    """

    selected: int
    left_out: int
    unmatched: tuple[str, ...]
    whole: bool = True

    def notes(self) -> list[str]:
        """What people should know about it; empty if nothing looks wrong."""
        if not (self.selected or self.left_out):
            return []  # nothing is there yet
        found = [f"{each} matches no file" for each in self.unmatched if self.whole]
        if self.left_out and not self.selected:
            files = counted(self.left_out, "file")
            which = files if self.whole else f"{files} looked at"
            found.insert(0, f"{which}, none selected by `include`")
        return found


def unmatched(rules: Rules, paths: Iterable[str]) -> tuple[str, ...]:
    """The patterns that match none of some paths; it stops when each has matched one.

    Args:
        rules: Whose patterns.
        paths: Of files, relative to the root.
    """
    left = dict(rules.matching)
    if left:
        for path in paths:
            for pattern in [each for each, regex in left.items() if regex.search(path)]:
                del left[pattern]
            if not left:
                break
    return tuple(left)


def survey(mapping: MappingConfig, rules: Rules, most: int, disk: Disk = REAL_DISK) -> Selection:
    """Look at a mapping's directory, without a journal.

    Args:
        mapping: Which.
        rules: Its patterns, with those of its ignore file.
        most: Entries looked at; it ends there.
        disk: Where the directory is.
    """
    selected: list[str] = []
    left_out = looked_at = 0
    waiting = [""]
    while waiting and looked_at < most:
        directory = waiting.pop()
        prefix = f"{directory}/" if directory else ""
        try:
            with disk.listing(mapping.directory, directory) as listing:
                for name, seen in listing.entries:
                    looked_at += 1
                    if looked_at >= most:
                        break
                    if isinstance(seen, OSError):
                        continue
                    path = prefix + name
                    if seen[0] is None:
                        waiting += [path] if rules.enters(path) else []
                    elif (why := rules.left_out(path)) is None:
                        selected.append(path)
                    else:
                        left_out += why is LeftOut.NOT_INCLUDED
        except OSError:
            continue  # the scan reports it
    whole = looked_at < most
    return Selection(len(selected), left_out, unmatched(rules, selected), whole)
