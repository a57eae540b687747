"""As `aqsync.aqueduct.task`."""

from __future__ import annotations

from aqsync.aqueduct.task import Task

__all__ = ["Task"]
