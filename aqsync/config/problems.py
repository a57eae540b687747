"""From pydantic's errors to lines that a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from aqsync.config.actions import ActionConfig
from aqsync.config.fleet import FleetConfig
from aqsync.config.growing import GrowingConfig
from aqsync.config.measurement import Completion, Measurement
from aqsync.config.metadata import Metadata
from aqsync.config.models import (
    Config,
    Defaults,
    MappingConfig,
    ServerConfig,
    Settings,
    TagRule,
    known_keys,
)
from aqsync.config.notify import HeartbeatConfig, NotifyConfig
from aqsync.config.timing import Schedule, Transfer
from aqsync.config.yaml_slips import is_glued, without_address
from aqsync.config.yamltree import Location, Problem, Tree
from aqsync.errors import ConfigError

_TEXT_WANTED = {"string_type", "is_instance_of", "path_type"}
_TYPE_ERRORS = _TEXT_WANTED | {"float_type", "tuple_type", "model_type"}
_SECTIONS: dict[str, type[BaseModel]] = {
    "server": ServerConfig,
    "transfer": Transfer,
    "schedule": Schedule,
    "presets": Settings,
    "defaults": Defaults,
    "mappings": MappingConfig,
    "tags": TagRule,
    "growing": GrowingConfig,
    "measurement": Measurement,
    "metadata": Metadata,
    "complete": Completion,
    "actions": ActionConfig,
    "notify": NotifyConfig,
    "heartbeat": HeartbeatConfig,
    "fleet": FleetConfig,
}
_WITH_SECRETS = {("notify",), ("notify", "urls"), ("heartbeat",), ("heartbeat", "url")}
"""What is written there is not shown."""


def config_error(file: Path | None, problems: Iterable[Problem]) -> ConfigError:
    """One error that lists every problem, in the order of the file; None: it is not written yet."""
    lines = [
        ("" if file is None else f"{file}:{problem.line}: ")
        + _key_path(problem.location)
        + problem.what
        for problem in sorted(
            set(problems), key=lambda problem: (problem.line, *map(str, problem.location))
        )
    ]
    return ConfigError("\n".join(lines))


def problems_of(error: ValidationError, tree: Tree, at: Location) -> list[Problem]:
    """Translate a validation's errors.

    Args:
        error: What pydantic found.
        tree: The document.
        at: Where in the document the validated section stands.
    """
    return [
        _problem(found["type"], found.get("ctx", {}), (*at, *found["loc"]), tree)
        for found in error.errors(include_url=False, include_input=False)
    ]


def unknown_key(location: Location, tree: Tree) -> Problem:
    """A key that its section does not know, and the one that was probably meant."""
    key = str(location[-1])
    section = section_at(location[:-1])
    known = [name for name in known_keys(section) if section is not Config or name != "path"]
    if section is Config:
        known[-1:-1] = ["presets", "defaults"]
    close = difflib.get_close_matches(key.lower(), known, n=1)
    elsewhere = [name for name, model in _SECTIONS.items() if key in known_keys(model)]
    if close:
        advice = f"did you mean {close[0]}?"
    elif elsewhere:
        advice = f"it belongs into {elsewhere[0]}"
    else:
        advice = f"expected one of {', '.join(known)}"
    return Problem(tree.spot(location).line, location, f"unknown key; {advice}")


def section_at(location: Location) -> type[BaseModel]:
    """The model of the section that stands at a location."""
    named = [part for part in location if part in _SECTIONS]
    return _SECTIONS[str(named[-1])] if named else Config


def where_written(location: Location, tree: Tree) -> Location:
    """A mapping's value that it takes from ``defaults`` stands there."""
    if location[:1] == ("mappings",) and location[:3] not in tree.spots:
        from_defaults = ("defaults", *location[2:])
        if len(location) > 2 and from_defaults[:2] in tree.spots:  # noqa: PLR2004 - mappings, index, key
            return from_defaults
    return location


def _problem(kind: str, context: dict[str, object], location: Location, tree: Tree) -> Problem:
    if kind == "extra_forbidden":
        return unknown_key(location, tree)
    written = where_written(location, tree)
    spot = tree.spot(written)
    if written[:2] in _WITH_SECRETS:
        spot = spot._replace(shown="")
    if kind == "missing" or written not in tree.spots:
        what = str(context.get("error", "missing"))
    elif kind == "value_error":
        what = str(context["error"])
    elif kind == "too_short":
        what = "this list is empty"
    elif kind not in _TYPE_ERRORS:
        what = f"{spot.shown} is not allowed"
    elif kind == "model_type" and is_glued(spot.shown):
        what = f"put a space after the colon in {spot.shown}"
    elif kind in _TEXT_WANTED and spot.is_mistaken_text:
        what = f"YAML takes {spot.shown} for {spot.kind} (in quotes it is text)"
    else:
        what = f"{spot.shown or 'this'} is {spot.kind}"
    expected = _expected(location)
    return Problem(spot.line, location, f"{what}; expected {expected}" if expected else what)


def _expected(location: Location) -> str:
    """What the model says about the field that a location leads to, or into."""
    depth = max(index for index, part in enumerate(location) if isinstance(part, str))
    key = str(location[depth])
    is_item_section = key in {"mappings", "tags"} and location[depth + 1 :] != ()
    is_section = key in _SECTIONS and key not in {"mappings", "tags"} and depth == 0
    if is_section or is_item_section:
        return "a section with the keys " + ", ".join(known_keys(_SECTIONS[key]))
    return known_keys(section_at(location[:depth])).get(key) or ""


def _key_path(location: Location) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            shown = without_address(part, is_key=True)
            shown = shown if shown.isprintable() else ascii(shown)
            path += f".{shown}" if path else shown
    return f"{path}: " if path else ""
