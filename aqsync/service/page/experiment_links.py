"""Where people look at an experiment on the server."""

from __future__ import annotations

from urllib.parse import quote


def experiment_url(server: str, eid: str) -> str:
    """The address of an experiment on an Aqueduct server's own pages.

    Args:
        server: The server's URL.
        eid: The experiment as people know it.
    """
    return f"{server.rstrip('/')}/aqd/experiments/{quote(eid, safe='')}"
