"""The attributes of an HDF5 file (NetCDF-4 too), read by pyfive: no data, no lock.

The document is ``{"attributes": {...}, "members": {name: {"attributes": ..., "members": ...}}}``.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from aqsync.errors import LocalError

_DEEPEST = 16
_MOST_OBJECTS = 5_000
_MOST_ELEMENTS = 1_000


def read(descriptor: int) -> object:
    """The attributes of all groups and datasets, as far as links lead without a cycle."""
    try:
        import pyfive  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as exc:
        raise LocalError("this installation reads no HDF5", hint="install `aqsync[hdf5]`") from exc
    with warnings.catch_warnings(), os.fdopen(descriptor, "rb", closefd=False) as file:
        warnings.simplefilter("ignore")
        return _Walk().document(pyfive.File(file), 0)


class _Walk:
    def __init__(self) -> None:
        self._left = _MOST_OBJECTS

    def document(self, item: Any, depth: int) -> dict[str, object]:  # noqa: ANN401 - a third party's
        self._left -= 1
        found: dict[str, object] = {"attributes": _attributes(item)}
        if depth < _DEEPEST and hasattr(item, "get_lazy_view"):
            members = {}
            for name in item:
                if self._left <= 0:
                    break
                member = _member(item, name)
                if member is not None:
                    members[str(name)] = self.document(member, depth + 1)
            found["members"] = members
        return found


def _member(group: Any, name: str) -> Any:  # noqa: ANN401 - a third party's
    try:
        return group.get_lazy_view(name)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a damaged or unknown member leaves the others readable
        return None


def _attributes(item: Any) -> dict[str, object]:  # noqa: ANN401 - a third party's
    try:
        found = dict(getattr(item, "attrs", {}))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the same
        return {}
    return {str(name): _plain(value) for name, value in found.items()}


def _plain(value: Any) -> object:  # noqa: ANN401 - a third party's
    """An attribute without numpy's types."""
    if (getattr(value, "size", 1) or 0) > _MOST_ELEMENTS:
        return None
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) else None
