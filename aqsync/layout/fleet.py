"""The status file of one PC of a fleet: how it stands, in a few hundred bytes.

A file in the fleet's experiment like any other: a line of JSON, and a line with its signature.
Anybody who may upload there can write one; only the signature tells whose it is. All times in it
are the server's, as the PC knows them, so that a PC's own clock matters to nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from aqsync.errors import StatusFileBroken
from aqsync.layout.names import label_of_name

VERSION = 1
MOST_BYTES = 64 * 1024
"""No status file that is larger is read, and none is written."""
MOST_LISTED = 50
"""Mappings, and reasons why a person is needed, that are listed one by one; the sums have all."""
_MOST_COUNTED = 2**53
_YEARS = range(1990, 2200)
_NAME = re.compile(r"aqsync=fleet\.(.{1,96})\.([0-9a-f]{12})\.jsonl")


class _Part(BaseModel):
    """Unknown keys are passed over, so that a later release may add some."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


def _plausible(moment: AwareDatetime) -> AwareDatetime:
    if moment.year not in _YEARS:
        raise ValueError("no server's clock shows such a time")
    return moment


Count = Annotated[int, Field(ge=0, le=_MOST_COUNTED)]
Time = Annotated[AwareDatetime, AfterValidator(_plausible)]
Word = Annotated[str, Field(max_length=64)]
Drawn = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class MappingStatus(_Part):
    """How one mapping stands."""

    name: Annotated[str, Field(max_length=255)]
    light: Word
    files: Count
    """To come: not on the server as they are on the PC."""
    bytes: Count
    oldest_since: Time | None = None
    """Since when the oldest of them has been as it is."""


class Need(_Part):
    """What goes on only once a person has done something; no names of files."""

    mapping: Annotated[str, Field(max_length=255)]
    code: Word
    """The reason's code."""
    files: Count
    actions: Count = 0
    """On measurements."""


class Status(_Part):
    """The first line: how a PC stands."""

    format: Literal["aqsync-fleet"] = "aqsync-fleet"
    version: int = Field(default=VERSION, ge=1)
    experiment: str = Field(max_length=64)
    """The UUID of the experiment that it was written for."""
    name: str = Field(min_length=1, max_length=64)
    """What people call the PC."""
    id: Drawn
    """Drawn once, and kept in the journal."""
    run: Drawn
    """Drawn at each start: a copied journal has the same `id`."""
    sequence: Count
    """Grows by one each time."""
    server_time: Time
    """What the server's clock showed just before it was sent."""
    every_s: float = Field(ge=1, le=86_400)
    """Seconds to the next one."""
    stopped: bool = False
    """The daemon ended because somebody told it to: none follows."""
    host: str = Field(max_length=255)
    release: Word
    """Of aqsync."""
    started_at: Time
    light: Word
    complete_at: Time | None = None
    """When everything was last on the server."""
    files: Count
    """To come, of all mappings."""
    bytes: Count
    files_for_person: Count
    actions_for_person: Count = 0
    mappings: tuple[MappingStatus, ...] = Field(default=(), max_length=1000)
    needs: tuple[Need, ...] = Field(default=(), max_length=1000)


class Signature(_Part):
    """The second line."""

    hmac_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the first line without its line feed, in hexadecimal; None: there is no key."""


def fleet_name(name: str, identity: str) -> str:
    """The name of a status file in its experiment; `remote_name` gives it to no path.

    Args:
        name: What people call the PC.
        identity: 12 hexadecimal digits that were drawn once, so that PCs of one name never
            overwrite each other's.
    """
    return f"aqsync=fleet.{label_of_name(name)}.{identity}.jsonl"


def label_in(file_name: str) -> str | None:
    """What a status file's name says of the PC's name; None: it is the name of none."""
    found = _NAME.fullmatch(file_name)
    return None if found is None else found[1]


def seal(status: Status, key: bytes | None) -> bytes:
    """The bytes of a status file; equal ones are equal bytes.

    Args:
        status: What it says.
        key: What signs it, if anything.
    """
    line = status.model_dump_json().encode()
    signature = Signature(hmac_sha256=None if key is None else _signed(line, key))
    return line + b"\n" + signature.model_dump_json().encode() + b"\n"


def unseal(content: bytes, key: bytes | None) -> Status:
    """Read a status file.

    Args:
        content: Its bytes.
        key: What must have signed it; None: nobody asks.

    Raises:
        StatusFileBroken: It is none, was written by a later release in another way, or is not
            signed by this key.
    """
    line, _, rest = content.partition(b"\n")
    if len(content) > MOST_BYTES:
        raise StatusFileBroken("it is too large to be a status file")
    try:
        status = Status.model_validate_json(line)
        signature = Signature.model_validate_json(rest)
    except ValidationError as exc:
        raise StatusFileBroken("it is no status file of aqsync") from exc
    if status.version > VERSION:
        raise StatusFileBroken(
            f"it has version {status.version} of the format; this aqsync reads up to {VERSION}",
            hint="a newer aqsync reads it",
        )
    if key is not None:
        if signature.hmac_sha256 is None:
            raise StatusFileBroken("it is not signed", hint="give this PC the key_file too")
        if not hmac.compare_digest(signature.hmac_sha256, _signed(line, key)):
            raise StatusFileBroken(
                "its signature is not that of the key",
                hint="either a PC has another key, or somebody else wrote it",
            )
    return status


def schema() -> dict[str, object]:
    """The JSON Schema of its lines."""
    line = TypeAdapter[object](Status | Signature)
    return line.json_schema() | {"title": "A line of a status file of a fleet"}


def _signed(line: bytes, key: bytes) -> str:
    return hmac.new(key, line, hashlib.sha256).hexdigest()
