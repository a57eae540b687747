"""From a path that a person typed to the mapping that it lies in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aqsync.config import MappingConfig
from aqsync.config.places import real_path
from aqsync.errors import ConfigError
from aqsync.paths import absolute


class Place(NamedTuple):
    """A path within a mapping."""

    mapping: MappingConfig
    path: str
    """Relative to the root; empty for the root itself."""


def locate(mappings: Sequence[MappingConfig], path: Path) -> Place:
    """Find the mapping that a path lies in, as it is written or with links resolved.

    Raises:
        ConfigError: It lies in none.
    """
    written = absolute(path)
    for candidate, mapping, root in _ways(mappings, written):
        if candidate.is_relative_to(root):
            relative = candidate.relative_to(root).as_posix()
            return Place(mapping, "" if relative == "." else relative)
    roots = ", ".join(str(mapping.directory) for mapping in mappings)
    raise ConfigError(
        f"{path} lies in no mapped directory", hint=f"the mapped directories are: {roots}"
    )


def _ways(
    mappings: Sequence[MappingConfig], written: Path
) -> Iterator[tuple[Path, MappingConfig, Path]]:
    """First compare paths as written: that asks no file system, which might hang."""
    for mapping in mappings:
        yield written, mapping, mapping.directory
    parent_resolved = real_path(written.parent) / written.name
    for candidate in (written, parent_resolved):
        for mapping in mappings:
            yield candidate, mapping, mapping.directory
            yield candidate, mapping, real_path(mapping.directory)
