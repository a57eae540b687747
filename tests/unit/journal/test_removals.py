"""How much would be removed from the server at once."""

from __future__ import annotations

from aqsync.journal import Journal
from aqsync.journal.removals import _TWINS
from aqsync.model import Adopted, Removed, Twin
from tests.support.notes import AT1, AT2, NOW, SHA1, SHA2, V1, Notes, notes


def test_how_much_could_be_removed(journal: Journal) -> None:
    noted = notes(journal)
    for name in ("here", "gone", "gone-there", "gone-both", "gone-unlisted"):
        noted.sync(name)
    noted.see("new")
    noted.list({"here": AT1, "gone": AT1})
    gone = ["gone", "gone-both", "gone-unlisted"]
    journal.observations.gone(noted.mapping_id, gone, NOW)
    removable = journal.removals.removable(noted.mapping_id, NOW)
    assert removable.gone == 1
    assert removable.known == 3, "what is nowhere any more must not make the share look small"


def test_an_adopted_file_could_be_removed_too(journal: Journal) -> None:
    noted = notes(journal)
    file = noted.see("a")
    noted.list({"a": AT1})
    journal.outcomes.record(file, Adopted(V1, SHA1, AT1), NOW)
    journal.observations.gone(noted.mapping_id, ["a"], NOW)
    assert journal.removals.removable(noted.mapping_id, NOW) == (1, 1)


def remove(noted: Notes, path: str, at_ns: int, *, forced: bool = False) -> None:
    noted.journal.observations.gone(noted.mapping_id, [path], at_ns)
    if forced:
        noted.journal.outcomes.retry([noted.at(path).id])
    noted.journal.outcomes.record(noted.at(path), Removed(), at_ns)


def test_what_was_removed_in_the_last_hour_counts_as_at_once(journal: Journal) -> None:
    noted, other = notes(journal), notes(journal, "other")
    for name in "abcde":
        noted.sync(name)
    other.sync("x")
    noted.list(dict.fromkeys("abcde", AT1))
    minute_ns = 60 * 1_000_000_000
    for number, name in enumerate("abc"):
        remove(noted, name, NOW + 10 * number * minute_ns)
    removable = journal.removals.removable
    assert removable(noted.mapping_id, NOW + 20 * minute_ns) == (3, 5)
    assert removable(noted.mapping_id, NOW + 75 * minute_ns) == (1, 3)
    assert removable(noted.mapping_id, NOW + 81 * minute_ns) == (0, 2)
    assert removable(noted.mapping_id, NOW - 30 * minute_ns) == (3, 5), "a clock was set back"
    assert removable(noted.mapping_id, NOW - 99 * minute_ns) == (0, 2), "but not for ever"
    assert removable(other.mapping_id, NOW + 20 * minute_ns) == (0, 1)


def test_what_a_person_forced_does_not_count(journal: Journal) -> None:
    noted = notes(journal)
    for name in "ab":
        noted.sync(name)
    noted.list(dict.fromkeys("ab", AT1))
    remove(noted, "a", NOW, forced=True)
    assert journal.removals.removable(noted.mapping_id, NOW) == (0, 1)


def test_only_the_removals_of_the_last_hour_are_kept(journal: Journal) -> None:
    noted = notes(journal)
    for number in range(20):
        noted.sync(str(number))
        remove(noted, str(number), NOW + number * 600 * 1_000_000_000)
    with journal._database.reading() as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM removal").fetchall()
    assert rows == 7


def test_a_copy_whose_version_is_not_listed_may_be_what_is_gone(journal: Journal) -> None:
    """Its content is known, so one that only has as many bytes is no copy."""
    noted = notes(journal)
    noted.sync("gone")
    for number, (name, sha256) in enumerate([("copy", SHA1), ("as-long", SHA2)]):
        noted.sync(name, V1._replace(inode=20 + number), sha256)
    noted.list(dict.fromkeys(("gone", "copy", "as-long"), AT1))
    journal.observations.gone(noted.mapping_id, ["gone"], NOW)
    assert journal.removals.twins(noted.mapping_id, NOW) == {}
    noted.list({"gone": AT1, "copy": AT1, "as-long": AT2})
    assert journal.removals.twins(noted.mapping_id, NOW) == {}
    noted.list({"gone": AT1, "copy": AT2, "as-long": AT2})
    found = {noted.at("gone").id: Twin("m", "copy", "")}
    assert journal.removals.twins(noted.mapping_id, NOW) == found
    noted.list({"gone": AT1})
    assert journal.removals.twins(noted.mapping_id, NOW) == found


def test_not_every_deleted_file_is_compared_with_every_new_one(journal: Journal) -> None:
    """A renamed folder has as many of both, and is asked about again and again."""
    values = {"id": notes(journal).mapping_id, "lately_ns": 0, "slack_ns": 0}
    with journal._database.reading() as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {_TWINS}", values)]
    inner = [step for step in plan if step.startswith("SEARCH")]
    assert sum("(synced_size=?)" in step for step in inner) == 1, plan
    assert sum("(inode=?)" in step for step in inner) == 2, plan
