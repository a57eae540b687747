"""Memory that was freed is given back, whatever was held before."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LARGE = 12 << 20
HELD_THEN_FREED = f"""
import ctypes
from pathlib import Path
from aqsync.service.memory import give_back_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

assert give_back_freed_memory()
malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype = ctypes.c_void_p
free.argtypes = [ctypes.c_void_p]
before = resident()
for _ in range(3):  # freeing one large block teaches glibc to keep the next
    block, after_it = malloc({LARGE}), malloc(4000)
    ctypes.memset(block, 1, {LARGE})
    free(block)
print(resident() - before)
"""


@pytest.mark.long
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc")
def test_what_was_large_is_given_back() -> None:
    command = [sys.executable, "-c", HELD_THEN_FREED]
    kept = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(kept) < LARGE / 4
