"""As `aqsync.aqueduct.exceptions`."""

from __future__ import annotations

from aqsync.aqueduct.exceptions import *  # noqa: F403 - the same names, whichever they are
