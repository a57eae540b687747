"""aqsync: keeps an Aqueduct experiment server filled from directories on this machine.

For scripts and notebooks, ``from aqsync import API`` is the way to a server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aqsync.aqueduct.api import API
    from aqsync.aqueduct.experiment import Experiment
    from aqsync.aqueduct.extensions import Extension, ExtensionAction
    from aqsync.aqueduct.task import Task

__all__ = ["API", "Experiment", "Extension", "ExtensionAction", "Task", "__version__"]
__version__ = "0.1.0"
_HOMES = {
    "API": "aqsync.aqueduct.api",
    "Experiment": "aqsync.aqueduct.experiment",
    "Extension": "aqsync.aqueduct.extensions",
    "ExtensionAction": "aqsync.aqueduct.extensions",
    "Task": "aqsync.aqueduct.task",
}


_OLD_MODULES = frozenset({"client", "schemas", "settings"})
"""Modules of pyaqueduct, which scripts import from the package."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import the library's classes when they are first asked for, not with the package."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _OLD_MODULES:
        return import_module(f"aqsync.compat.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
