"""``aqsync serve export``: experiments of an embedded server, for another server or an archive."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option, since_option
from aqsync.cli.output import complain, say, say_json
from aqsync.cli.serving.opened import opened_storage
from aqsync.cli.serving.pace import Pace, shown_pace
from aqsync.cli.serving.storage_options import needed, storage_options
from aqsync.errors import ExitCode, Interrupted, LocalError
from aqsync.wording import counted

if TYPE_CHECKING:
    from aqsync.server.moving.outbound import Outbound
    from aqsync.server.settings import StorageSettings


_ARCHIVE, _CRATE, _ZIP, _NOTEBOOK = "aqueduct", "ro-crate", "ro-crate-zip", "eln"
_ENDINGS = {".tar.gz": _ARCHIVE, ".tgz": _ARCHIVE, ".eln": _NOTEBOOK, ".zip": _ZIP}


@click.command(
    "export", epilog="Example: aqsync serve export --data ~/aqueduct-data --tag paper paper.eln"
)
@click.argument("target", type=PATH, help="The file, or the directory of an RO-Crate, to write.")
@storage_options
@click.option(
    "--format",
    "kind",
    type=click.Choice([_ARCHIVE, _CRATE, _ZIP, _NOTEBOOK]),
    help="What to write. [default: as the target ends: .tar.gz, .zip, .eln, or a directory]",
)
@click.option("--eid", "eids", multiple=True, help="Only this experiment; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="Only those with this tag; may be repeated.")
@click.option("--title", help="Only those with this text in the title.")
@since_option
@json_option
def serve_export(
    *,
    target: Path,
    storage: StorageSettings | None,
    kind: str | None,
    eids: tuple[str, ...],
    tags: tuple[str, ...],
    title: str | None,
    since: datetime | None,
    json: bool,
) -> ExitCode:
    """Write experiments with all that they have, archived ones too.

    By default all of them; each option leaves some out. NAME.tar.gz becomes an archive that
    `aqueduct import` and `aqsync serve import` read, a directory or NAME.zip an RO-Crate, and
    NAME.eln what electronic laboratory notebooks read. It stands under its name when it is whole;
    what is there is not replaced.

    With --json: an object with target, format, experiments, files and notes.
    """
    where = needed(storage)
    kind = kind or _kind_of(target)
    if os.path.lexists(target):
        raise LocalError(f"{target} exists already, and was left as it is", hint="name another")
    with opened_storage(where, may_be_new=False) as opened:
        from aqsync.server.moving.outbound import Outbound, Selection  # noqa: PLC0415 - optional

        outbound = Outbound(opened, Selection(frozenset(eids), frozenset(tags), title, since))
        found = outbound.check()
        try:
            with shown_pace(found.files, quiet=json) as pace:
                notes = _write(outbound, target, kind, pace)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted; {target} was not written") from None
    if json:
        told = {"target": str(target), "format": kind, **found._asdict(), "notes": notes}
        say_json(told)
    else:
        for note in notes:
            complain(f"note: {note}")
        said = f"{counted(found.experiments, 'experiment')} with {counted(found.files, 'file')}"
        say(f"exported {said}: {target}")
    return ExitCode.OK


def _kind_of(target: Path) -> str:
    name = target.name.lower()
    return next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), _CRATE)


def _write(outbound: Outbound, target: Path, kind: str, pace: Pace) -> list[str]:
    """Write it; return what is worth knowing."""
    from aqsync.aqueduct.local_files import begun  # noqa: PLC0415 - slow to import
    from aqsync.moving.crate import Crate  # noqa: PLC0415 - an optional extra
    from aqsync.moving.crate_files import write_directory, zipped  # noqa: PLC0415 - the same
    from aqsync.moving.crate_places import safe_part  # noqa: PLC0415 - the same
    from aqsync.server.moving.archive_writer import archive_chunks  # noqa: PLC0415 - the same

    now = datetime.now(UTC).replace(microsecond=0)
    crate = Crate(outbound, target.stem, now, came=pace.came, file=pace.file)
    if kind == _CRATE:
        write_directory(crate.members(), target)
        return crate.notes
    with begun(target) as partial:
        if kind == _ARCHIVE:
            chunks = archive_chunks(outbound, came=pace.came, file=pace.file)
        else:
            root = safe_part(target.stem) if kind == _NOTEBOOK else ""
            chunks = zipped(crate.members(), root)
        partial.fill(chunks)
        partial.finish(replace=False)
    return crate.notes
