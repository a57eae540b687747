"""Checks, as late as possible, that the server still holds what a decision was made by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import Expected, RemoteProbe, UploadReceipt
from aqsync.clock import Clock
from aqsync.errors import LocalError, RemoteChanged
from aqsync.journal import Journal
from aqsync.log import Log
from aqsync.model import SECOND_NS, ChangedMeanwhile, FileRecord, FoundFreed, Freed, Signature
from aqsync.sync.jobs import Job
from aqsync.sync.known_manifests import KnownManifests
from aqsync.sync.lists import Lists
from aqsync.sync.server_clock import ServerClock

SHORTEST_WINDOW_S = 2.0
WINDOW_IN_LISTS = 20.0
"""What others store is noticed if they store it at least this long before our upload: seconds, or a
multiple of the time that the experiment's list takes, whichever is longer. Half of it is kept for
sending the bytes that follow the check."""
DEAR_S = 0.1
"""If a list takes longer than this, the server is asked about the single name instead ..."""
SPARE_SHARE = 0.1
"""... as long as that takes at most this share of the time. Most uploads come one by one: then even
what others stored a moment before is noticed, and no upload waits for a list."""
MOST_SPARE_S = 0.25
"""How much time for single names is saved up at most, for uploads that come together."""
MOST_DEBT_S = 1.0
"""A single name counts for at most this, however long it took, so that the debt is soon paid."""
ALONE_S = 60.0
"""How old the list of an experiment may be, before a file is replaced in it, if nobody else was
known to send to it: who begins to, and frees what is there already, takes longer."""
COARSE_S = 2.0
"""The file systems of some servers keep times in steps of this many seconds."""

log = Log(__name__)


class Outdated(Exception):
    """The server no longer holds what the decision was made by."""


class RemoteCheck:
    """Checks for the workers that nobody else has changed what they are about to change.

    A server that checks conditions itself is not asked. For others, the list must be young enough,
    or the server is asked about the single name, whichever is cheaper. Usable from several
    threads.

    Attributes:
        manifests: What the manifests in the experiments say.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        lists: Lists,
        manifests: KnownManifests,
        clock: Clock,
    ) -> None:
        self.manifests = manifests
        self._server = server
        self._journal = journal
        self._lists = lists
        self._clock = clock
        self._server_clock = ServerClock(clock)
        self._guard = threading.Lock()
        self._spare_s = MOST_SPARE_S
        """Seconds left for single names, as of `_spare_at`."""
        self._spare_at = clock.monotonic()
        self._checks = False
        """Whether the server checked the condition of the last request that had one."""

    def expected(self, file: FileRecord) -> Expected | None:
        """The condition of a request: what must stand under the name; None: unknown."""
        synced = file.synced
        if synced is None or file.remote.listed_sequence > synced.sequence:
            return Expected(file.remote.modified_at)
        return None if synced.modified_at is None else Expected(synced.modified_at)

    def answered(self, *, expected: Expected | None, checked: bool) -> None:
        """A request has succeeded.

        Args:
            expected: Its condition.
            checked: Whether the server says that it checked the condition.
        """
        if expected is None or checked == self._checks:
            return
        self._checks = checked
        if not checked:
            log.warning(
                "the server no longer checks the condition of an upload; it is asked instead",
                hint="does a proxy on the way remove the header `Aqueduct-Expect`?",
            )

    def stored_between(self, receipt: UploadReceipt, began: float) -> tuple[float, float] | None:
        """Between which times, by its own clock, the server stored an upload that has just ended.

        Args:
            receipt: Its answer.
            began: When its request began, by the monotonic clock.

        Returns:
            Seconds since 1970; None: unknown.
        """
        if receipt.server_date is not None:
            self._server_clock.heard(receipt.server_date.timestamp(), began)
        earliest = self._server_clock.earliest(began)
        latest = self._server_clock.latest(self._clock.monotonic())
        return None if earliest is None or latest is None else (earliest - COARSE_S, latest)

    def confirm(self, job: Job) -> None:
        """Ask the server if necessary; afterwards the journal knows what it holds.

        Raises:
            Outdated: The server holds something other than the decision assumed.
            RemoteError: The server cannot be asked.
        """
        file = job.file
        expected = self.expected(file)
        eid = str(file.eid)
        took = self._lists.took(eid)
        if expected is None:
            if took > DEAR_S and self._finds_our_upload(job):
                return
            self._learn_time(file)
        if self._checks:
            return
        longest = self._longest_s(eid)
        age = self._lists.age(eid)
        probes = took > DEAR_S and self._tells_apart(file, expected)
        if probes and age > SHORTEST_WINDOW_S / 4 and self._has_time_to_spare():
            self._probe(job, expected)
            return
        if age <= longest / 2:
            return
        # One thread renews a list before it is too old; others wait only once it is too old.
        self._fetch(eid, lambda: self._lists.age(eid) <= longest / 2, wait=age > longest)

    def freed(self, file: FileRecord) -> FoundFreed | None:
        """What must not be replaced or removed, as a manifest says that the file was freed.

        The journal may be an old one, or the file may have been freed on another PC: in a folder
        that both see, just before it was found gone, or replaced, here; or in a folder of its own
        at any moment. So the manifests count that are there now.

        Args:
            file: Which; one that the journal knows as freed is replaced only by a person's wish.

        Raises:
            Outdated: The server does not show the experiment any more.
            RemoteError: The server cannot be asked.
            LocalError: The disk for temporary files has no room; or the file that was sent is gone,
                and a manifest cannot be read that may say that it was freed.
        """
        if file.freed is not None:
            return None
        if _is_another_file(file):
            since_ns = file.since_ns if file.local is None else _came_ns(file, file.local)
            since_s = max(self._clock.now_ns() - since_ns, 0) / SECOND_NS
            seen = self._clock.monotonic() - since_s
            self._fetch(str(file.eid), lambda: self._lists.asked_at(str(file.eid)) >= seen)
        self._see_others(str(file.eid))
        line = self.manifests.freed(str(file.eid), file.remote_name)
        if line is None:
            if file.synced is None or (_is_another_file(file) and not _is_provisional(file)):
                self._require_readable(file)
            return None
        now_ns = self._clock.now_ns()
        return FoundFreed(Freed(now_ns, line.sha256, line.size, line.modified_at))

    def _see_others(self, eid: str) -> None:
        """See what others free in folders of their own, where they have sent the same file.

        Raises:
            Outdated: The server does not show the experiment any more.
        """
        longest = self._longest_s(eid) / 2
        if not self._journal.manifests.listed(eid).keys() - {self._journal.manifests.name(eid)}:
            longest = max(ALONE_S, longest)
        self._fetch(eid, lambda: self._lists.age(eid) <= longest)

    def _longest_s(self, eid: str) -> float:
        """How old a list may be before a file is replaced by it."""
        return max(SHORTEST_WINDOW_S, WINDOW_IN_LISTS * self._lists.took(eid)) / 2

    def _require_readable(self, file: FileRecord) -> None:
        """Nothing is removed or replaced while a manifest that might forbid it cannot be read.

        A file that goes on where it was has not been freed.
        """
        eid, verb = str(file.eid), "removed" if file.local is None else "replaced"
        own = self._journal.manifests.own(eid)
        for manifest in self.manifests.manifests(eid, but=own):
            if manifest.problem:
                raise LocalError(
                    f"not {verb} on the server: the manifest {manifest.name} there cannot be read"
                    f" ({manifest.problem}), and it may say that the file was freed",
                    hint="if it is no manifest of aqsync, remove it from the experiment",
                )

    def _fetch(self, eid: str, enough: Callable[[], bool], *, wait: bool = True) -> None:
        """Get a list that is good enough.

        Raises:
            Outdated: The server does not show it any more.
        """
        if not self._lists.share(eid, enough, wait=wait):
            raise Outdated

    def still_as_decided(self, job: Job) -> None:
        """Compare the newest list with what the decision assumed.

        Raises:
            Outdated: They differ.
        """
        now = self._journal.observations.records([job.file.id])
        if not now or now[0].remote.modified_at != job.file.remote.modified_at:
            raise Outdated

    def refused(self, job: Job, exc: RemoteChanged, asked: float) -> ChangedMeanwhile:
        """The server refused a request, as it holds something other than was expected.

        Args:
            job: Which.
            exc: What it said.
            asked: When the request began.

        Returns:
            An outcome by which the file is decided on again, by a newer list.

        Raises:
            RemoteChanged: The newer list contradicts the refusal.
        """
        try:
            self.renew(job, asked)
        except Outdated:
            return ChangedMeanwhile()
        raise exc

    def renew(self, job: Job, asked: float) -> None:
        """Get a newer list, since an answer did not fit the newest one.

        Args:
            job: The job that was decided by the list.
            asked: When the request began whose answer did not fit.

        Raises:
            Outdated: The server holds something other than the decision assumed.
        """
        eid = str(job.file.eid)
        self._fetch(eid, lambda: self._lists.asked_at(eid) > asked)
        self.still_as_decided(job)

    def _finds_our_upload(self, job: Job) -> bool:
        """Whether our last upload still stands under the name, as far as shows without a list.

        A list would show no more: that the time is within the bounds of the upload. Without this
        check, each upload of a growing file would fetch the list.
        """
        bounds, synced = self._journal.outcomes.time_of_upload(job.file), job.file.synced
        if bounds is None or synced is None:
            return False
        found = self._server.probe_file(job.uuid, job.file.remote_name)
        if found is None or found.size != synced.size or found.modified_second is None:
            return False
        if bounds.replaced is not None and found.modified_second == _second(bounds.replaced):
            return False
        return bounds.not_before <= found.modified_second <= bounds.not_after - 1

    def _learn_time(self, file: FileRecord) -> None:
        """Fetch the list that shows the time of our last upload; the file is decided on again."""
        assert file.synced is not None  # noqa: S101 - else there was no upload
        sequence = file.synced.sequence

        def is_listed() -> bool:
            [now] = self._journal.observations.records([file.id]) or [file]
            return now.remote.listed_sequence > sequence

        self._fetch(str(file.eid), is_listed)
        raise Outdated

    def _has_time_to_spare(self) -> bool:
        now = self._clock.monotonic()
        with self._guard:
            saved = self._spare_s + SPARE_SHARE * (now - self._spare_at)
            self._spare_s, self._spare_at = min(saved, MOST_SPARE_S), now
            return self._spare_s > 0

    def _tells_apart(self, file: FileRecord, expected: Expected | None) -> bool:
        """Whether the answer about the single name would be precise enough.

        The head of a download has the time in whole seconds. So it tells the expected version
        only from versions of other seconds. Everything that was stored after the list is one, if
        the list was requested in a later second than that of the expected version.
        """
        if expected is None or expected.modified_at is None:
            return True
        second = _second(expected.modified_at)
        asked = self._server_clock.earliest(self._lists.asked_at(str(file.eid)))
        return second is not None and asked is not None and asked >= second + 1

    def _probe(self, job: Job, expected: Expected | None) -> None:
        began = self._clock.monotonic()
        found = self._server.probe_file(job.uuid, job.file.remote_name)
        eid = str(job.file.eid)
        took = self._clock.monotonic() - began
        with self._guard:
            self._spare_s = max(self._spare_s - took, -MOST_DEBT_S)
        if not _fits(found, expected, _size(job.file)):
            self._fetch(eid, lambda: self._lists.asked_at(eid) > began)


