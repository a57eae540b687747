"""What the name of a folder tells that Quantify has made."""

from __future__ import annotations

import re
from datetime import datetime

_TUID = re.compile(r"(\d{8})-(\d{6})-(\d{3})-([0-9a-f]{6})(?:-(.+))?", re.ASCII | re.DOTALL)


def read(folder: str) -> dict[str, str] | None:
    """The parts of a folder's name: ``tuid``, ``date``, ``time`` and ``name``; None: no TUID."""
    found = _TUID.fullmatch(folder)
    if found is None:
        return None
    date, time, milliseconds, random, name = found.groups()
    try:
        at = datetime.strptime(f"{date}{time}", "%Y%m%d%H%M%S")  # noqa: DTZ007 - as it was named
    except ValueError:
        return None
    tuid = f"{date}-{time}-{milliseconds}-{random}"
    return {"tuid": tuid, "date": f"{at:%Y-%m-%d}", "time": f"{at:%H:%M:%S}", "name": name or ""}
