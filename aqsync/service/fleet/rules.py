"""How each PC of a fleet stands, by its status file and the server's clock. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from aqsync.layout.fleet import Status
from aqsync.service.fleet.files import StatusFile, StatusFiles
from aqsync.sync.overview import Light

SILENT_AFTER = 3
"""A PC that has missed so many signs of life in a row is red."""
MOST_LATE_S = 120.0
"""Between the time that a PC wrote into its file and the server's time of it: what is further apart
was uploaded again later, or the server's clock was set."""


class Standing(StrEnum):
    """How a PC stands, besides the lights that it shows itself."""

    SILENT = "silent"
    """It gave no sign of life for three times its `every`."""
    NOT_BELIEVED = "not believed"
    """Its file is no sign of life: of another key, uploaded again, or no status file at all."""
    STOPPED = "stopped"
    """Somebody told the daemon to end, lately."""
    UNKNOWN = "unknown"
    """It shows a light that this release does not know."""
    REPLACED = "replaced"
    """There is a newer file of this name from the same host: the PC lost its journal."""


_ORDER = (
    Standing.SILENT,
    Standing.NOT_BELIEVED,
    Light.NEEDS_YOU,
    Standing.UNKNOWN,
    Standing.STOPPED,
    Light.WAITING,
    Light.BUSY,
    Light.GREEN,
    Standing.REPLACED,
)
_LIGHTS = {light.value: light for light in Light}


@dataclass(frozen=True, slots=True)
class Pc:
    """One PC of the fleet."""

    name: str
    file: str
    """The name of its status file on the server."""
    standing: Standing | Light
    last_sign: datetime | None
    """By the server's clock; None: there was none that can be believed."""
    age_s: float | None
    """How long ago that was, in seconds."""
    status: Status | None
    """What it said then."""
    note: str = ""
    """What is wrong with it, for a person."""
    hint: str = ""

    @property
    def is_red(self) -> bool:
        """Whether it gives no sign of life."""
        return self.standing in {Standing.SILENT, Standing.NOT_BELIEVED}

    @property
    def is_living(self) -> bool:
        """Whether it gave a sign of life lately."""
        return self.last_sign is not None and self.standing not in {
            Standing.SILENT,
            Standing.REPLACED,
        }

    @property
    def needs_somebody(self) -> bool:
        """Whether a person should see to it; a word that is not known may say so."""
        is_ill = self.standing in {Light.NEEDS_YOU, Standing.UNKNOWN}
        return self.is_red or is_ill or bool(self.note)

    @property
    def needs(self) -> list[tuple[str, int]]:
        """What needs a person there: codes of reasons, each with how many files or actions."""
        counted: defaultdict[str, int] = defaultdict(int)
        for need in () if self.status is None else self.status.needs:
            counted[need.code] += need.files + need.actions
        return [*counted.items()]


@dataclass(frozen=True, slots=True)
class FleetView:
    """A whole fleet."""

    now: datetime
    """What the server's clock showed."""
    pcs: tuple[Pc, ...]
    """Red ones first."""
    not_read: int
    """Status files that were too many to be read."""
    signatures_checked: bool

    @property
    def is_well(self) -> bool:
        """Whether all PCs give signs of life, and none needs anybody."""
        return bool(self.pcs) and not self.not_read and not any(p.needs_somebody for p in self.pcs)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "at": self.now.isoformat(),
            "well": self.is_well,
            "signatures_checked": self.signatures_checked,
            "not_read": self.not_read,
            "pcs": [_as_json(pc) for pc in self.pcs],
        }


def judged(found: StatusFiles, *, signatures_checked: bool) -> FleetView:
    """Tell how each PC stands.

    Args:
        found: Their status files.
        signatures_checked: Whether a key was there to check them by.
    """
    pcs = _without_doubles([_judge(file, found.now, found.then) for file in found.files])
    ordered = sorted(pcs, key=lambda pc: (_ORDER.index(pc.standing), pc.name, pc.file))
    return FleetView(found.now, tuple(ordered), found.not_read, signatures_checked)


def _judge(file: StatusFile, now: datetime, then: datetime) -> Pc:
    at, status = file.modified_at, file.status
    doubt, hint = file.problem, file.hint
    if at is None:
        doubt = doubt or "the server does not say when it was uploaded"
    elif status is not None:
        late_s = (at - status.server_time).total_seconds()
        if abs(late_s) > MOST_LATE_S:
            doubt = (
                f"an old file was uploaded again: it was written at {_second(status.server_time)}"
            )
            hint = "find out who did that; a PC that runs replaces it at its next sign of life"
        elif (at - then).total_seconds() > MOST_LATE_S:
            doubt = "it lies in the future: the server's clock was set back"
            hint = "a PC that runs replaces it at its next sign of life"
    if doubt or at is None or status is None:
        return Pc(file.label, file.name, Standing.NOT_BELIEVED, None, None, None, doubt, hint)
    age_s = max(0.0, (now - at).total_seconds())
    standing: Standing | Light
    if age_s > SILENT_AFTER * status.every_s:
        standing = Standing.SILENT
    elif status.stopped:
        standing = Standing.STOPPED
    else:
        standing = _LIGHTS.get(status.light, Standing.UNKNOWN)
    note = "it was stopped in good order" if status.stopped and standing is Standing.SILENT else ""
    return Pc(status.name, file.name, standing, at, age_s, status, note)


def _second(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _without_doubles(pcs: Sequence[Pc]) -> list[Pc]:
    """Tell apart two PCs of one name, and one PC that has got another file."""
    names: Counter[str] = Counter()
    places = set()
    for pc in pcs:
        if pc.is_living:
            names[pc.name] += 1
            places.add(_place(pc))
    return [_beside(pc, names, places) for pc in pcs]


def _place(pc: Pc) -> tuple[str, str]:
    """The name, and the host: a PC that was reinstalled has both again, and another PC has not."""
    return pc.name, "" if pc.status is None else pc.status.host


def _beside(pc: Pc, names: Counter[str], places: AbstractSet[tuple[str, str]]) -> Pc:
    if pc.standing is Standing.SILENT and _place(pc) in places:
        return replace(pc, standing=Standing.REPLACED, note="")
    if pc.is_living and names[pc.name] > 1:
        return replace(
            pc,
            note="another PC has this name too",
            hint="give each PC a `name` of its own in the section `fleet`",
        )
    return pc


def _as_json(pc: Pc) -> dict[str, Any]:
    status = pc.status
    return {
        "name": pc.name,
        "standing": pc.standing.value,
        "red": pc.is_red,
        "needs_somebody": pc.needs_somebody,
        "last_sign_at": None if pc.last_sign is None else pc.last_sign.isoformat(),
        "silent_s": pc.age_s,
        "note": pc.note,
        "hint": pc.hint,
        "file": pc.file,
        "status": None if status is None else status.model_dump(mode="json"),
    }
