"""``aqsync serve export``: experiments of an embedded server, for another server or an archive."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option, since_option
from aqsync.cli.output import say, say_json
from aqsync.cli.serving.opened import opened_storage
from aqsync.cli.serving.pace import shown_pace
from aqsync.cli.serving.storage_options import needed, storage_options
from aqsync.errors import ExitCode, Interrupted, LocalError
from aqsync.wording import counted

if TYPE_CHECKING:
    from aqsync.server.settings import StorageSettings


@click.command(
    "export", epilog="Example: aqsync serve export --data ~/aqueduct-data --tag paper paper.tar.gz"
)
@click.argument("target", type=PATH, help="The file to write.")
@storage_options
@click.option("--eid", "eids", multiple=True, help="Only this experiment; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="Only those with this tag; may be repeated.")
@click.option("--title", help="Only those with this text in the title.")
@since_option
@json_option
def serve_export(
    *,
    target: Path,
    storage: StorageSettings | None,
    eids: tuple[str, ...],
    tags: tuple[str, ...],
    title: str | None,
    since: datetime | None,
    json: bool,
) -> ExitCode:
    """Write experiments with all that they have into an archive, archived ones too.

    By default all of them; each option leaves some out. `aqueduct import` and `aqsync serve import`
    read the archive. It stands under its name when it is whole; what is there is not replaced.

    With --json: an object with target and experiments.
    """
    where = needed(storage)
    if os.path.lexists(target):
        raise LocalError(f"{target} exists already, and was left as it is", hint="name another")
    with opened_storage(where) as opened:
        from aqsync.aqueduct.local_files import begun  # noqa: PLC0415 - slow to import
        from aqsync.server.moving.archive_writer import archive_chunks  # noqa: PLC0415 - optional
        from aqsync.server.moving.outbound import Outbound, Selection  # noqa: PLC0415 - the same

        outbound = Outbound(opened, Selection(frozenset(eids), frozenset(tags), title, since))
        found = outbound.check()
        try:
            with shown_pace(found.files, quiet=json) as pace, begun(target) as partial:
                partial.fill(archive_chunks(outbound, came=pace.came, file=pace.file))
                partial.finish(replace=False)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted; {target} was not written") from None
    if json:
        say_json({"target": str(target), "experiments": found.experiments})
    else:
        said = f"{counted(found.experiments, 'experiment')} with {counted(found.files, 'file')}"
        say(f"exported {said}: {target}")
    return ExitCode.OK
