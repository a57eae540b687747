"""``aqsync serve migrate``: move all of one storage into another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aqsync.cli.options import json_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.serving.pace import shown_pace
from aqsync.cli.serving.storage_options import (
    needed,
    not_installed,
    storage_options,
    target_options,
)
from aqsync.errors import ExitCode, Interrupted, LocalError, NotMoved, ServeFailed
from aqsync.wording import counted, size_text

if TYPE_CHECKING:
    from aqsync.server.migrating.migration import Moved
    from aqsync.server.settings import StorageSettings

_AGAIN = "the same command goes on with what is left"


@click.command(
    "migrate",
    epilog="Example: aqsync serve migrate --data old --to-data new --to-database URL",
)
@storage_options
@target_options
@json_option
def serve_migrate(
    *, storage: StorageSettings | None, target: StorageSettings | None, json: bool
) -> ExitCode:
    """Move all of a server that is stopped into another storage, which is empty.

    UUIDs, EIDs, times, owners, tags, tasks and tokens stay what they are. Every row and every byte
    is compared, files by SHA-256. Nothing of the first storage changes, and no server can change it
    meanwhile; none starts on the second one before all is there. The same command goes on with
    what was broken off.

    With --json: an object with rows (how many each table has), files and bytes.
    """
    moved = _move(needed(storage), needed(target, target=True), json=json)
    if json:
        say_json({"rows": moved.rows, "files": moved.files, "bytes": moved.bytes})
        return ExitCode.OK
    experiments = counted(moved.rows["experiment"], "experiment")
    tasks, tokens = (counted(moved.rows[table], table) for table in ("task", "token"))
    files = f"{counted(moved.files, 'file')} ({size_text(moved.bytes)})"
    say(f"moved {experiments}, {tasks}, {tokens} and {files}; every row and byte was compared")
    return ExitCode.OK


def _move(source: StorageSettings, target: StorageSettings, *, json: bool) -> Moved:
    try:
        from aqsync.server.catalog.database import DatabaseAway  # noqa: PLC0415 - an optional extra
        from aqsync.server.errors import (  # noqa: PLC0415 - the same
            FileRefused,
            OperationRefused,
            ServerStartError,
        )
        from aqsync.server.migrating.migration import Migration  # noqa: PLC0415 - the same
        from aqsync.server.migrating.source import opened_source  # noqa: PLC0415 - the same
        from aqsync.server.migrating.target import opened_target  # noqa: PLC0415 - the same
        from aqsync.server.moving.moved import MoveRefused  # noqa: PLC0415 - the same
    except ImportError as exc:
        raise not_installed(exc) from exc
    try:
        with (
            opened_source(source) as here,
            opened_target(target) as there,
            shown_pace(here.count_files(), quiet=json) as pace,
        ):
            return Migration(here, there, pace.came, pace.file).run()
    except KeyboardInterrupt:
        raise Interrupted("the move was broken off", hint=_AGAIN) from None
    except ServerStartError as exc:
        raise ServeFailed(exc.message, hint=exc.hint) from exc
    except MoveRefused as exc:
        for line in exc.details:
            complain(f"  {line}")
        raise NotMoved(exc.message, hint=exc.hint) from exc
    except (DatabaseAway, FileRefused, OperationRefused) as exc:
        raise NotMoved(str(exc).rstrip("."), hint=_AGAIN) from exc
    except OSError as exc:
        raise LocalError(f"a storage cannot be used: {exc.strerror or exc}", hint=_AGAIN) from exc
