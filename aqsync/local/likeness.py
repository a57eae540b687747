"""Whether a directory may count as the known one, judged by the files in it.

When another directory or disk is in the place of a known one, its files decide. A copy that was
made with all times has every known file as it was sent, and is accepted. One without some known
files would make them look deleted, and one with other versions would replace the good copies on
the server: both wait for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from aqsync.journal.mappings import RootIdentity
from aqsync.journal.observations import KnownVersion
from aqsync.local.disk import Disk, Seen
from aqsync.wording import counted


class Likeness(NamedTuple):
    """How many files of a place are as known, missing, different or not seen."""

    same: int = 0
    """As they were sent, with the very inode and times, which no copy of a file has."""
    lacking: int = 0
    """Were here when last looked at, and are not now."""
    other: int = 0
    """On the server, and here with another size or modification time."""
    unseen: int = 0
    """In directories that cannot, or could no longer, be looked at."""

    def proves(self, top: RootIdentity, known: RootIdentity) -> bool:
        """Whether it is what was known before, mounted under another number.

        Args:
            top: The directory itself.
            known: The one that was in its place.
        """
        return self.same > 0 and top.device != known.device and top.inode == known.inode

    @property
    def objection(self) -> str | None:
        """Why it may not count as the known directory; None: it may."""
        found = [
            words
            for number, words in (
                (self.lacking, f"lacks {counted(self.lacking, 'known file')}"),
                (self.other, f"holds other versions of {counted(self.other, 'synced file')}"),
                (
                    self.unseen,
                    f"has {counted(self.unseen, 'known file')} where they cannot be looked at",
                ),
            )
            if number
        ]
        return " and ".join(found) or None


def likeness(
    disk: Disk,
    root: Path,
    directories: Iterable[str],
    versions_in: Callable[[str], dict[str, KnownVersion]],
    goes_on: Callable[[], bool],
) -> Likeness:
    """Compare the content of some directories with what is known of them.

    Args:
        disk: Where the root is.
        root: A mapping's directory.
        directories: Which below it.
        versions_in: The files known in a directory, by name.
        goes_on: Asked before each directory; after false the rest counts as not seen.
    """
    same = lacking = other = unseen = 0
    for directory in directories:
        known = versions_in(directory)
        here = sum(version.here for version in known.values())
        if not goes_on():
            unseen += here
            continue
        found: dict[str, Seen | OSError] = {}
        try:
            with disk.listing(root, directory) as listing:
                found.update((name, seen) for name, seen in listing.entries if name in known)
        except (FileNotFoundError, NotADirectoryError):
            pass  # then everything known in it is missing
        except OSError:
            unseen += here
            continue
        for name, version in known.items():
            seen = found.get(name)
            if seen is None or isinstance(seen, OSError) or seen[0] is None:
                lacking += version.here
            elif version.sent is not None:
                same += seen[1:] == version.sent.own
                other += seen[1:3] != version.sent[:2]
    return Likeness(same, lacking, other, unseen)
