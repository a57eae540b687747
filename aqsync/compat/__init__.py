"""The modules of pyaqueduct, under their own names, on this project's client library.

Scripts run with ``aqsync.compat`` for ``pyaqueduct`` in their imports. What the modules ``api``,
``experiment``, ``extensions``, ``task`` and ``exceptions`` hold is that of `aqsync.aqueduct`.
"""

from __future__ import annotations

from aqsync.aqueduct.api import API
from aqsync.compat.client import AqueductClient

__all__ = ["API", "AqueductClient"]
