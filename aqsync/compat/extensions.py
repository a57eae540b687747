"""As `aqsync.aqueduct.extensions`."""

from __future__ import annotations

from aqsync.aqueduct.extensions import Extension, ExtensionAction

__all__ = ["Extension", "ExtensionAction"]
