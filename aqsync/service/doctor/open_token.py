"""A token that crosses a network without TLS: what `check` and `doctor` say of it."""

from __future__ import annotations

from aqsync.aqueduct.address import is_readable_on_the_way
from aqsync.config import ServerConfig

CURE = "put a proxy with TLS before the server; write https:// in server.url"


def danger(section: ServerConfig, token: str | None) -> str:
    """Say who else can read the token; empty if nobody can, or if there is none."""
    if token is None or not is_readable_on_the_way(section.url):
        return ""
    return f"the token goes to {section.url} without encryption: anybody on the way can read it"
