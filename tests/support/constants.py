"""Constants of the program that shall be otherwise in a process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module


def put(constants: Mapping[str, float]) -> None:
    """Set constants, by their dotted names, wherever they have been imported to."""
    for dotted, value in constants.items():
        module, _, name = dotted.rpartition(".")
        old = getattr(import_module(module), name)
        for each in list(sys.modules.values()):
            if each.__name__.startswith("aqsync.") and vars(each).get(name) is old:
                setattr(each, name, value)
