"""What the server does with a measurement that has arrived: the section ``actions``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from aqsync.config import patterns
from aqsync.config.section import Section

_KEY_DIGITS = 16


class When(StrEnum):
    """What an action waits for."""

    COMPLETE = "complete"
    """The measurement is complete, and all its files are on the server."""


class ActionConfig(Section):
    """One action of an extension, run once for each content of a measurement."""

    when: When = Field(default=When.COMPLETE, strict=False, description="complete")
    extension: str = Field(min_length=1, description="the name of an extension of the server")
    action: str = Field(min_length=1, description="the name of one of its actions")
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description='a section of texts such as {threshold: "0.5"}; names in braces are those of'
        " the measurement's folder",
    )
    """All but the experiment, which is filled in."""

    @property
    def name(self) -> str:
        """What to call it for people."""
        return f"{self.extension}/{self.action}"

    @property
    def key(self) -> str:
        """Another one for every other action, and for other parameters."""
        told = [self.extension, self.action, sorted(self.parameters.items())]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:_KEY_DIGITS]

    @property
    def names(self) -> tuple[str, ...]:
        """The names in braces."""
        found = (patterns.brace_names(text) for text in self.parameters.values())
        return tuple(dict.fromkeys(name for names in found for name in names))

    def filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """The parameters of one measurement."""
        return {name: patterns.fill(text, values) for name, text in self.parameters.items()}


EXPECTED = "a list of actions, each with extension and action"
