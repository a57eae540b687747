"""The token, from the environment, as the command itself takes it."""

from __future__ import annotations

import os


def token() -> str | None:
    return os.environ.get("AQSYNC_API_TOKEN") or os.environ.get("API_TOKEN")
