"""The formats that metadata is read from. Used in the process that reads them alone.

Each gives a document: plain lists, sections, texts and numbers. One more is one more line in
`READERS`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import yaml

from aqsync.local.metadata import hdf5, qcodes

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # pragma: no cover - a PyYAML built without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]  # it does the same, slower

LARGEST_TEXT = 32 * 1024 * 1024
"""Bytes of a JSON or YAML file."""


class Unreadable(Exception):
    """The file is not what it should be; the message says what is wrong."""


def read_json(descriptor: int) -> object:
    """What a JSON file holds."""
    try:
        return json.loads(_all_of(descriptor))
    except ValueError as exc:
        raise Unreadable(f"it is not JSON: {exc}") from exc


def read_yaml(descriptor: int) -> object:
    """What a YAML file holds."""
    try:
        return yaml.load(_all_of(descriptor), Loader)
    except (yaml.YAMLError, ValueError) as exc:
        said = " ".join(str(exc).split())
        raise Unreadable(f"it is not YAML: {said}") from exc


def _all_of(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    if size > LARGEST_TEXT:
        raise Unreadable(f"it has {size} bytes, and at most {LARGEST_TEXT} are read")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(LARGEST_TEXT)


READERS: dict[str, Callable[[int], object]] = {
    "json": read_json,
    "yaml": read_yaml,
    "hdf5": hdf5.read,
    "qcodes": qcodes.read,
}
"""By the format's name in the configuration, which is slow to import."""