def _is_another_file(file: FileRecord) -> bool:
    """Whether the file that was sent is gone: it may have been freed, and a new one be here."""
    local, synced = file.local, file.synced
    if local is None or synced is None:
        return local is None
    # One that has changed where it stood is known as changing; else it was seen to be gone, and the
    # new one may have got its inode.
    came_back = file.changing_since_ns is None and not file.is_as_sent
    return came_back or synced.signature.inode != local.inode


def _is_provisional(file: FileRecord) -> bool:
    """Whether the copy is a part of a file that goes on here: such a copy is never freed."""
    synced = file.synced
    return (
        file.local is not None
        and synced is not None
        and synced.provisional
        and (synced.modified_at in {None, file.remote.modified_at})
    )


def _came_ns(file: FileRecord, local: Signature) -> int:
    """When it came to its place, at the latest: a file that was moved there keeps its mtime."""
    return max(file.since_ns, local.ctime_ns)


def was_listed(second: int | None, listed: str) -> bool:
    """Whether a file stored in this second can be the one that is listed with this time."""
    return second is None or second == _second(listed)


def _fits(found: RemoteProbe | None, expected: Expected | None, size: int | None) -> bool:
    """Whether the file found under a name is the expected version."""
    if found is None or expected is None or expected.modified_at is None:
        return found is None and (expected is None or expected.modified_at is None)
    return found.modified_second == _second(expected.modified_at) and (
        size is None or found.size == size
    )


def _size(file: FileRecord) -> int | None:
    """The size of the listed version, in bytes; None: unknown."""
    listed = file.remote.modified_at
    if file.synced is not None and file.synced.modified_at == listed:
        return file.synced.size
    if file.comparison is not None and file.comparison.modified_at == listed:
        return file.comparison.size or None
    return None


def _second(modified_at: str) -> int | None:
    try:
        return int(datetime.fromisoformat(modified_at).timestamp())
    except (ValueError, OverflowError):
        return None
