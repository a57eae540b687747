"""The manifests of experiments: those that the lists show."""

from __future__ import annotations

from aqsync.journal.database import Database
from aqsync.layout.manifest import is_manifest_name

_FIRST, _LAST = "aqsync=manifest.", "aqsync=manifest/"
"""Bounds of their names."""


class Manifests:
    """What is known of manifests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listed(self, eid: str) -> dict[str, str]:
        """The manifests that an experiment's newest list shows: names, and the server's times."""
        rows = self._database.rows(
            "SELECT name, modified_at FROM remote_file"
            " WHERE eid = ? AND name >= ? AND name < ? ORDER BY name",
            (eid, _FIRST, _LAST),
        )
        return {name: at for name, at in rows if is_manifest_name(name)}
