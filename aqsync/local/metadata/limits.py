"""The limits of a process that reads files of others."""

from __future__ import annotations

import sys

SECONDS = 10
MEMORY = 1 << 30
"""Bytes of address space; numpy alone takes a third of it."""
ANSWER = 256 * 1024
"""Bytes."""
_HANDLES = 64


def limit_this_process() -> None:
    """Set the limits that the system knows; who has started it limits time and answer anyway.

    Raises:
        PermissionError: Something, such as the filter of a service, does not let it set any.
    """
    if sys.platform == "win32":  # it has none of these
        return
    import resource  # noqa: PLC0415 - Windows has no such module

    wanted = {
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_FSIZE: ANSWER,
        resource.RLIMIT_NOFILE: _HANDLES,
        resource.RLIMIT_CORE: 0,
    }
    for number, limit in wanted.items():
        _, most = resource.getrlimit(number)
        least = limit if most == resource.RLIM_INFINITY else min(limit, most)
        try:
            # The hard limit of the processor kills without a word; the other one tells.
            resource.setrlimit(number, (least, most if number == resource.RLIMIT_CPU else least))
        except PermissionError:
            raise
        except (ValueError, OSError):  # macOS has no limit of the address space
            continue
