"""The runs of a QCoDeS database, read from our own copy of it.

The document is ``{"run": the newest, "runs": [all of them, the newest first]}``. A run has
``run_id``, ``name``, ``guid``, ``started``, ``completed``, ``parameters``, ``experiment``,
``sample`` and, the newest alone, ``snapshot``: the settings of its instruments.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

_MOST_RUNS = 1_000
_RUNS = """
SELECT r.run_id, r.name, r.guid, r.run_timestamp, r.completed_timestamp, r.parameters,
    e.name AS experiment, e.sample_name AS sample
FROM runs r LEFT JOIN experiments e ON e.exp_id = r.exp_id ORDER BY r.run_id DESC LIMIT ?
"""


def read(descriptor: int) -> object:
    """What the database tells of its runs.

    Args:
        descriptor: Of a file of ours that nobody changes.
    """
    place = Path(f"/dev/fd/{descriptor}").as_uri()  # SQLite opens files by their names alone
    with closing(sqlite3.connect(f"{place}?mode=ro&immutable=1", uri=True)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        database.row_factory = sqlite3.Row
        runs = [_run(row) for row in database.execute(_RUNS, (_MOST_RUNS,))]
        if not runs:
            return {"run": None, "runs": []}
        newest = dict(runs[0])
        columns = {row["name"] for row in database.execute("PRAGMA table_info(runs)")}
        if "snapshot" in columns:
            (text,) = database.execute(
                "SELECT snapshot FROM runs WHERE run_id = ?", (newest["run_id"],)
            ).fetchone()
            newest["snapshot"] = None if text is None else json.loads(text)
        return {"run": newest, "runs": runs}


def _run(row: sqlite3.Row) -> dict[str, object]:
    run = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row gives its values
    run["started"] = _time(run.pop("run_timestamp"))
    run["completed"] = _time(run.pop("completed_timestamp"))
    return run


def _time(seconds: object) -> str | None:
    if not isinstance(seconds, int | float):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
