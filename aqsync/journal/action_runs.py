"""Runs of actions on measurements: what was begun, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from sqlite3 import Connection
from typing import Any, NamedTuple

from aqsync.journal.database import Database
from aqsync.journal.history import Event, HistoryKind, note
from aqsync.journal.rows import loaded, marks, stored, words
from aqsync.model import ActionRun, ActionStart, ActionState, Explanation, Problem, explanation_of

_COLUMNS = """
    m.name, r.folder, r.action, r.extension, r.name, r.uuid, r.digest, r.parameters, r.after, r.id,
    r.noted_at_ns, r.attempt, r.state, r.task, r.result_code, r.said, r.ended_at_ns, r.again
"""
_FROM = f"SELECT {_COLUMNS} FROM action_run r JOIN mapping m ON m.id = r.mapping_id"
_FOR_A_PERSON = tuple(state.value for state in ActionState if state.needs_somebody)
_UNDER_WAY = tuple(state.value for state in ActionState if not state.ended)


class Ending(NamedTuple):
    """How a run has ended."""

    state: ActionState
    result_code: int | None = None
    said: str = ""
    task: str | None = None


class ActionRuns:
    """The tables of runs, and of what keeps configured actions from being run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, mapping_id: int) -> list[ActionRun]:
        """All runs of a mapping, in the order in which they were begun."""
        rows = self._database.rows(
            f"{_FROM} WHERE r.mapping_id = ? ORDER BY r.noted_at_ns, r.id", (mapping_id,)
        )
        return [_run(row) for row in rows]

    def under_way(self) -> list[ActionRun]:
        """The runs that have not ended, as far as is known."""
        rows = self._database.rows(
            f"{_FROM} WHERE r.state IN ({marks(_UNDER_WAY)}) ORDER BY r.noted_at_ns, r.id",
            _UNDER_WAY,
        )
        return [_run(row) for row in rows]

    def wanted_again(self) -> list[ActionRun]:
        """The ended runs that a person wants once more."""
        rows = self._database.rows(f"{_FROM} WHERE r.again ORDER BY r.noted_at_ns, r.id")
        return [_run(row) for row in rows]

    def for_a_person(self, mapping_id: int, *, left: bool = False) -> list[ActionRun]:
        """The runs of a mapping that a person has to look at, and does not want again yet.

        Of an action on a measurement only the newest counts: those before it are outdated.

        Args:
            mapping_id: Which mapping.
            left: Also those that a person has left as they are.
        """
        states = (*_FOR_A_PERSON, ActionState.LEFT.value) if left else _FOR_A_PERSON
        rows = self._database.rows(
            f"{_FROM} WHERE r.mapping_id = ? AND r.state IN ({marks(states)})"
            " AND NOT r.again AND NOT EXISTS (SELECT 1 FROM action_run n"
            " WHERE n.mapping_id = r.mapping_id AND n.folder = r.folder AND n.action = r.action"
            " AND (n.noted_at_ns, n.id) > (r.noted_at_ns, r.id)) ORDER BY r.noted_at_ns, r.id",
            (mapping_id, *states),
        )
        return [_run(row) for row in rows]

    def at(self, start: ActionStart) -> ActionRun | None:
        """The run of this action on this content; None: there was none."""
        row = self._database.row(
            f"{_FROM} WHERE m.name = ? AND r.folder = ? AND r.action = ? AND r.uuid = ?"
            " AND r.digest = ?",
            (start.mapping, stored(start.folder), start.key, start.uuid, start.digest),
        )
        return None if row is None else _run(row)

    def tasks(self) -> set[str]:
        """The tasks that are known to belong to a run."""
        rows = self._database.rows("SELECT task FROM action_run WHERE task IS NOT NULL")
        return {task for (task,) in rows}

    def begin(self, start: ActionStart, now_ns: int) -> ActionRun:
        """Note that a run is about to be asked for; the caller makes it durable.

        A run on this content that has ended, or was never answered, is begun once more.
        """
        told = json.dumps(start.parameters)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO action_run (mapping_id, folder, action, extension, name, uuid, digest,"
                " parameters, after, noted_at_ns, attempt, state)"
                " VALUES ((SELECT id FROM mapping WHERE name = ?),"
                " ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)"
                " ON CONFLICT (mapping_id, folder, action, uuid, digest) DO UPDATE SET"
                " parameters = excluded.parameters, after = excluded.after,"
                " noted_at_ns = excluded.noted_at_ns, attempt = attempt + 1,"
                " state = excluded.state, task = NULL, result_code = NULL, said = '',"
                " ended_at_ns = NULL, again = 0",
                (
                    *(start.mapping, stored(start.folder), start.key, start.extension),
                    *(start.action, start.uuid, start.digest, told, start.after, now_ns),
                    ActionState.UNANSWERED.value,
                ),
            )
        found = self.at(start)
        assert found is not None  # noqa: S101 - it was just written
        return found

    def undo(self, run: ActionRun, before: ActionRun | None) -> None:
        """Nothing of this start has left this machine: all is as it was before.

        Args:
            run: What was noted.
            before: The run on the same content that it took the place of; None: there was none.
        """
        if before is None:
            self._database.write("DELETE FROM action_run WHERE id = ?", (run.id,))
            return
        self._database.write(
            "UPDATE action_run SET parameters = ?, after = ?, noted_at_ns = ?, attempt = ?,"
            " state = ?, task = ?, result_code = ?, said = ?, ended_at_ns = ?, again = ?"
            " WHERE id = ?",
            (
                *(json.dumps(before.parameters), before.after, before.noted_at_ns, before.attempt),
                *(before.state.value, before.task, before.result_code, words(before.said)),
                *(before.ended_at_ns, before.again, run.id),
            ),
        )

    def has_task(self, run: ActionRun, task: str, state: ActionState, now_ns: int) -> None:
        """A run's task is known; the history gets its start."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE action_run SET task = ?, state = ? WHERE id = ?",
                (task, state.value, run.id),
            )
            _note(connection, run, HistoryKind.ACTION_BEGUN, f"task {task}", now_ns)

    def is_now(self, run: ActionRun, state: ActionState) -> None:
        """A run under way stands so now."""
        self._database.write("UPDATE action_run SET state = ? WHERE id = ?", (state.value, run.id))

    def ended(self, run: ActionRun, ending: Ending, now_ns: int) -> None:
        """A run has ended; the history gets it."""
        state, code, said, task = ending
        kind = HistoryKind.ACTION_FAILED if state.needs_somebody else HistoryKind.ACTION_ENDED
        text = [state.value]
        text += [] if code is None else [f"exit code {code}"]
        text += said.splitlines()[-1:]
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE action_run SET state = ?, result_code = ?, said = ?, ended_at_ns = ?,"
                " task = coalesce(?, task) WHERE id = ?",
                (state.value, code, words(said), now_ns, task, run.id),
            )
            _note(connection, run, kind, "; ".join(text), now_ns)

    def again(self, runs: Iterable[ActionRun]) -> None:
        """A person wants these runs once more."""
        self._database.write_each(
            "UPDATE action_run SET again = 1 WHERE id = ?", ((run.id,) for run in runs)
        )

    def leave(self, runs: Iterable[ActionRun], now_ns: int) -> None:
        """A person leaves these runs, which have ended, as they are; the history gets it."""
        with self._database.writing() as connection:
            for run in runs:
                connection.execute(
                    "UPDATE action_run SET state = ?, again = 0 WHERE id = ?",
                    (ActionState.LEFT.value, run.id),
                )
                text = ActionState.LEFT.value
                _note(connection, run, HistoryKind.ACTION_ENDED, text, now_ns)

    # What keeps actions from being run

    def problems(self, mapping_id: int) -> dict[str, Problem]:
        """By the key of an action, why it cannot be run."""
        rows = self._database.rows(
            "SELECT action, code, message, hint, since_ns FROM action_problem WHERE mapping_id = ?",
            (mapping_id,),
        )
        return {key: Problem(explanation_of(*why), since_ns) for key, *why, since_ns in rows}

    def set_problem(self, mapping_id: int, key: str, why: Explanation | None, now_ns: int) -> bool:
        """Note why an action cannot be run, or that it can; returns whether that is news."""
        known = self.problems(mapping_id).get(key)
        if (known and known.why) == why:
            return False
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM action_problem WHERE mapping_id = ? AND action = ?", (mapping_id, key)
            )
            if why is not None:
                connection.execute(
                    "INSERT INTO action_problem (mapping_id, action, code, message, hint, since_ns)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        *(mapping_id, key, why.reason.value, words(why.message), words(why.hint)),
                        now_ns,
                    ),
                )
        return True

    def keep_problems(self, mapping_id: int, keys: Collection[str]) -> None:
        """Forget what was noted of actions that are no longer configured."""
        if self.problems(mapping_id).keys() - set(keys):
            self._database.write(
                "DELETE FROM action_problem"
                f" WHERE mapping_id = ? AND action NOT IN ({marks(keys)})",
                (mapping_id, *keys),
            )


def _note(
    connection: Connection, run: ActionRun, kind: HistoryKind, text: str, now_ns: int
) -> None:
    note(connection, Event(now_ns, kind, run.mapping, run.folder, f"{run.name}: {text}"))


def _run(row: Any) -> ActionRun:  # noqa: ANN401 - columns of any type
    (mapping, folder, key, extension, name, uuid, digest, told, after, identity, *rest) = row
    (noted_at_ns, attempt, state, task, result_code, said, ended_at_ns, again) = rest
    parameters = tuple((str(name), str(value)) for name, value in json.loads(told))
    return ActionRun(
        *(mapping, loaded(folder), key, extension, name, uuid, digest, parameters, after, identity),
        *(noted_at_ns, attempt, ActionState(state), task, result_code, said, ended_at_ns),
        again=bool(again),
    )
