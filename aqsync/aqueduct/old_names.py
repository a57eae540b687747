"""What moves files raises what happened and, as scripts for pyaqueduct expect, what was done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from aqsync.errors import AqsyncError, restored

_joined: dict[tuple[type[AqsyncError], type[AqsyncError]], type[AqsyncError]] = {}


@contextlib.contextmanager
def also_caught_as(old: type[AqsyncError], only: type[AqsyncError] = AqsyncError) -> Iterator[None]:
    """Make errors that pass through catchable by a second name; they stay what they are.

    Args:
        old: The second name.
        only: Which errors get it.
    """
    try:
        yield
    except only as exc:
        exc.__class__ = _both(type(exc), old)
        raise


def _both(kind: type[AqsyncError], old: type[AqsyncError]) -> type[AqsyncError]:
    """Return a class that is both, and looks like the first."""
    if (kind, old) not in _joined:
        members = {"__module__": __name__, "__doc__": kind.__doc__, "__reduce__": _reduced}
        _joined[kind, old] = type(kind.__name__, (kind, old), members)
    return _joined[kind, old]


def _reduced(error: AqsyncError) -> tuple[Callable[..., AqsyncError], tuple[Any, ...]]:
    return _restored, (*type(error).__bases__, error.args, vars(error))


def _restored(
    kind: type[AqsyncError], old: type[AqsyncError], args: tuple[Any, ...], state: dict[str, Any]
) -> AqsyncError:
    return restored(_both(kind, old), args, state)
