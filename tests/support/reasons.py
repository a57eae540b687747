"""Explanations as tests need them, whose words are all that matters."""

from __future__ import annotations

from aqsync.model import Explanation, Reason


def said(message: str, hint: str = "", reason: Reason = Reason.ERROR) -> Explanation:
    """An explanation in these words."""
    return Explanation(reason, message, hint)
