"""The storage that all is moved into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aqsync.server.files.experiment_folders import EXPERIMENTS
from aqsync.server.migrating.rows import has_no_rows
from aqsync.server.settings import StorageSettings
from aqsync.server.storage import Storage


@dataclass(frozen=True, slots=True)
class Target:
    """Where all is moved.

    Args:
        storage: The storage.
        settings: Where it keeps everything.
    """

    storage: Storage
    settings: StorageSettings

    def is_empty(self) -> bool:
        """Tell whether nothing is in it yet."""
        return has_no_rows(self.storage.database) and not self._has_folders()

    def _has_folders(self) -> bool:
        if self.settings.files is not None or self.settings.data is None:
            return False
        folders = (self.settings.data / EXPERIMENTS).iterdir()
        return any(True for folder in folders for _ in folder.iterdir())


@contextmanager
def opened_target(settings: StorageSettings) -> Iterator[Target]:
    """Open the storage, which may have a part of what is moved.

    Raises:
        ServerStartError: It cannot be used, or a server uses it.
    """
    storage = Storage(settings, unfinished=True)
    try:
        # A file may take longer than what keeps it from the sweep, unless that is renewed.
        storage.files.begin()
        yield Target(storage, settings)
    finally:
        storage.close()
