"""The manifest of one PC in one experiment: which files it put there, and where they came from.

A file in the experiment like any other: gzip of JSON lines, first a header, then a line for each
file and each empty folder. Anybody who may upload to the experiment can write one. So a manifest
tells what to look at, and proves nothing by itself.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, BinaryIO, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from aqsync.errors import ManifestBroken
from aqsync.layout.names import is_inside, label_of_name, remote_name

VERSION = 1
MOST_BYTES = 1024 * 1024 * 1024
"""No manifest that unfolds to more is read: of 3,000,000 files, or made to fill the memory."""
MOST_LINES = 3_000_000
"""Of all manifests of one experiment together; what is more is not read."""
MOST_LINE_BYTES = 64 * 1024

_NAME = re.compile(r"aqsync=manifest\.(.{1,96})\.[0-9a-f]{12}\.jsonl\.gz")
_LINES_AT_ONCE = 1000
_MOST_INFLATED = 256 * 1024


class _Part(BaseModel):
    """Unknown keys are passed over, so that a later release may add some."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Room:
    """How many lines more are read; several manifests may share one."""

    def __init__(self) -> None:
        self._left = MOST_LINES

    def take(self) -> None:
        """Take one.

        Raises:
            ManifestBroken: There is none.
        """
        self._left -= 1
        if self._left < 0:
            raise ManifestBroken(f"with others of its experiment it has over {MOST_LINES:,} lines")


class FileState(StrEnum):
    """Whether a version is the last word on its file, as far as was known."""

    FINAL = "final"
    PROVISIONAL = "provisional"
    """The file kept changing; this is a part of it that makes sense by itself."""
    UNFINISHED = "unfinished"
    """Its writer had not closed it, as its own format says."""


class Source(_Part):
    """Where files came from."""

    mapping: str
    """The mapping's name; empty for files that a script or a command uploaded."""
    directory: str
    """The absolute path of the directory that the files' paths are relative to."""
    prefix: str | None = None
    """What every name on the server begins with, if anything."""


class Header(_Part):
    """The first line."""

    format: Literal["aqsync-manifest"] = "aqsync-manifest"
    version: int = Field(default=VERSION, ge=1)
    host: str
    """The name of the PC."""
    experiment: str
    """The UUID of the experiment that it was written for."""
    eid: str
    written_at: str
    """ISO 8601, by the clock of the PC."""
    sources: tuple[Source, ...]


class _Placed(_Part):
    path: str = ""
    """Relative to the source's directory, ``/`` between the parts."""
    path_base64: str = ""
    """In place of `path`, for one that is not UTF-8: its bytes in base64."""
    source: int = Field(ge=0)
    """Which of the header's sources, counted from 0."""

    @property
    def local_path(self) -> str:
        """The path, as `os.fsdecode` gives it for UTF-8.

        It is relative, and no part of it is empty, ``.`` or ``..``: it leads out of no directory
        that has no symbolic links in it.
        """
        if not self.path_base64:
            return self.path
        return base64.b64decode(self.path_base64).decode("utf-8", "surrogateescape")

    @model_validator(mode="after")
    def _is_inside(self) -> Self:
        try:
            path = self.local_path
        except binascii.Error as exc:
            raise ValueError("path_base64 is no base64") from exc
        if not is_inside(path):
            raise ValueError("the path is no relative path of a file")
        return self


class ManifestFile(_Placed):
    """One file on the server."""

    name: str
    """Its name on the server."""
    size: int = Field(ge=0)
    """Bytes on the server."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    mtime_ns: int
    """When the file was last modified, nanoseconds since 1970; of a database its last commit."""
    sent_at: str
    """When it was sent, ISO 8601, by the clock of the PC."""
    modified_at: str
    """The server's time of this version, as it lists it; empty if it had not been listed yet."""
    state: FileState = Field(default=FileState.FINAL, strict=False)
    complete: bool | None = None
    """Whether its measurement was complete; None: it belongs to none."""
    freed_at: str | None = None
    """When a person removed the file on the PC to free space: this copy is the only one."""


class ManifestFolder(_Placed):
    """An empty folder."""

    folder: Literal[True]


Entry = ManifestFile | ManifestFolder
_ENTRY: TypeAdapter[Entry] = TypeAdapter(
    Annotated[ManifestFile | ManifestFolder, Field(union_mode="left_to_right")]
)


