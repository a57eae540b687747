"""The report of ``aqsync verify`` that a lab keeps: one JSON object, or one page of HTML."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from aqsync import __version__
from aqsync.cli.written_whole import written_whole
from aqsync.errors import ConfigError
from aqsync.sync.verification import Verification
from aqsync.wording import counted, printable

_STYLE = (
    "body{font-family:sans-serif;margin:2em;max-width:80em}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}"
    "td{overflow-wrap:anywhere;min-width:4em}td:last-child{min-width:20em}"
)


def as_json(
    found: Verification, *, subject: str, server: str, at: str, deep: bool
) -> dict[str, Any]:
    """Everything that was found.

    Args:
        found: What.
        subject: What was asked for.
        server: Its address.
        at: When, ISO 8601.
        deep: Whether every byte was read.
    """
    return {
        "format": "aqsync-verification",
        "version": 1,
        "aqsync": __version__,
        "at": at,
        "host": platform.node(),
        "server": server,
        "subject": subject,
        "deep": deep,
        "equal": not found.differences,
        "files": found.files,
        "bytes": found.bytes,
        "freed": found.freed,
        "gone": found.gone,
        "others": found.others,
        "left_out": found.left_out,
        "differences": [asdict(each) for each in found.differences],
        "read": [asdict(each) for each in found.read],
    }


@contextmanager
def report_at(place: Path | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Begin a report before anything is read: reading takes hours, and must not be in vain.

    Args:
        place: A file whose name ends with .json or .html; None: there is no report.

    Yields:
        What writes it. Until then, an earlier report of this name is as it was.

    Raises:
        ConfigError: The name ends otherwise.
        LocalError: It cannot be written.
    """
    if place is None:
        yield lambda _: None
        return
    if place.suffix not in {".json", ".html"}:
        raise ConfigError(f"{place} ends neither with .json nor with .html")

    with written_whole(place) as write:
        yield lambda answer: write(
            json.dumps(answer, indent=1) + "\n" if place.suffix == ".json" else _page(answer)
        )


def _page(answer: dict[str, Any]) -> str:
    verdict = (
        "All is equal" if answer["equal"] else counted(len(answer["differences"]), "difference")
    )
    how = "every byte read on both sides" if answer["deep"] else "lists, times and sizes"
    facts = [
        ("What", answer["subject"]),
        ("On the PC", answer["host"]),
        ("Server", answer["server"]),
        ("When", answer["at"]),
        ("How", how),
        ("Files on the server", f"{answer['files']}, {answer['bytes']} bytes"),
        ("Of them freed here", answer["freed"]),
        ("Of them deleted here, kept there", answer["gone"]),
        ("Files of others on the server", answer["others"]),
        ("Here, and never sent", answer["left_out"]),
        ("aqsync", answer["aqsync"]),
    ]
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        f"<title>aqsync verify: {escape(verdict)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(verdict)}</h1>",
        _table((), facts),
    ]
    if answer["differences"]:
        keys = ("eid", "name", "place")
        rows = (
            [*(each[key] for key in keys), "; ".join(filter(None, (each["meaning"], each["hint"])))]
            for each in answer["differences"]
        )
        parts += [
            "<h2>Differences</h2>",
            _table(("experiment", "name on the server", "file", "meaning"), rows),
        ]
    if answer["read"]:
        columns = ("eid", "name", "place", "size", "sha256")
        rows = ([each[key] for key in columns] for each in answer["read"])
        heads = ("experiment", "name on the server", "file", "bytes", "SHA-256")
        parts += [
            "<h2>Files on the server with the content that was sent</h2>",
            _table(heads, rows),
        ]
    return "\n".join([*parts, "</body></html>\n"])


def _table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    lines = (
        "<tr>" + "".join(f"<td>{escape(printable(str(cell)))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{head}</tr>' if heads else ''}{''.join(lines)}</table>"
