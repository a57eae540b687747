"""What ``aqsync status`` says of the daemon and of what is paused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aqsync import __version__
from aqsync.cli.output import say
from aqsync.config import Config
from aqsync.errors import AqsyncError
from aqsync.journal.pauses import EVERYTHING, Pause
from aqsync.model import SECOND_NS
from aqsync.service.messages.alarms import REFUSED_HINT
from aqsync.service.web.client import DaemonClient
from aqsync.service.web.models import DaemonStatus, FileUnderWay
from aqsync.wording import age_text, counted, iso_text, seconds_text, size_text

_MEASURED_S = 1.0
"""A file that has been sent for a shorter time has no rate yet."""


class DaemonState:
    """Whether a daemon runs for a journal, and what it says of itself.

    Args:
        config: The configuration that this command has read.
    """

    def __init__(self, config: Config) -> None:
        self._config_path = config.path
        self._status: DaemonStatus | None = None
        self._problem: AqsyncError | None = None
        try:
            daemon = DaemonClient.find(config.journal)
            if daemon is not None:
                with daemon:
                    self._status = daemon.status()
        except AqsyncError as exc:
            self._problem = exc

    def slowest(self, mapping: str) -> FileUnderWay | None:
        """The file of a mapping that is sent at the lowest rate; None if none is long under way."""
        under_way = [] if self._status is None else self._status.under_way
        measured = [
            file for file in under_way if file.mapping == mapping and file.seconds >= _MEASURED_S
        ]
        return min(measured, key=lambda file: file.sent / file.seconds, default=None)

    def as_json(self) -> dict[str, Any] | None:
        """For a program; None where no daemon runs."""
        if self._problem is not None:
            return {"problem": self._problem.message, "hint": self._problem.hint}
        if self._status is None:
            return None
        facts = self._status.model_dump()
        facts["started_at"] = iso_text(facts.pop("started_at_ns"))
        return facts

    def tell(self, now_ns: int) -> None:
        """For a person."""
        status = self._status
        if self._problem is not None:
            say(f"the daemon could not be asked: {self._problem.message}")
            if self._problem.hint:
                say(f"  hint: {self._problem.hint}")
        if status is None:
            if self._problem is None:
                say("no daemon is running: files are uploaded when `aqsync push` is called")
            return
        say(
            f"the daemon (process {status.process}) was started"
            f" {age_text(status.started_at_ns, now_ns)};"
            f" {counted(status.uploaded, 'file')} uploaded since ({size_text(status.bytes)}),"
            f" {status.ready} to be decided on"
        )
        for item in status.under_way:
            say(
                f"  under way: {item.path} ({item.mapping}), {size_text(item.sent)}"
                f" of {size_text(item.size)} in {seconds_text(item.seconds)}"
            )
        self._tell_ways_to_people(status)
        if status.refused is not None:
            say("  it refused the changed configuration, and works by the old one:")
            say(f"  {status.refused}")
            say(f"  hint: {REFUSED_HINT}")
        if status.version != __version__:
            say(f"  it is aqsync {status.version}, and this {__version__}: restart the daemon")
        if not _same(status.config, self._config_path):
            say(f"  it works by another configuration: {status.config}")

    @staticmethod
    def _tell_ways_to_people(status: DaemonStatus) -> None:
        for problem in status.not_told:
            say(f"  others are not told: {problem}")
        if status.page is not None:
            say(f"  its status page is at {status.page}; `aqsync open` opens it")
        elif status.page_problem is not None:
            say(f"  there is no status page: {status.page_problem}")


def _same(one: str, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def tell_pauses(pauses: Mapping[str, Pause], now_ns: int) -> None:
    """What is paused, for a person."""
    for name, pause in pauses.items():
        what, command = name, f"aqsync resume {name}"
        if name == EVERYTHING:
            what, command = "everything", "aqsync resume"
        more = ""
        if pause.until_ns is not None:
            more = f", for {seconds_text((pause.until_ns - now_ns) / SECOND_NS)} more"
        say(f"{what} was paused {age_text(pause.since_ns, now_ns)}{more}; `{command}` ends it")


def pauses_as_json(pauses: Mapping[str, Pause]) -> dict[str, dict[str, str | None]]:
    """What is paused, for a program: by mapping name, the empty one for everything."""
    return {
        name: {"since": iso_text(pause.since_ns), "until": iso_text(pause.until_ns)}
        for name, pause in pauses.items()
    }
