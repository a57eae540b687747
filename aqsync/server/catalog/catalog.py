"""The catalog: experiments and tags. Every public method is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from aqsync.server import rules
from aqsync.server.catalog.database import Connection, Database, Row, marks, transaction
from aqsync.server.catalog.filter import ExperimentFilter, among, condition_of
from aqsync.server.catalog.times import from_microseconds, now_microseconds
from aqsync.server.errors import OperationRefused

_COLUMNS = "number, uuid, eid, title, description, created_by, created_at, updated_at"

UUID_MISSING = "DB query failed due to non-existing experiment with the specified UUID."
EID_MISSING = "Non-existing experiment with the specified eid for the user."
CHANGED_MISSING = "Non-existing experiment with the specified UUID for the user."
"""What is said of an experiment that is to be changed."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment as the catalog holds it."""

    uuid: UUID
    eid: str
    title: str
    description: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    tags: tuple[str, ...]


class Catalog:
    """Experiments and tags. Any thread may call. A change is on the disk on return.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @transaction
    def uuids(self) -> list[UUID]:
        """Return the UUIDs of all experiments."""
        with self._database.reading() as database:
            rows = database.execute("SELECT uuid FROM experiment").fetchall()
        return [UUID(uuid) for (uuid,) in rows]

    @transaction
    def create(
        self,
        title: str,
        description: str,
        tags: Sequence[str],
        *,
        by: str,
        create_folder: Callable[[UUID], None],
    ) -> Experiment:
        """Enter a new experiment.

        Its EID is today's date on this machine and a number that counts up within the day.
        A number is never given twice, not even after its experiment was removed: a client that
        still knows the EID must not write into another experiment.

        Args:
            title: At most 256 characters.
            description: At most 5,000 characters.
            tags: At most 64.
            by: Who creates it.
            create_folder: Called with the new UUID before the experiment is visible; an error in it
                undoes everything.

        Raises:
            OperationRefused: A limit is broken.
        """
        rules.check_title(title)
        rules.check_description(description)
        rules.check_tags(tags)
        if len(tags) > rules.MAX_TAGS:
            raise OperationRefused(
                f"You can have a maximum of {rules.MAX_TAGS} tags in an experiment."
            )
        uuid = uuid4()
        with self._database.changing() as database:
            now = now_microseconds()
            day = datetime.now().astimezone().strftime("%Y%m%d")
            ((count,),) = database.execute(
                "INSERT INTO last_eid VALUES (?, 1)"
                " ON CONFLICT (day) DO UPDATE SET number = last_eid.number + 1 RETURNING number",
                (day,),
            ).fetchall()
            ((number,),) = database.execute(
                "INSERT INTO experiment (uuid, eid, title, description, created_by, created_at,"
                " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number",
                (str(uuid), f"{day}-{count}", title, description, by, now, now),
            ).fetchall()
            known, new = _known_and_new(database, tags)
            # Two spellings of a tag that is there are one tag.
            rules.check_spellings(list(dict.fromkeys(new)))
            add_tags(database, number, [*known, *new])
            create_folder(uuid)
            return _find(database, "uuid", str(uuid), "")

    @transaction
    def by_uuid(self, uuid: UUID) -> Experiment:
        """Return one experiment.

        Raises:
            OperationRefused: There is none with this UUID.
        """
        with self._database.reading() as database:
            return _find(database, "uuid", str(uuid), UUID_MISSING)

    @transaction
    def creator(self, uuid: UUID) -> str | None:
        """Return who created an experiment; None if there is no such one."""
        with self._database.reading() as database:
            row = database.execute(
                "SELECT created_by FROM experiment WHERE uuid = ?", (str(uuid),)
            ).fetchone()
        return None if row is None else str(row[0])

    @transaction
    def by_eid(self, eid: str) -> Experiment:
        """Return one experiment.

        Raises:
            OperationRefused: There is none with this EID.
        """
        with self._database.reading() as database:
            return _find(database, "eid", eid, EID_MISSING)

    @transaction
    def search(
        self, wanted: ExperimentFilter, offset: int, limit: int
    ) -> tuple[list[Experiment], int]:
        """Return a page of the experiments that fit, newest first, and how many fit in all.

        Args:
            wanted: Which fit.
            offset: Where the page starts; a negative number counts from the end.
            limit: Where it ends, from there on; likewise.

        Raises:
            OperationRefused: The filter breaks a limit.
        """
        condition, values = condition_of(wanted, self._database.dialect)
        with self._database.reading() as database:
            ((total,),) = database.execute(
                f"SELECT count(*) FROM experiment WHERE {condition}",
                values,
            )
            start, count = rules.page_of(total, offset, limit)
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM experiment WHERE {condition}"
                " ORDER BY created_at DESC, number DESC LIMIT ? OFFSET ?",
                (*values, count, start),
            ).fetchall()
            return _experiments(database, rows), total

    @transaction
    def update(self, uuid: UUID, title: str | None, description: str | None) -> Experiment:
        """Change the title, the description or both; an empty one stays as it is.

        Raises:
            OperationRefused: A limit is broken, or there is no such experiment.
        """
        rules.check_title(title or "")
        rules.check_description(description or "")
        with self._database.changing() as database:
            number = self._locked(database, uuid)
            database.execute(
                "UPDATE experiment SET title = coalesce(?, title),"
                " description = coalesce(?, description), updated_at = ? WHERE number = ?",
                (title or None, description or None, now_microseconds(), number),
            )
            return _find(database, "number", number, "")

    @transaction
    def add_tags(self, uuid: UUID, tags: Sequence[str]) -> Experiment:
        """Add tags; one that is there already stays as it is spelled.

        Raises:
            OperationRefused: They cannot be set, or there is no such experiment.
        """
        rules.check_tags(tags)
        with self._database.changing() as database:
            number = self._locked(database, uuid)
            rules.check_spellings(tags)
            known, new = _known_and_new(database, tags)
            add_tags(database, number, [*known, *new])
            return _find(database, "number", number, "")

    @transaction
    def remove_tag(self, uuid: UUID, tag: str) -> Experiment:
        """Take a tag off an experiment.

        Raises:
            OperationRefused: The experiment, or the tag on it, is not there.
        """
        rules.check_tag(tag)
        with self._database.changing() as database:
            number = self._locked(database, uuid)
            removed = database.execute(
                "DELETE FROM experiment_tag WHERE experiment = ? AND tag = ?",
                (number, tag.lower()),
            ).rowcount
            if not removed:
                raise OperationRefused(
                    "DB query failed due to non-existing tag with the provided experiment."
                )
            return _find(database, "number", number, "")

    @transaction
    def remove(self, uuid: UUID) -> None:
        """Remove an experiment and note that its files are still to be removed.

        Raises:
            OperationRefused: There is no such experiment.
        """
        with self._database.changing() as database:
            number = self._locked(database, uuid)
            database.execute("INSERT INTO removed VALUES (?)", (str(uuid),))
            database.execute("DELETE FROM experiment WHERE number = ?", (number,))

    @transaction
    def removed(self) -> list[UUID]:
        """Return the removed experiments whose files may still be there."""
        with self._database.reading() as database:
            rows = database.execute("SELECT uuid FROM removed").fetchall()
        return [UUID(uuid) for (uuid,) in rows]

    @transaction
    def forget_removed(self, uuid: UUID) -> None:
        """Note that the files of a removed experiment are gone."""
        with self._database.changing() as database:
            database.execute("DELETE FROM removed WHERE uuid = ?", (str(uuid),))

    @transaction
    def tags(self, *, unused: bool, only: frozenset[UUID] | None = None) -> list[str]:
        """Return all tags in alphabetical order.

        Args:
            unused: Whether those on no experiment are asked for, too.
            only: Only those on these experiments.
        """
        seen, values = among(only)
        condition = (
            "TRUE"
            if unused and only is None
            else "key IN (SELECT tag FROM experiment_tag JOIN experiment"
            f" ON experiment.number = experiment_tag.experiment WHERE {seen})"
        )
        with self._database.reading() as database:
            rows = database.execute(
                f"SELECT name FROM tag WHERE {condition} ORDER BY key", values
            ).fetchall()
        return [name for (name,) in rows]

    def _locked(self, database: Connection, uuid: UUID) -> int:
        """Return an experiment's number, and hold other changes of it off."""
        row = database.execute(
            "SELECT number FROM experiment WHERE uuid = ?" + self._database.dialect.locked,
            (str(uuid),),
        ).fetchone()
        if row is None:
            raise OperationRefused(CHANGED_MISSING)
        (number,) = row
        return int(number)


