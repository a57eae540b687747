"""Which experiments a list holds, as an SQL condition on the catalog: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aqsync.server import rules
from aqsync.server.catalog.database import Dialect, marks
from aqsync.server.catalog.times import to_microseconds


@dataclass(frozen=True, slots=True)
class ExperimentFilter:
    """Which experiments a list holds.

    Args:
        text: A part of the title or of the EID, in any case: a pattern, as of PostgreSQL's ILIKE.
        any_tags: At least one of these tags; an empty list fits no experiment.
        all_tags: Every one of these tags, each given once; an empty list fits no experiment.
        start: The earliest creation time, inclusive.
        end: The latest creation time, inclusive.
        among: The only experiments that are looked at; None: all of them.
    """

    text: str | None = None
    any_tags: Sequence[str] | None = None
    all_tags: Sequence[str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    among: frozenset[UUID] | None = None


def condition_of(wanted: ExperimentFilter, dialect: Dialect) -> tuple[str, list[object]]:
    """Return the filter as an SQL condition made of constants, and the values it takes.

    Raises:
        OperationRefused: The filter breaks a limit.
    """
    rules.check_tag_filter(wanted.any_tags, rules.MAX_TAGS_ANY_FILTER)
    rules.check_tag_filter(wanted.all_tags, rules.MAX_TAGS_ALL_FILTER)
    seen, uuids = among(wanted.among)
    parts = [seen]
    values: list[object] = [*uuids]

    def need(part: str, *more: object) -> None:
        parts.append(f"({part})")
        values.extend(more)

    tagged = (
        "(SELECT count(*) FROM experiment_tag WHERE experiment = experiment.number AND tag IN ({}))"
    )
    if wanted.text is not None:
        need(
            " OR ".join(dialect.fits.format(column=column) for column in ("title", "eid")),
            *(f"%{wanted.text}%", f"%{wanted.text}%"),
        )
    if wanted.start is not None:
        need("created_at >= ?", to_microseconds(wanted.start))
    if wanted.end is not None:
        need("created_at <= ?", to_microseconds(wanted.end))
    if wanted.any_tags is not None:
        keys = {tag.lower() for tag in wanted.any_tags}
        need(tagged.format(marks(keys)) + " > 0", *keys)
    all_keys = {tag.lower() for tag in wanted.all_tags or ()}
    if wanted.all_tags is not None:
        # Two spellings of one tag find nothing, as on an archived server.
        need(f"{tagged.format(marks(all_keys))} = {len(wanted.all_tags) or -1}", *all_keys)
    if rules.ARCHIVED not in all_keys:
        need(tagged.format("?") + " = 0", rules.ARCHIVED)
    return " AND ".join(parts), values


def among(uuids: frozenset[UUID] | None) -> tuple[str, list[str]]:
    """Return the condition that an experiment is one of these, and the values that it takes."""
    if uuids is None:
        return "TRUE", []
    return f"experiment.uuid IN ({marks(uuids)})", sorted(map(str, uuids))
