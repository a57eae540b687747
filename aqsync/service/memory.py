"""How the C library keeps memory that this process has freed."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def give_back_freed_memory() -> bool:
    """Let the operating system have what is freed, also after something very large was held.

    Each time glibc frees a large block it learns to keep blocks of that size. After the file list
    of a large experiment it would keep tens of megabytes for ever, in each thread that held one.

    Returns:
        Whether the C library can be told so; others than glibc need not be.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    # Either of them, once set, ends the learning.
    return all(mallopt(option, _LARGE) for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
