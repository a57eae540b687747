"""The header by which a server tells a file's SHA-256."""

from __future__ import annotations

import base64
import hashlib


def repr_digest(content: bytes) -> dict[str, str]:
    """The header for a content."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"repr-digest": f"sha-256=:{digest}:"}
