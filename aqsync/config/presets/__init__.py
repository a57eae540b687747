"""Presets: what the files of a known program need, as a few settings under a name.

Each is a YAML file beside this one. A configuration may add its own, under ``presets``.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from aqsync.config.junk import DEFAULT_IGNORE
from aqsync.config.section import Section
from aqsync.config.yamltree import Tree


class Preset(Section):
    """One program's files."""

    software: str
    """What writes them."""
    about: str
    """How they lie on the disk, and what follows from that; Markdown."""
    found_by: tuple[str, ...]
    """Names of files or folders, with wildcards, any of which shows that it was at work."""
    settings: Mapping[str, object]
    """Keys of a mapping, as written. Its ``ignore`` adds to what is ignored without it."""


@cache
def presets() -> dict[str, Preset]:
    """The presets of the package, by name."""
    texts = {
        each.name.removesuffix(".yaml"): each.read_text("utf-8")
        for each in files(__name__).iterdir()
        if each.name.endswith(".yaml")
    }
    return {name: Preset.model_validate(Tree(texts[name]).value) for name in sorted(texts)}


def as_written(
    settings: Mapping[str, object], ignored: Iterable[object] = DEFAULT_IGNORE
) -> dict[str, object]:
    """What a preset's settings mean where they are named.

    Args:
        settings: The preset's.
        ignored: What is ignored there without it.
    """
    ignore = settings.get("ignore", ())
    added = ignore if isinstance(ignore, tuple) else ()
    return {**settings, "ignore": (*ignored, *added)} if added else dict(settings)


def recognised(names: Iterable[str]) -> list[str]:
    """The presets whose programs have written into a folder.

    Args:
        names: The names of files and folders below it, without their paths.

    Returns:
        The names of the presets, the one with the most files first.
    """
    seen = dict.fromkeys(presets(), 0)
    for name in names:
        for preset, one in presets().items():
            seen[preset] += _fits(name, one.found_by) and not _fits(name, DEFAULT_IGNORE)
    return sorted((preset for preset, n in seen.items() if n), key=lambda each: -seen[each])


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, each) for each in patterns)
