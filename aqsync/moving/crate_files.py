"""A crate as a directory, or as a ZIP archive, which an ``.eln`` file is too."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from aqsync.errors import LocalError
from aqsync.moving.crate import Member
from aqsync.server.moving.sink import Sink

_FASTEST = 1
_FILE, _FOLDER = 0o100644 << 16, 0o040755 << 16 | 0x10
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)
"""What ZIP can say of a time; it has no zone there, and is in UTC here."""
_PARTIAL = ".aqsync-partial"


def zipped(members: Iterable[Member], root: str = "") -> Iterator[bytes]:
    """Give a crate as a ZIP archive, piece by piece.

    Args:
        members: What is in it.
        root: The folder that all of it is in; empty for none.
    """
    sink = Sink()
    with zipfile.ZipFile(
        cast("BinaryIO", sink), "w", zipfile.ZIP_DEFLATED, compresslevel=_FASTEST
    ) as archive:
        for member in members:
            path = f"{root}/{member.path}" if root else member.path
            info = zipfile.ZipInfo(path, _zip_time(member.modified_at))
            if member.is_folder:
                info.external_attr = _FOLDER
                archive.writestr(info, b"")
                continue
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, _FILE
            with archive.open(info, "w", force_zip64=True) as entry:
                for chunk in member.chunks:
                    entry.write(chunk)
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()


def write_directory(members: Iterable[Member], target: Path) -> None:
    """Write a crate as a directory, which stands under its name when it is whole.

    Args:
        members: What is in it.
        target: The directory; there is none of this name yet.

    Raises:
        LocalError: It cannot be written.
    """
    partial = target.with_name(target.name + _PARTIAL)
    try:
        if partial.exists():
            shutil.rmtree(partial)  # what a kill has left
        partial.mkdir()
        for member in members:
            _write(partial / member.path, member)
        partial.rename(target)
    except OSError as exc:
        raise LocalError(f"{target} cannot be written: {exc.strerror or exc}") from exc
    finally:
        if partial.exists():
            shutil.rmtree(partial, ignore_errors=True)


def _write(place: Path, member: Member) -> None:
    if member.is_folder:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        for chunk in member.chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    os.utime(place, (member.modified_at, member.modified_at))


def _zip_time(seconds: float) -> tuple[int, int, int, int, int, int]:
    fits = min(max(seconds, _FIRST.timestamp()), _LAST.timestamp())
    at = datetime.fromtimestamp(fits, UTC)
    return at.year, at.month, at.day, at.hour, at.minute, at.second
