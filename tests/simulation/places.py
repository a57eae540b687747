"""The mappings and names of the histories: so few that they collide."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from aqsync.config import MappingConfig

OUTSIDE = "/outside"
"""A folder outside of all mappings; files are moved from there and back to it."""

FOLDERS = {
    "fixed": ("", "sub", "sub/deep", "new folder"),
    "pattern": ("20261123-2_run", "20261123-2_run/sub", "20261123-3_run", "misc"),
    "removing": ("", "sub", "disk", "disk/sub"),
    "eager": ("", "sub", "sub/deep", "disk"),
    **dict.fromkeys(("plain", "without"), ("", "sub", "sub/deep", "new folder")),
    **dict.fromkeys(
        ("tagged", "followed", "quiet", "both", "closed", "sealed"),
        ("run_1", "run_1/sub", "run_2", "run_10", "misc"),
    ),
}
"""By mapping, the folders in it."""
FILES = ("a", "b.dat", "c=~d", "e")
LAST = "z.json"
"""Of a measurement, the file that is sent last."""
SENTINEL = "done"
DATABASE = "d.db"
LOG = "g.log"
SCRATCH = "a.tmp"
"""A name that the standard patterns ignore."""
MOUNT = "disk"
"""The folder that another disk may be mounted on."""
GIVE_UP_S = 25.0
"""A file that its writer has not closed is sent after this time."""
EVERY_S, BUDGET = 6.0, 2.0
"""How often versions of a file go that keeps changing, and what all of them may cost."""
QUIET_S = 15.0
"""Some measurements are complete when nothing in them has changed for so long."""


@cache
def mapping_of(name: str) -> MappingConfig:
    """One of the mappings that histories choose from."""
    every: dict[str, dict[str, object]] = {
        "fixed": {
            "experiment": "20261123-1",
            "tags": ({"match": "*.dat", "add": ("data",)},),
        },
        "pattern": {
            "experiment": "{eid}",
            "path": "{eid}_*/**",
            "settle": 2.0,
            "tags": ({"match": "{eid}_*/{what}", "add": ("run:{what}",)},),
        },
        "removing": {"experiment": "20261123-4", "on_local_delete": "remove"},
        "eager": {
            "experiment": "20261123-5",
            "on_local_delete": "remove",
            "remove_share": 1.0,
            "settle": 0.2,
            "prefix": "pc-1",
        },
        "tagged": _measured({"sentinel": (SENTINEL,)}),
        "followed": _measured({"sentinel": (SENTINEL,), "newer_sibling": True}),
        "quiet": _measured({"quiet": QUIET_S}),
        "both": _measured({"sentinel": (SENTINEL,), "quiet": QUIET_S, "needs": "all"}),
        "closed": _measured({"closed": True}),
        "sealed": {
            **_measured({"closed": True, "quiet": QUIET_S, "needs": "all"}),
            "databases": "ignore",
        },
        "plain": {"experiment": "20261123-4", "prefix": "lab", "databases": "file"},
        "without": {"experiment": "20261123-1", "prefix": "lab", "databases": "ignore"},
    }
    return MappingConfig.model_validate(
        {
            "name": name,
            "directory": Path("/data", name),
            "unfinished": {"give_up": GIVE_UP_S},
            "growing": {"every": EVERY_S, "budget": BUDGET, "match": (LOG,)},
            **every[name],
        }
    )


def _measured(complete: dict[str, object]) -> dict[str, object]:
    """A mapping whose files belong together."""
    return {
        "experiment": "20261123-1",
        "prefix": "runs",
        "settle": 2.0,
        "measurement": {
            "folder": "run_{number}/",
            "complete": complete,
            "send": "when_complete",
            "last": (f"*{LAST[1:]}",),
        },
    }


NAMES = ("fixed", "pattern", "removing", "eager")
BY_SIGNS = ("tagged", "followed", "quiet", "both")
"""Some worlds have one of these besides: their files belong together."""
BY_CLOSING = ("closed", "sealed")
"""Likewise, and programs keep those files open."""
MEASURED = (*BY_SIGNS, *BY_CLOSING)
OTHER_DATABASES = ("plain", "without")
"""Their databases go as any other file, or not at all."""
EIDS = ("20261123-1", "20261123-2", "20261123-3", "20261123-4", "20261123-5")


def eids_of(name: str) -> tuple[str, ...]:
    """The experiments that a mapping's files go to."""
    return EIDS[1:3] if name == "pattern" else (mapping_of(name).experiment,)


def any_path(name: str, chance: random.Random) -> str:
    """A path of a mapping at which a file may be."""
    folder = chance.choice(FOLDERS[name])
    file = SCRATCH if chance.random() < 0.05 else chance.choice(files_of(name))
    return f"{folder}/{file}" if folder else file


def files_of(name: str) -> tuple[str, ...]:
    """The names that files of a mapping have."""
    return (*FILES, LAST) if name in MEASURED else FILES


def any_folder(name: str, chance: random.Random) -> str:
    """A folder of a mapping below its root."""
    return chance.choice([folder for folder in FOLDERS[name] if folder])