def _find(database: Connection, key: str, value: object, missing: str) -> Experiment:
    row = database.execute(
        f"SELECT {_COLUMNS} FROM experiment WHERE {key} = ?",
        (value,),
    ).fetchone()
    if row is None:
        raise OperationRefused(missing)
    (found,) = _experiments(database, [row])
    return found


def find_experiment(database: Connection, number: int) -> Experiment:
    """Return the experiment that has this number in the catalog, within a transaction."""
    return _find(database, "number", number, "")


def numbered_experiments(
    database: Connection, after: int, limit: int
) -> list[tuple[int, Experiment]]:
    """Return some experiments with their numbers in the catalog, within a transaction.

    Args:
        database: The transaction.
        after: Their numbers are higher than this.
        limit: How many; those with the lowest numbers.
    """
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM experiment WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    ).fetchall()
    return list(zip((row[0] for row in rows), _experiments(database, rows), strict=True))


def _experiments(database: Connection, rows: Sequence[Row]) -> list[Experiment]:
    """Put experiments together with their tags, in the order in which they were added."""
    tags: dict[int, list[str]] = {number: [] for number, *_ in rows}
    if tags:
        for number, name in database.execute(
            "SELECT experiment, name FROM experiment_tag JOIN tag ON tag.key = experiment_tag.tag"
            f" WHERE experiment IN ({marks(tags)}) ORDER BY experiment_tag.number",
            tuple(tags),
        ):
            tags[number].append(name)
    return [_experiment(row, tags[row[0]]) for row in rows]


def _experiment(row: Row, tags: Iterable[str]) -> Experiment:
    _, uuid, eid, title, description, created_by, created_at, updated_at = row
    return Experiment(
        uuid=UUID(uuid),
        eid=eid,
        title=title,
        description=description,
        created_by=created_by,
        created_at=from_microseconds(created_at),
        updated_at=from_microseconds(updated_at),
        tags=tuple(tags),
    )


def _known_and_new(database: Connection, tags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part tags into those that this server has, in any spelling, and the others."""
    keys = list({tag.lower() for tag in tags})
    asked = f"SELECT key FROM tag WHERE key IN ({marks(keys)})"
    found = database.execute(asked, keys) if keys else ()
    known = {key for (key,) in found}
    return (
        [tag for tag in tags if tag.lower() in known],
        [tag for tag in tags if tag.lower() not in known],
    )


def add_tags(database: Connection, number: int, tags: Sequence[str]) -> None:
    """Add tags as they were first spelled on this server: later spellings do not count."""
    keys = [(tag.lower(), tag) for tag in tags]
    # In one order for all, so that two transactions never wait for each other.
    database.executemany("INSERT INTO tag VALUES (?, ?) ON CONFLICT DO NOTHING", sorted(keys))
    database.executemany(
        "INSERT INTO experiment_tag (experiment, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(number, key) for key, _ in keys],
    )
