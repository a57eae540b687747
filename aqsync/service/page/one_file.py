"""What became of one file: what is decided for it now, and all that is known of its past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aqsync.config import Config, MappingConfig
from aqsync.journal import Journal
from aqsync.journal.history import Event, Wanted
from aqsync.model import Decision, FileRecord, Policy
from aqsync.paths import parents
from aqsync.service.page.addresses import address, asked_number
from aqsync.service.page.experiment_links import experiment_url
from aqsync.sync.explained import standing_text, told
from aqsync.sync.measured import measured_of
from aqsync.sync.overview import FOR_A_PERSON
from aqsync.sync.planner import decide
from aqsync.sync.policies import policies


class DecidedFile(NamedTuple):
    """A file, and what is decided for it."""

    mapping: MappingConfig
    file: FileRecord
    policy: Policy
    step: Decision


class Decided:
    """Decides on single files, as the engine would now.

    Args:
        journal: What is known.
        config: Which mappings.
        now_ns: The wall clock, nanoseconds since 1970.
    """

    def __init__(self, journal: Journal, config: Config, now_ns: int) -> None:
        self.now_ns = now_ns
        self._journal = journal
        self._windows = config.transfer.windows
        self._mappings = {mapping.name: mapping for mapping in config.mappings}
        self._policies: dict[str, Callable[[FileRecord], Policy]] = {}

    def on(self, name: str, path: str) -> DecidedFile | None:
        """What is decided for a file; None: nothing, as it or its mapping is not known.

        Args:
            name: The mapping's.
            path: Of the file, in it.
        """
        mapping, record = self._mappings.get(name), self._journal.mappings.find(name)
        if mapping is None or record is None:
            return None
        file = self._journal.observations.record_at(record.id, path)
        if file is None:
            return None
        if name not in self._policies:
            self._policies[name] = policies(self._journal, mapping, self.now_ns, self._windows)
        policy = self._policies[name](file)
        return DecidedFile(mapping, file, policy, decide(file, policy, self.now_ns))


def file_values(
    journal: Journal, config: Config, decided: Decided, given: Mapping[str, str], most: int
) -> dict[str, Any]:
    """What the template ``file.html`` shows.

    Args:
        journal: What is known.
        config: Which mappings.
        decided: Decides on files.
        given: What is asked for: mapping, path, and before which time to go on.
        most: How many events are shown at once.
    """
    name, path, before = (
        given.get("mapping", ""),
        given.get("path", ""),
        asked_number(given, "before"),
    )
    until_ns = None if before is None else before - 1
    events = list[Event]()
    if path:
        events = journal.history.recent(most + 1, Wanted(name, path, until_ns=until_ns))
    found = decided.on(name, path)
    more = ""
    if len(events) > most:
        events = events[1:]
        more = address("/files/file", mapping=name, path=path, before=events[0].at_ns)
    return {
        "mapping": name,
        "path": path,
        "file": path.rpartition("/")[2],
        "above": [*parents(path)],
        "place": _place(config, name, path),
        "told": [] if found is None else _told(journal, found, decided.now_ns),
        "for_a_person": found is not None and found.step.state in FOR_A_PERSON,
        "sha256": None if found is None or found.file.synced is None else found.file.synced.sha256,
        "events": [(event, _experiment(config, event)) for event in reversed(events)],
        "more": more,
    }


def _told(journal: Journal, found: DecidedFile, now_ns: int) -> list[tuple[str, str]]:
    doubt = found.policy.place_problem or found.policy.root_problem
    said = [*told(found.mapping, found.file, found.step, doubt, now_ns)]
    measured = measured_of(journal, found.mapping, now_ns)
    folder = None if measured is None else measured.folders.of_directory(found.file.path)
    if measured is not None and folder is not None and (standing := measured.standing(folder)):
        said.append(("belongs to", f"{standing.folder}, {standing_text(standing)}"))
    return said


def _experiment(config: Config, event: Event) -> str | None:
    return None if event.eid is None else experiment_url(config.server.url, event.eid)


def _place(config: Config, name: str, path: str) -> str:
    """Where it is on this machine; of a mapping that is no longer configured, its name and path."""
    directories = {mapping.name: mapping.directory for mapping in config.mappings}
    return str(directories[name] / path) if name in directories else f"{name}: {path}"
