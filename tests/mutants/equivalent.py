"""Mutants that no test can catch, because they do what the program does: each with its reason."""

from __future__ import annotations

_NAMING = {
    'suffix = name[dot:] if dot > 0 else ""  |  dot > 0  =>  dot >= 0': (
        "a name that is cut and has its last dot at its start has too long a suffix anyway"
    ),
    'suffix = name[dot:] if dot > 0 else ""  |  0  =>  1': "the same with one character before it",
    "end = 0  |  0  =>  1": "the first character always fits, and sets it",
    "break  |  break  =>  continue": "the room that is left only shrinks further",
}

EQUIVALENT: dict[str, dict[str, str]] = {"aqsync.local.naming": _NAMING}
"""By module: the change, as `Mutant.change` puts it, and why it changes nothing."""
