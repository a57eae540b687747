"""The extensions of a server, read from their folder at each request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aqsync.server.errors import OperationRefused
from aqsync.server.extensions.manifest import MANIFEST, Extension, ManifestBroken, read_extension

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int, int] | str
"""Changes whenever a manifest may have; a text where it cannot be looked at."""


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: _Stamp
    extension: Extension | None


class ExtensionLibrary:
    """Finds extensions. Any thread may call.

    A manifest is read again when it has changed. One that is broken is left out; what is wrong
    with it is logged once.

    Args:
        folder: Holds a folder for each extension; None: there are no extensions.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[str, _Known] = {}
        self._problem = ""
        self._lock = threading.Lock()

    def all(self) -> list[Extension]:
        """Return all extensions, sorted by name."""
        with self._lock:
            self._known = {
                folder.name: self._read(folder, stamp) for folder, stamp in self._manifests()
            }
            found = [known.extension for known in self._known.values() if known.extension]
        return sorted(found, key=lambda extension: extension.name)

    def find(self, name: str) -> Extension:
        """Return one extension.

        Raises:
            OperationRefused: There is none of this name, or more than one.
        """
        found = [extension for extension in self.all() if extension.name == name]
        if len(found) != 1:
            raise OperationRefused(f"There should be exactly 1 extension with name {name}")
        return found[0]

    def _manifests(self) -> Iterator[tuple[Path, _Stamp]]:
        if self._folder is None:
            return
        try:
            folders = sorted(self._folder.iterdir())
            problem = ""
        except OSError as exc:
            folders = []
            problem = str(exc.strerror)
        if problem and problem != self._problem:
            _log.warning("the extensions in %s cannot be listed: %s", self._folder, problem)
        self._problem = problem
        for folder in folders:
            stamp = _stamp_of(folder / MANIFEST)
            if stamp is not None:
                yield folder, stamp

    def _read(self, folder: Path, stamp: _Stamp) -> _Known:
        known = self._known.get(folder.name)
        if known is not None and known.stamp == stamp:
            return known
        try:
            return _Known(stamp, read_extension(folder))
        except ManifestBroken as exc:
            _log.warning("the extension in %s is left out: %s", folder, exc)
            return _Known(stamp, None)


def _stamp_of(manifest: Path) -> _Stamp | None:
    try:
        facts = manifest.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        return str(exc.strerror)
    return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino
