"""What JSONPaths find in a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import islice

import jsonpath

from aqsync.local.metadata.found import LONGEST_TEXT, MOST_VALUES


def pick(document: object, paths: Mapping[str, str]) -> dict[str, list[str]]:
    """By what each path is for, the texts that it leads to, each once.

    A list there counts as its parts.
    """
    found = {name: islice(_texts(document, path), MOST_VALUES) for name, path in paths.items()}
    return {name: [*dict.fromkeys(texts)] for name, texts in found.items()}


def _texts(document: object, path: str) -> Iterator[str]:
    if not isinstance(document, dict | list | str):
        return
    for value in (match.obj for match in jsonpath.finditer(path, document)):
        for each in value if isinstance(value, list) else (value,):
            text = _text(each)
            if text is not None and text.strip():
                yield text[:LONGEST_TEXT]


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    return value.isoformat() if isinstance(value, dt.date) else None
