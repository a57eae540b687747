"""Metrics as Prometheus reads them, found out when they are asked for.

Counters and histograms begin with the process and are filled from the journal's history, so what
happens between two questions costs nothing. Labels hold names of mappings, states and codes, and no
names of files. Names follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

import threading
from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from aqsync import __version__
from aqsync.journal import Journal
from aqsync.journal.history import Event, HistoryKind
from aqsync.journal.pauses import EVERYTHING
from aqsync.model import SECOND_NS, State
from aqsync.service.board import Board
from aqsync.sync.overview import Light, Overview
from aqsync.sync.problem_groups import Group

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH_S = 5.0
_SIZES = tuple(float(1 << power) for power in range(10, 41, 3))
"""1 KiB to 1 TiB, in steps of eight."""
_DURATIONS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_LATENCIES_S = (1, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)


class Source(Protocol):
    """The daemon, as far as metrics need it; several threads call it."""

    @property
    def board(self) -> Board: ...  # noqa: D102 - what these do, the daemon says
    @property
    def journal(self) -> Journal: ...  # noqa: D102
    def sending(self) -> int: ...  # noqa: D102
    def scan_seconds(self) -> dict[str, float]: ...  # noqa: D102


class Metrics:
    """Tells metrics; usable from several threads.

    Args:
        daemon: What they are of.
    """

    def __init__(self, daemon: Source) -> None:
        self._daemon = daemon
        self._asking = threading.Lock()
        self._counted = daemon.journal.history.newest()
        """The last row of the history that is counted."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_Standing(daemon))
        self._outcomes = Counter(
            "aqsync_outcomes",
            "What became of files: uploaded, adopted, removed, failed, and more.",
            ["mapping", "outcome"],
            registry=self._registry,
        )
        self._bytes = Counter(
            "aqsync_uploaded_bytes",
            "Bytes of files that were uploaded.",
            ["mapping"],
            registry=self._registry,
        )
        self._sizes = self._histogram("size_bytes", "How large uploaded files were.", _SIZES)
        self._durations = self._histogram(
            "duration_seconds", "How long it took to send a file.", _DURATIONS_S
        )
        self._latencies = self._histogram(
            "latency_seconds", "From the last change of a file to its being sent.", _LATENCIES_S
        )

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them.

        Raises:
            JournalError: The journal cannot be read.
        """
        with self._asking:
            history = self._daemon.journal.history
            newest = history.newest()
            self._begin_at_zero()
            for event in history.each(after=self._counted, upto=newest):
                self._count(event)
            self._counted = newest
            return generate_latest(self._registry)

    def _begin_at_zero(self) -> None:
        """A series that only begins with its first event would hide that event from a rate."""
        for each in self._daemon.board.look(FRESH_S).mappings:
            name = each.mapping.name
            self._outcomes.labels(name, HistoryKind.UPLOADED.value)
            for metric in (self._bytes, self._sizes, self._durations, self._latencies):
                metric.labels(name)

    def _histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(
            f"aqsync_upload_{name}", text, ["mapping"], buckets=buckets, registry=self._registry
        )

    def _count(self, event: Event) -> None:
        if not event.mapping:
            return
        self._outcomes.labels(event.mapping, event.kind.value.replace(" ", "_")).inc()
        if event.kind is not HistoryKind.UPLOADED or event.size is None:
            return
        self._bytes.labels(event.mapping).inc(event.size)
        self._sizes.labels(event.mapping).observe(event.size)
        if event.took_ns is not None:
            self._durations.labels(event.mapping).observe(event.took_ns / SECOND_NS)
        if event.written_ns is not None:
            waited_ns = max(0, event.at_ns - event.written_ns)
            self._latencies.labels(event.mapping).observe(waited_ns / SECOND_NS)


class _Standing(Collector):
    """How everything stands now."""

    def __init__(self, daemon: Source) -> None:
        self._daemon = daemon

    def describe(self) -> Iterable[Metric]:
        return ()  # else all is found out once only to learn the names

    def collect(self) -> Iterator[Metric]:
        found = self._daemon.board.look(FRESH_S)
        yield InfoMetricFamily("aqsync_build", "The release.", {"version": __version__})
        yield _gauge("aqsync_server_up", "Whether the server can be used.", found.server is None)
        yield _gauge(
            "aqsync_uploads_under_way", "Files that are being sent.", self._daemon.sending()
        )
        yield _light(found)
        yield from _by_state(found)
        yield from _needing(found)
        yield from self._times(found)

    def _times(self, found: Overview) -> Iterator[Metric]:
        oldest = _by_mapping("aqsync_oldest_waiting_seconds", "Age of what has waited longest.")
        complete = _by_mapping(
            "aqsync_last_full_sync_timestamp_seconds", "When all of it was on the server last."
        )
        looked = _by_mapping(
            "aqsync_last_scan_timestamp_seconds", "When all of it was looked at last."
        )
        watched = _by_mapping("aqsync_watch_healthy", "Whether file events can be trusted.")
        paused = _by_mapping("aqsync_paused", "Whether a person has paused it.")
        for each in found.mappings:
            name, first = each.mapping.name, each.not_there.oldest
            age_ns = 0 if first is None else max(0, found.at_ns - first.since_ns)
            oldest.add_metric([name], age_ns / SECOND_NS)
            if each.complete_at_ns is not None:
                complete.add_metric([name], each.complete_at_ns / SECOND_NS)
            if each.scanned_at_ns is not None:
                looked.add_metric([name], each.scanned_at_ns / SECOND_NS)
            watched.add_metric([name], each.watch is None)
            paused.add_metric([name], bool({name, EVERYTHING} & found.pauses.keys()))
        scans = _by_mapping("aqsync_scan_duration_seconds", "How long the last whole look took.")
        for name, seconds in self._daemon.scan_seconds().items():
            scans.add_metric([name], seconds)
        yield from (oldest, complete, looked, watched, paused, scans)


def _by_state(found: Overview) -> Iterator[Metric]:
    files = GaugeMetricFamily("aqsync_files", "Files by state.", labels=["mapping", "state"])
    sizes = GaugeMetricFamily("aqsync_bytes", "The same in bytes.", labels=["mapping", "state"])
    for each in found.mappings:
        for state in State:
            labels = [each.mapping.name, state.name.lower()]
            files.add_metric(labels, each.files[state])
            sizes.add_metric(labels, each.bytes[state])
    yield from (files, sizes)


def _light(found: Overview) -> Metric:
    family = GaugeMetricFamily("aqsync_light", "How everything stands.", labels=["light"])
    for light in Light:
        family.add_metric([light.name.lower()], light is found.light)
    return family


def _needing(found: Overview) -> Iterator[Metric]:
    labels = ["mapping", "code"]
    files = GaugeMetricFamily(
        "aqsync_files_needing_person",
        "Files that go on only once a person has done something.",
        labels=labels,
    )
    actions = GaugeMetricFamily(
        "aqsync_actions_needing_person",
        "Actions on measurements that go on only once a person has done something.",
        labels=labels,
    )
    for each in found.mappings:
        for family, counts in (
            (files, _codes((group, group.files) for group in each.needs_you)),
            (actions, _codes((group, group.actions) for group in each.needs_you)),
        ):
            for code, number in counts.items():
                family.add_metric([each.mapping.name, code], number)
    yield from (files, actions)


def _codes(groups: Iterable[tuple[Group, int]]) -> Counts[str]:
    """How many there are of each reason's code."""
    found = Counts[str]()
    for group, number in groups:
        if number:
            found[group.first.why.reason.value] += number
    return found


def _by_mapping(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["mapping"])


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
