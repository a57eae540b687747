"""Permission bits that bind, whoever runs the tests."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_ABOVE_PERMISSIONS = 1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH
_DROP_FROM_BOUNDING_SET = 24
BOUND_BY_PERMISSIONS = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
)
"""Put before a command, even root meets permission bits."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_LIBC = ctypes.CDLL(None, use_errno=True)
_HEADER = _Header(_VERSION_3, 0)


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """In this thread, and in those started within, even root is refused by mode bits."""
    if os.geteuid() != 0:
        yield
        return
    data = _capabilities()
    before = data[0].effective
    data[0].effective = before & ~_ABOVE_PERMISSIONS
    _become_capable_of(data)
    try:
        yield
    finally:
        data[0].effective = before
        _become_capable_of(data)


def be_bound_by_permissions() -> None:
    """From now on, in the only thread of this process: as `BOUND_BY_PERMISSIONS` begins one."""
    for number in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        _check(_LIBC.prctl(_DROP_FROM_BOUNDING_SET, number, 0, 0, 0))
    data = _capabilities()
    for kind in ("effective", "permitted", "inheritable"):
        setattr(data[0], kind, getattr(data[0], kind) & ~_ABOVE_PERMISSIONS)
    _become_capable_of(data)


def _capabilities() -> ctypes.Array[_Data]:
    data = (_Data * 2)()
    _check(_LIBC.capget(ctypes.byref(_HEADER), data))
    return data


def _become_capable_of(data: ctypes.Array[_Data]) -> None:
    _check(_LIBC.capset(ctypes.byref(_HEADER), data))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
