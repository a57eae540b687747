"""What a folder tells of its experiment, by the section ``metadata`` of its mapping."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from aqsync.config.metadata import Metadata, MetadataFormat
from aqsync.errors import AqsyncError, FileUnreadable, FileVanished
from aqsync.local.disk import Disk
from aqsync.local.metadata import child, tuid
from aqsync.local.metadata.found import Failed, Found, NotThereYet, Values
from aqsync.local.metadata.picked import pick
from aqsync.local.reader import CHUNK
from aqsync.local.snapshot import Snapshots
from aqsync.model import EntryKind

LARGEST_DATABASE = 1 << 30
"""Bytes of a database that is copied for its metadata."""
LONGEST_COPY_S = 60.0
"""Copying one may take so long: loops that ask for metadata do nothing else meanwhile, and one that
is busy for too long is taken for one that hangs."""
_WILD = frozenset("*?[")


class MetadataReader:
    """Reads what folders of one mapping tell; usable from several threads.

    A folder can take `child.PATIENCE_S`, and for the copy of a database `LONGEST_COPY_S`. Files are
    opened by `disk`, for reading only; a database is opened in a copy.

    Args:
        root: The mapping's directory.
        metadata: Its section of that name.
        disk: Where the root is.
        snapshots: Copies databases.
        owners: The numbers of users, if files of others are not to be read.
    """

    def __init__(
        self,
        root: Path,
        metadata: Metadata,
        disk: Disk,
        snapshots: Snapshots,
        owners: Collection[int] = (),
    ) -> None:
        self._root = root
        self._metadata = metadata
        self._disk = disk
        self._snapshots = snapshots
        self._owners = owners

    def metadata_of(self, folder: str, seen: str = "") -> Found:
        """What a folder tells; nothing in a file makes it raise an error.

        Args:
            folder: Its path below the root.
            seen: How the file stood when it was read before; it is not read again if it still does.
        """
        metadata = self._metadata
        if metadata.reads is MetadataFormat.TUID:
            return self._of_name(folder)
        wanted, now = str(metadata.from_), ""
        try:
            with self._disk.holding(self._root, self._owners) as held:
                path = self._find(held, folder, wanted)
                if path is None or (now := self._stands(held, path)) == seen:
                    return NotThereYet(wanted)
                return self._values(self._read(held, path))._replace(seen=now)
        except (FileNotFoundError, NotADirectoryError, FileVanished):
            return NotThereYet(wanted)
        except OSError as exc:
            why = exc.strerror or str(exc)
        except AqsyncError as exc:
            why = exc.message
        except child.ReadingFailed as exc:
            why = str(exc)
        return Failed(f"{self._root / folder / wanted}: {why}", now)

    def _stands(self, disk: Disk, path: str) -> str:
        """How a file stands: a database changes in its log too."""
        looks = [disk.look(self._root, path)]
        if self._metadata.reads is MetadataFormat.QCODES:
            with suppress(FileNotFoundError):
                looks.append(disk.look(self._root, f"{path}-wal"))
        return repr((path, *map(tuple, looks)))

    def _of_name(self, folder: str) -> Found:
        document = tuid.read(PurePosixPath(folder).name)
        if document is None:
            return Failed(f"{self._root / folder}: its name does not begin with a TUID")
        return self._values(pick(document, self._metadata.paths))

    def _find(self, disk: Disk, folder: str, wanted: str) -> str | None:
        """The path of the file that is wanted; of several that match, the first by name."""
        inner, _, last = f"{folder}/{wanted}".lstrip("/").rpartition("/")
        if _WILD.isdisjoint(last):
            return f"{inner}/{last}".lstrip("/")
        with disk.listing(self._root, inner) as listing:
            names = [name for name, _ in listing.entries if fnmatch.fnmatchcase(name, last)]
        return f"{inner}/{min(names)}".lstrip("/") if names else None

    def _read(self, disk: Disk, path: str) -> dict[str, list[str]]:
        metadata = self._metadata
        kind, size, *_ = disk.look(self._root, path)
        if kind is not EntryKind.FILE:
            raise FileUnreadable("it is not a file that may be read")
        if metadata.reads is MetadataFormat.QCODES:
            if size > LARGEST_DATABASE:
                raise FileUnreadable(f"it has more than {LARGEST_DATABASE} bytes")
            with self._copy(disk, path) as copy:
                return child.read(copy.fileno(), metadata.reads, metadata.paths)
        with closing(disk.open(self._root, path)) as file:
            if file.look()[0] is not EntryKind.FILE:
                raise FileUnreadable("it is not a file that may be read")
            return child.read(file.fileno(), metadata.reads, metadata.paths)

    @contextmanager
    def _copy(self, disk: Disk, path: str) -> Iterator[IO[bytes]]:
        """A consistent copy of a database, which is ours alone."""
        clock = self._snapshots.clock
        until = clock.monotonic() + LONGEST_COPY_S

        def goes_on() -> None:
            if clock.monotonic() > until:
                raise child.ReadingFailed(f"copying it took more than {LONGEST_COPY_S:g} s")

        held = self._snapshots.of(disk, self._root, path, None, goes_on)
        with held as snapshot, self._snapshots.scratch(snapshot.size) as copy:
            with snapshot.open() as content:
                for chunk in content.chunks(CHUNK):
                    goes_on()
                    copy.write(chunk)
            copy.flush()
            yield copy

    def _values(self, found: dict[str, list[str]]) -> Values:
        metadata = self._metadata
        first = {name: texts[0] for name, texts in found.items() if texts}
        return Values(
            first.get("title"),
            first.get("description"),
            {name: tuple(found.get(f"tag:{name}", ())) for name in metadata.tags},
            tuple(path for name, path in metadata.paths.items() if not found.get(name)),
        )
