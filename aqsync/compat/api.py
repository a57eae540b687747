"""As `aqsync.aqueduct.api`."""

from __future__ import annotations

from aqsync.aqueduct.api import API

__all__ = ["API"]
