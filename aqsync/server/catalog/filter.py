"""Which experiments a list holds, as an SQL condition on the catalog: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aqsync.server import rules
from aqsync.server.catalog.database import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExperimentFilter:
    """Which experiments a list holds.

    Args:
        text: A part of the title or of the EID, in any case: a pattern, as of PostgreSQL's ILIKE.
        any_tags: At least one of these tags; an empty list fits no experiment.
        all_tags: Every one of these tags, each given once; an empty list fits no experiment.
        start: The earliest creation time, inclusive.
        end: The latest creation time, inclusive.
        among: The only experiments that there are, as it were; None: all.
    """

    text: str | None = None
    any_tags: Sequence[str] | None = None
    all_tags: Sequence[str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    among: frozenset[UUID] | None = None


def to_microseconds(time: datetime) -> int:
    """Return a time that has an offset as the catalog stores it: microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: object) -> datetime:
    """Return a time of the catalog in UTC."""
    return _EPOCH + timedelta(microseconds=int(str(microseconds)))


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
        need(tagged.format(_marks(keys)) + " > 0", *keys)
    all_keys = {tag.lower() for tag in wanted.all_tags or ()}
    if wanted.all_tags is not None:
        # Two spellings of one tag find nothing, as on an archived server.
        need(f"{tagged.format(_marks(all_keys))} = {len(wanted.all_tags) or -1}", *all_keys)
    if rules.ARCHIVED not in all_keys:
        need(tagged.format("?") + " = 0", rules.ARCHIVED)
    return " AND ".join(parts), values


def among(uuids: frozenset[UUID] | None) -> tuple[str, list[str]]:
    """Return the condition that an experiment is one of these, and the values that it takes."""
    if uuids is None:
        return "TRUE", []
    # No value fits an empty list, which SQLite has and PostgreSQL has not.
    return f"experiment.uuid IN ({_marks(uuids)})", sorted(map(str, uuids))


def _marks(keys: Collection[object]) -> str:
    # PostgreSQL takes no empty list.
    return ", ".join("?" * len(keys)) or "NULL"