def placed(path: str) -> dict[str, str]:
    """The key and value by which an entry names a path, as `os.fsdecode` gives it for UTF-8.

    That a process reads names in another encoding is no reason for other bytes.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        content = path.encode("utf-8", "surrogateescape")
        return {"path_base64": base64.b64encode(content).decode()}
    return {"path": path}


def manifest_name(label: str, identity: str) -> str:
    """The name of a manifest in its experiment; `remote_name` gives it to no path.

    Args:
        label: The prefix or the host that the files came with, for people.
        identity: 12 hexadecimal digits that were drawn once: cloned PCs have the same name.
    """
    return f"aqsync=manifest.{label_of_name(label)}.{identity}.jsonl.gz"


def is_manifest_name(name: str) -> bool:
    """Tell whether a name in an experiment is one of a manifest."""
    return _NAME.fullmatch(name) is not None


def is_honest(file: ManifestFile, header: Header) -> bool:
    """Tell whether the name is the one that the path gets; if not, the line is forged or broken."""
    return (
        file.source < len(header.sources)
        and remote_name(file.local_path, header.sources[file.source].prefix) == file.name
    )


def write(target: BinaryIO, header: Header, entries: Iterable[Entry]) -> None:
    """Write a manifest, in memory that does not grow with it; equal ones are equal bytes."""
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=target, mtime=0) as packed:
        lines = [_line(header)]
        for entry in entries:
            lines.append(_line(entry))
            if len(lines) == _LINES_AT_ONCE:
                packed.write(b"".join(lines))
                lines.clear()
        packed.write(b"".join(lines))


def read(chunks: Iterable[bytes], room: Room | None = None) -> tuple[Header, Iterator[Entry]]:
    """Read a manifest as it comes.

    Args:
        chunks: Its bytes.
        room: For its lines; None: as if it were the only one.

    Returns:
        The header, and the entries, which are read while they are taken. An entry of a source that
        the header does not have is left out.

    Raises:
        ManifestBroken: It is none, is cut off, or was written by a later release in another way;
            also while the entries are taken.
    """
    lines = _lines(chunks)
    try:
        header = Header.model_validate_json(next(lines, b""))
    except ValidationError as exc:
        raise ManifestBroken("its first line is not that of a manifest") from exc
    if header.version > VERSION:
        raise ManifestBroken(
            f"it has version {header.version} of the format; this aqsync reads up to {VERSION}",
            hint="a newer aqsync reads it",
        )
    return header, _entries(lines, len(header.sources), room or Room())


def schema() -> dict[str, object]:
    """The JSON Schema of its lines."""
    line = TypeAdapter[object](Header | ManifestFile | ManifestFolder)
    return line.json_schema() | {"title": "A line of a manifest of aqsync"}


def _line(part: BaseModel) -> bytes:
    return part.model_dump_json(exclude_defaults=not isinstance(part, Header)).encode() + b"\n"


def _entries(lines: Iterator[bytes], sources: int, room: Room) -> Iterator[Entry]:
    for number, line in enumerate(lines, start=2):
        room.take()
        if len(line) > MOST_LINE_BYTES:
            raise ManifestBroken(f"its line {number} has over 64 KiB")
        try:
            entry = _ENTRY.validate_json(line)
        except ValidationError as exc:
            raise ManifestBroken(f"its line {number} is not that of a file or folder") from exc
        if entry.source < sources:
            yield entry


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    left = b""
    for chunk in _unpacked(chunks):
        *whole, left = (left + chunk).split(b"\n")
        yield from whole
        if len(left) > MOST_LINE_BYTES:
            raise ManifestBroken("it has a line of over 64 KiB")
    if left:
        raise ManifestBroken("it ends within a line")


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)  # gzip
    total = 0
    try:
        for chunk in chunks:
            fed = chunk
            while fed and not unpacker.eof:
                given = unpacker.decompress(fed, _MOST_INFLATED)
                fed = unpacker.unconsumed_tail
                total += len(given)
                if total > MOST_BYTES:
                    raise ManifestBroken("it unfolds to more than 1 GiB")
                yield given
    except zlib.error as exc:
        raise ManifestBroken("it is not gzip, or is damaged") from exc
    if not unpacker.eof:
        raise ManifestBroken("it is cut off, or is not gzip")
