"""As `aqsync.aqueduct.experiment`."""

from __future__ import annotations

from aqsync.aqueduct.experiment import Experiment

__all__ = ["Experiment"]
