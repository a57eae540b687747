"""``aqsync free``: remove files here that are proved to be on the server."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

import click

from aqsync.aqueduct.client import PATIENCE_S
from aqsync.cli.commands.push import push_limited
from aqsync.cli.completion import complete_mappings
from aqsync.cli.config_options import chosen, config_option
from aqsync.cli.confirmation import confirmed
from aqsync.cli.journal_view import journal_after_scan
from aqsync.cli.local_path import PATH
from aqsync.cli.options import json_option, yes_option
from aqsync.cli.output import complain, say, say_json
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig, parse_duration
from aqsync.errors import ConfigError, ExitCode, Interrupted, LocalError
from aqsync.journal import Journal
from aqsync.local.aside import LeftAside, alone, noted
from aqsync.local.mounts import is_within
from aqsync.local.removal import Proved, Remover
from aqsync.model import FileRecord, Freed
from aqsync.paths import absolute
from aqsync.sync.connection import connect
from aqsync.sync.freeing import Plan, Prover, Refused, plan, why_not_noted
from aqsync.sync.mirror import Mirror
from aqsync.sync.order import Limits
from aqsync.wording import counted, size_text

AT_ONCE = 500
"""Files that are proved, noted and removed together: a manifest is written for each such group."""


@dataclass(slots=True)
class _Result:
    freed: list[FileRecord] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.freed)


def _age(_context: object, _option: object, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise click.BadParameter(f"{exc}, such as 12h or 30d") from exc


@click.command(epilog="Example: aqsync free --older-than 30d fridge-1")
@click.argument("name", metavar="MAPPING", shell_complete=complete_mappings, help="Its name.")
@click.option(
    "--older-than",
    "older_than_s",
    required=True,
    callback=_age,
    metavar="DURATION",
    help="Only files that have not changed for so long, such as 30d.",
)
@click.option(
    "--keep-last",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Keep the N newest measurements; where the mapping has none, the N newest files.",
)
@click.option(
    "--trash",
    type=PATH,
    metavar="DIR",
    help="Where the files are moved to. By default a folder beside the journal.",
)
@click.option("--delete", is_flag=True, help="Delete them, instead of moving them.")
@config_option
@yes_option
@json_option
def free(
    *,
    name: str,
    older_than_s: float,
    keep_last: int,
    trash: Path | None,
    delete: bool,
    config: Config,
    yes: bool,
    json: bool,
) -> ExitCode:
    """Remove files here that are on the server, each proved byte for byte.

    A file goes only if at that moment its content is the same here, in a manifest, and on the
    server, from where it is downloaded for this. Otherwise it stays, and is named. What stays too:
    databases with a log, files that are open for writing or that their writer had not closed, and
    those of a measurement that is not complete. The copies on the server are the only ones then:
    aqsync neither removes nor replaces them, and `aqsync pull` brings them back.

    With --json: an object with freed (a list of paths), bytes, trash, and refused (a list of
    objects with path and reason). Exit status: 0 all were freed that are old enough, 1 not.
    """
    [mapping] = chosen(config, [name])
    place = _trash_of(config, mapping, trash, delete=delete)
    if not mapping.manifest:
        raise ConfigError(
            f"mapping {name} has `manifest: off`, and what is freed must stand in a manifest",
            hint="leave that key out, push, and free then",
        )
    clock, result = SystemClock(), _Result()
    with (
        alone(config.journal) as left,
        connect(config, patience=PATIENCE_S) as server,
        journal_after_scan(config, [mapping]) as (journal, _),
    ):
        _tell_put_back(left)
        eids = journal.remote.mapped_eids([journal.mappings.get(name).id])
        Mirror(server, journal, clock).refresh(eids)
        planned = plan(journal, mapping, clock.now_ns(), older_than_s, keep_last)
        if not json:
            _tell_plan(mapping, planned, place)
        verb = "Delete" if place is None else "Move to the trash"
        question = f"{verb} {counted(len(planned.files), 'file')} of {mapping.directory}"
        if planned.files and not confirmed(question, yes=yes):
            return ExitCode.INCOMPLETE
        result.refused += planned.refused
        with closing(Prover(server, journal)) as prover:
            work = _Work(config, mapping, prover, place, result, quiet=json)
            try:
                work.free(planned.files)
            except Interrupted as exc:
                complain(exc.message)
                return exc.exit_code
            finally:
                _tell(mapping, result, place, json=json)
    return ExitCode.INCOMPLETE if result.refused else ExitCode.OK


def _tell_put_back(left: Iterable[LeftAside]) -> None:
    for each in left:
        done = each.why or "it was being freed when the command ended, and is in its place again"
        complain(f"note: {each.place}: {done}")


def _trash_of(
    config: Config, mapping: MappingConfig, trash: Path | None, *, delete: bool
) -> Path | None:
    """Where the files go; None: they are deleted.

    Raises:
        ConfigError: Both are asked for, or the trash lies in a root.
    """
    if delete:
        if trash is not None:
            raise ConfigError(
                "--trash and --delete cannot stand together", hint="leave one of them out"
            )
        return None
    top = config.journal.parent / "trash" if trash is None else absolute(trash)
    place = top / mapping.name / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    numbered = (place.with_name(f"{place.name}-{number}") for number in count(2))
    place = next(each for each in chain([place], numbered) if not os.path.lexists(each))
    for other in config.mappings:
        if any(is_within(str(each), str(other.directory)) for each in (top, place)):
            raise ConfigError(
                f"the trash {top} lies in the directory of mapping {other.name}",
                hint="--trash takes another folder",
            )
    return place


def _tell_plan(mapping: MappingConfig, planned: Plan, trash: Path | None) -> None:
    for file in planned.files:
        say(f"to be freed: {mapping.directory / file.path} ({size_text(file.size)})")
    size = size_text(sum(file.size for file in planned.files))
    kept = f"; {planned.kept} kept among the last ones" if planned.kept else ""
    say(f"{counted(len(planned.files), 'file')}, {size}{kept}; each is proved before it goes")
    if trash is not None and planned.files and _is_on_the_disk_of(mapping, trash):
        say(f"note: {trash} is on the same disk, so nothing is freed until you empty it")


def _is_on_the_disk_of(mapping: MappingConfig, trash: Path) -> bool:
    """Whether the trash, which may not be made yet, takes from what is to be freed."""
    with suppress(OSError):  # a trash that cannot be looked at is said when the first file goes
        above = next(folder for folder in [trash, *trash.parents] if folder.exists())
        return above.stat().st_dev == mapping.directory.stat().st_dev
    return False


class _Work:
    """Proves, notes and removes files, a group after the other.

    Args:
        config: The configuration.
        mapping: Whose files.
        prover: Proves each.
        trash: Where they go; None: they are deleted.
        result: Gets what became of each.
        quiet: Show no progress.
    """

    def __init__(
        self,
        config: Config,
        mapping: MappingConfig,
        prover: Prover,
        trash: Path | None,
        result: _Result,
        *,
        quiet: bool,
    ) -> None:
        self._config = config
        self._mapping = mapping
        self._prover = prover
        self._trash = trash
        self._result = result
        self._quiet = quiet

    def free(self, files: Sequence[FileRecord]) -> None:
        """Free them.

        Raises:
            LocalError: The server cannot be used, so nothing more is freed.
            Interrupted: A person ended it.
        """
        for start in range(0, len(files), AT_ONCE):
            proved = self._proved(files[start : start + AT_ONCE])
            if proved:
                self._push(proved, {path: found for path, (_, found) in proved.items()})
                self._remove(self._noted(proved))
                gone = {file.path for file in self._result.freed}
                # It sees that they are gone, and forgets that others were to go.
                self._push(proved, kept=[path for path in proved if path not in gone])

    def _proved(self, files: Sequence[FileRecord]) -> dict[str, tuple[FileRecord, Freed]]:
        found: dict[str, tuple[FileRecord, Freed]] = {}
        for file in files:
            try:
                proof = self._prover.prove(self._mapping, file)
            except LocalError as exc:
                proof = exc.message
            if isinstance(proof, str):
                self._refuse(file.path, proof)
            else:
                found[file.path] = file, proof
        return found

    def _refuse(self, path: str, why: str) -> None:
        self._result.refused.append(Refused(path, why))

    def _push(
        self,
        paths: Iterable[str],
        freed: Mapping[str, Freed] | None = None,
        kept: Sequence[str] = (),
    ) -> None:
        name = self._mapping.name
        within = {name: tuple(paths)}
        limits = Limits(
            wait_for_settling=False,
            within=within,
            freed={name: dict(freed or {})},
            kept={name: tuple(kept)},
        )
        report = push_limited(self._config, [self._mapping], limits, quiet=self._quiet)
        if report.interrupted:
            raise Interrupted("interrupted")
        if report.server is not None:
            raise LocalError(f"nothing more is freed: {report.server.message}")

    def _noted(self, proved: dict[str, tuple[FileRecord, Freed]]) -> list[tuple[FileRecord, Freed]]:
        """Those that the journal and a manifest on the server have as freed now."""
        noted = []
        with Journal.open_for_reading(self._config.journal) as journal:
            for path, (file, proof) in proved.items():
                why = why_not_noted(journal, file, proof)
                if why is None:
                    noted.append((file, proof))
                else:
                    self._refuse(path, why)
        return noted

    def _remove(self, files: Sequence[tuple[FileRecord, Freed]]) -> None:
        paths = [file.path for file, _ in files]
        with (
            noted(self._config.journal, self._mapping.directory, paths),
            Remover(self._mapping.directory, self._trash) as remover,
        ):
            for file, proof in files:
                assert file.local is not None  # noqa: S101 - it was proved
                try:
                    remover.remove(Proved(file.path, file.local, proof.sha256))
                except LocalError as exc:
                    self._refuse(file.path, exc.message)
                else:
                    self._result.freed.append(file)


def _tell(mapping: MappingConfig, result: _Result, trash: Path | None, *, json: bool) -> None:
    if json:
        answer: dict[str, Any] = {
            "freed": [str(mapping.directory / file.path) for file in result.freed],
            "bytes": result.bytes,
            "trash": None if trash is None else str(trash),
            "refused": [
                {"path": str(mapping.directory / each.path), "reason": each.why}
                for each in result.refused
            ],
        }
        say_json(answer)
        return
    for each in result.refused:
        say(f"stays: {mapping.directory / each.path}: {each.why}")
    where = "deleted" if trash is None else f"moved to {trash}"
    say(f"{counted(len(result.freed), 'file')}, {size_text(result.bytes)}, {where}")
