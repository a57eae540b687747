"""The client library: everything an Aqueduct server offers, from Python.

``api.py``, ``experiment.py``, ``extensions.py`` and ``task.py`` hold the objects that people work
with in scripts and notebooks. They stand on ``client.py`` and ``server_tasks.py``, the thin,
thread-safe lower layer: one method per thing the server does. Nothing here knows about syncing.

The modules ``api``, ``experiment``, ``extensions``, ``task`` and ``exceptions`` are named as in
pyaqueduct, so that its scripts run with ``aqsync.aqueduct`` for ``pyaqueduct`` in their imports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aqsync.aqueduct.api import API

__all__ = ["API"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import `API` when it is first asked for: the lower layer goes without what it needs."""
    if name == "API":
        from aqsync.aqueduct.api import API  # noqa: PLC0415 - see the docstring

        return API
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
