"""Experiments that make themselves: what they are called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MadeWords:
    """Title, description and tags of an experiment, as a server takes them."""

    title: str
    description: str
    tags: tuple[str, ...]
    """The first is the one that the experiment is found by."""
    cuts: tuple[str, ...] = ()
    """What had to be cut or left out, for people."""
