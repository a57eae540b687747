"""What is waited for while no file is known to be still to come, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aqsync.journal.pauses import EVERYTHING
from aqsync.sync.overview import Light, Overview, needs_person


def waited_for(found: Overview) -> list[str]:
    """Why it is not all up there although no file is known to be still to come.

    Args:
        found: How everything stands.

    Returns:
        Whole sentences; none where files are to come, or nothing is waited for.
    """
    if found.light is not Light.WAITING or found.to_come_files:
        return []
    return list(_sentences(found)) or ["What is left is done by itself, later."]


def _sentences(found: Overview) -> Iterator[str]:
    if found.server is not None:
        yield "No file is known to be missing, but the server cannot be asked now."
    yield from _looks(found)
    for each in found.mappings:
        waits = [group for group in each.groups if not needs_person(group.first)]
        if waits:
            yield f"{each.mapping.name} waits: {waits[0].first.text}."


def _looks(found: Overview) -> Iterator[str]:
    """What is still to be looked at."""
    paused, first, again = list[str](), list[str](), list[str]()
    for each in found.mappings:
        if {each.mapping.name, EVERYTHING} & found.pauses.keys():
            paused.append(each.mapping.name)
        elif each.scanned_at_ns is None:
            first.append(each.mapping.name)
        elif each.unseen:
            again.append(each.mapping.name)
    if paused:
        which = "Everything is" if EVERYTHING in found.pauses else _are(paused)
        yield f"{which} paused: nobody looks for changes until that ends."
    if first:
        yield f"{_are(first)} being looked at for the first time."
    if again:
        yield (
            f"{_are(again)} being looked at: what has changed there meanwhile shows once that has"
            " ended."
        )


def _are(names: Sequence[str]) -> str:
    """Some mappings, with the verb."""
    *before, last = names
    return f"{', '.join(before)} and {last} are" if before else f"{last} is"
