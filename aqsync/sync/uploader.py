"""Sends a file, compares it, or removes its remote copy: takes a job and returns its outcome.

The last bytes of a file leave this machine only after the signature was checked again and the
digest is in the journal. So a torn version never reaches the server, and a version whose answer
was lost is recognised as ours later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from itertools import chain

from aqsync.aqueduct.by_eid import named_by_eid
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.hashing import measured
from aqsync.clock import Clock
from aqsync.errors import (
    AqsyncError,
    FileChanged,
    FileRewritten,
    FileVanished,
    HeaderDropped,
    Interrupted,
    LocalError,
    NameNotSendable,
    RemoteChanged,
    ServerFailed,
    TransferRefused,
)
from aqsync.journal import Journal
from aqsync.local.content import Content, Held
from aqsync.local.growing_file import GrowingFile, find_beginning, whole_or_nothing
from aqsync.local.read_ahead import read_ahead
from aqsync.local.reader import CHUNK, GuardedFile, is_gone
from aqsync.local.roots import held_root
from aqsync.local.submounts import Submounts
from aqsync.local.unfinished import is_finished, still_written
from aqsync.model import (
    BeginningRead,
    BeingWritten,
    ChangedMeanwhile,
    Compare,
    Comparison,
    EntryKind,
    Failed,
    FileRecord,
    Finding,
    FoundDifferent,
    Outcome,
    Removed,
    RemoveRemote,
    Signature,
    SyncedVersion,
    Touched,
    Upload,
    Uploaded,
    explain_error,
)
from aqsync.sync.comparer import Comparer
from aqsync.sync.contents import Contents
from aqsync.sync.growing_rules import known_beginning
from aqsync.sync.jobs import Job, Progress
from aqsync.sync.rate import RateLimit
from aqsync.sync.remote_check import Outdated, RemoteCheck

WORTH_A_SYNC = 8 << 20
"""For a file of at least this many bytes, a sync of the journal takes little of the time."""
SMALL = 1 << 20
"""A file of up to this many bytes is read whole before it is sent, a larger one in chunks of this
size."""


class Uploader:
    """Does jobs; usable from several threads at once.

    Args:
        server: Where to.
        journal: Gets the digest before the last bytes of a file leave.
        clock: The time.
        check: Checks whether the server still holds what the decision assumed.
        contents: What is read.
        aborted: Asked between chunks; true breaks every transfer off.
        rate: Limits uploads and downloads; None: no limit.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        clock: Clock,
        check: RemoteCheck,
        contents: Contents,
        *,
        aborted: Callable[[], bool] = lambda: False,
        rate: RateLimit | None = None,
    ) -> None:
        self._server = server
        self._journal = journal
        self._clock = clock
        self._check = check
        self._aborted = aborted
        self._rate = rate
        self._contents = contents
        self._comparer = Comparer(server, journal, clock, check, aborted=aborted, rate=rate)
        self._pace = None if rate is None else partial(rate.paced, aborted=aborted)

    def do(self, job: Job) -> Outcome:
        """Do one job.

        Raises:
            RemoteError: The server or the experiment cannot be used; the file is not at fault.
            Interrupted: Aborted, or its errand was given up; the job has no outcome.
        """
        try:
            with named_by_eid({job.uuid: str(job.file.eid_shown)}):
                return self._take(job)
        except FileRewritten:
            # No look would show it, and by the comparison it would be begun again for ever.
            return FoundDifferent(str(job.file.remote.modified_at))
        except (FileChanged, FileVanished, Outdated):
            return ChangedMeanwhile()
        except (LocalError, TransferRefused, NameNotSendable, ServerFailed) as exc:
            if _concerns_all(exc):
                raise
            return _failed(job, exc)

    def _take(self, job: Job) -> Outcome:
        match job.step:
            case Upload(replaces=True) if (found := self._check.freed(job.file)) is not None:
                return found
            case Upload(provisional=True) if job.file.is_whole_or_nothing:
                return self._upload_finished(job)
            case Upload(provisional=True) if not job.file.is_database:
                return self._upload_beginning(job)
            case Upload():
                return self._upload(job)
            case Compare() if job.file.freed is not None and job.file.local is None:
                return self._comparer.compare_freed(job, None)
            case Compare() if job.step.while_growing or job.file.local is None:
                return self._comparer.recognise(job)
            case Compare():
                with self._contents.of(job, partial(self._goes_on, job)) as held:
                    if job.file.freed is not None and not job.file.is_as_sent:
                        return self._comparer.compare_freed(job, held)
                    return self._comparer.compare(job, held)
            case RemoveRemote():
                return self._remove(job)

    def _upload(self, job: Job) -> Outcome:
        assert isinstance(job.step, Upload)  # noqa: S101 - the caller has matched it
        with self._contents.of(job, partial(self._goes_on, job)) as held:
            if held.size < job.step.least:
                return BeginningRead(grows=True)  # only the snapshot tells how large it is
            return self._uploaded(job, job.step, held)

    def _uploaded(self, job: Job, step: Upload, held: Held) -> Outcome:
        synced = job.file.synced
        with held.open() as source:
            unfinished = still_written(source) if isinstance(source, GuardedFile) else None
            if unfinished is not None:
                found = BeingWritten(unfinished)
                if not step.unfinished:
                    return found
                # Noted first: if the answer is lost, the version found there has the mark too.
                self._journal.outcomes.record(job.file, found, self._clock.now_ns())
            if synced is None or not _may_be_unchanged(step, job.file, synced, held.size):
                return self._sent(job, held, source, unfinished)
            # Nothing of it is sent, yet each chunk shows that the job gets on.
            if measured(self._read(job, source.chunks(CHUNK)))[0] == synced.sha256:
                if step.provisional:
                    return BeginningRead(grows=True)
                signature = source.signature
                return Touched(signature, synced.sha256, held.unlike(signature))
        with held.open() as source:
            return self._sent(job, held, source, unfinished)

    def _upload_finished(self, job: Job) -> Outcome:
        """Send a file that keeps changing, if its own format says that it is finished now."""
        with (
            self._contents.of(job, partial(self._goes_on, job)) as held,
            held.open() as source,
        ):
            if isinstance(source, GuardedFile) and is_finished(source):
                return self._sent(job, held, source, None)
            return BeginningRead(grows=True)

    def _upload_beginning(self, job: Job) -> Outcome:
        """Send what makes sense by itself of a file that grows, if it begins as it did before."""
        assert isinstance(job.step, Upload)  # noqa: S101 - the caller has matched it
        file, local = job.file, _present(job.file)
        known = known_beginning(file)
        try:
            with GrowingFile(job.root, file.path, local, self._contents.disk) as source:
                chunks = source.all()
                first = next(chunks, b"")
                if (found_format := whole_or_nothing(first)) or not file.growth.only:
                    return BeginningRead(file.growth.only, format=found_format)
                found = find_beginning(self._read(job, chain([first], chunks)), known)
                sent = 0 if file.synced is None else file.synced.size
                # It may have too few bytes though the file has enough: its last line is not whole.
                least = max(sent + 1, job.step.least)
                if known is None or found is None or found.size < least:
                    return BeginningRead(grows=True, beginning=found)
                source.give_out(found)
                content: Content = source
                held = Held(lambda: nullcontext(content), source.size)
                return self._sent(job, held, source, None)
        except FileRewritten:
            return BeginningRead(grows=False)

    def _sent(self, job: Job, held: Held, source: Content, unfinished: str | None) -> Outcome:
        """Send it.

        Args:
            job: For which it is sent.
            held: What is sent.
            source: The same, opened.
            unfinished: The name of its format, if that says that its writer has not closed it.
        """
        assert isinstance(job.step, Upload)  # noqa: S101 - the caller has matched it
        file, step = job.file, job.step
        digest, expected = hashlib.sha256(), self._check.expected(file)
        with self._body(job, source, digest) as body:
            began = self._clock.monotonic()
            try:
                receipt = self._server.upload(
                    job.uuid, file.remote_name, body, source.size, self._pace, expected=expected
                )
            except RemoteChanged as exc:
                return self._check.refused(job, exc, began)
            except TransferRefused as exc:
                if _concerns_all(exc):
                    raise
                return replace(_failed(job, exc), sent_bytes=held.unlike(_present(file)))
        took_s = self._clock.monotonic() - began
        self._check.answered(expected=expected, checked=receipt.condition_checked)
        between = self._check.stored_between(receipt, began)
        signature = Signature.unknown(source.size) if step.provisional else source.signature
        return Uploaded(
            signature,
            digest.digest(),
            between,
            receipt.modified_at,
            step.again,
            unfinished,
            held.unlike(signature),
            held.damage,
            step.provisional,
            0 if step.rested else step.spent + source.size,
            _modified_ns(file, held) if step.provisional else held.modified_ns,
            took_s,
        )

    @contextmanager
    def _body(self, job: Job, source: Content, digest: hashlib._Hash) -> Iterator[Iterable[bytes]]:
        """The chunks: a small file's all at once, a large one's each read while another is sent.

        With a low rate fewer bytes count as small, so that progress shows.
        """
        small = SMALL if self._rate is None else self._rate.chunk(SMALL)
        if source.size <= small:
            content = self._content(job, source, CHUNK, digest)
            yield list(self._watched(content, job.progress))
            return
        # This avoids sending much for nothing. It is checked again before the last bytes.
        self._check.confirm(job)
        self._check.still_as_decided(job)
        content = self._content(job, source, small, digest)
        with closing(read_ahead(content)) as chunks:
            yield self._watched(chunks, job.progress)

    def _content(
        self, job: Job, source: Content, chunk_size: int, digest: hashlib._Hash
    ) -> Iterator[bytes]:
        """Pass chunks on; the last one only once the digest of all is in the journal.

        Raises:
            FileRewritten: The file no longer begins with the version that it may replace.
        """
        file, given = job.file, 0
        beginning = _must_begin_with(file)
        for chunk in source.chunks(chunk_size):
            if beginning is not None and given < beginning.size <= given + len(chunk):
                start = digest.copy()
                start.update(chunk[: beginning.size - given])
                if start.digest() != beginning.sha256:
                    raise FileRewritten(f"{file.path} no longer begins with what the server has")
            digest.update(chunk)
            given += len(chunk)
            if given == source.size:
                self._remember(job, digest.digest(), given)
            yield chunk
        if source.size == 0:
            self._remember(job, digest.digest(), 0)

    def _remember(self, job: Job, sha256: bytes, size: int) -> None:
        """Check the server once more, then note the digest; after that the last bytes may leave."""
        self._check.confirm(job)
        replaces = isinstance(job.step, Upload) and job.step.replaces
        if replaces and self._check.freed(job.file) is not None:
            raise Outdated  # meanwhile; the next job finds it at once
        if not job.is_ready():
            raise Outdated
        provisional = isinstance(job.step, Upload) and job.step.provisional
        if not self._journal.outcomes.about_to_send(
            job.file, sha256, size, provisional=provisional
        ):
            raise Outdated
        # For a small file a sync would take as long as the upload.
        self._journal.make_durable(at_once=size >= WORTH_A_SYNC)

    def _watched(self, chunks: Iterable[bytes], progress: Progress) -> Iterator[bytes]:
        for chunk in chunks:
            self._check_abort()
            progress(len(chunk))
            yield chunk

    def _remove(self, job: Job) -> Outcome:
        if not self._is_gone(job):
            return ChangedMeanwhile()
        self._check.confirm(job)
        if (found := self._check.freed(job.file)) is not None:
            return found
        if not self._journal.outcomes.about_to_remove(job.file):
            return ChangedMeanwhile()
        expected, began = self._check.expected(job.file), self._clock.monotonic()
        try:
            receipt = self._server.remove_files(job.uuid, [job.file.remote_name], expected=expected)
        except RemoteChanged as exc:
            return self._check.refused(job, exc, began)
        self._check.answered(expected=expected, checked=receipt.condition_checked)
        return Removed()

    def _is_gone(self, job: Job) -> bool:
        """Whether the file is still gone, with the same root and disks as in the scan.

        A part of a database may be here: a person asked for the removal of its copy.
        """
        mapping = self._journal.mappings.get(job.file.mapping)
        known = self._journal.mappings.mounts(mapping.id)
        path = job.file.path
        with held_root(job.root, self._contents.disk) as (disk, root):
            if mapping.root is None or not root.is_same(mapping.root):
                return False
            mounts = Submounts(
                disk, job.root, root.device, known=known, accepts=lambda *_another: False
            )
            mounts.met_at(path.rpartition("/")[0])
            if mounts.hides(path):
                return False
            is_part = job.file.kind is EntryKind.DATABASE_PART
            return is_part or is_gone(job.root, path, disk)

    def _read(self, job: Job, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass on chunks that are not sent; each shows that the job gets on."""
        for chunk in chunks:
            self._goes_on(job)
            yield chunk

    def _goes_on(self, job: Job) -> None:
        """Show that a job gets on that sends nothing now.

        Raises:
            Interrupted: It is to be broken off.
        """
        self._check_abort()
        job.progress(0)

    def _check_abort(self) -> None:
        if self._aborted():
            raise Interrupted("interrupted")


def _concerns_all(exc: AqsyncError) -> bool:
    """Whether an error is of the server or the network, and would hit any other file too."""
    asked_for_a_pause = isinstance(exc, ServerFailed) and exc.retry_after_s is not None
    return isinstance(exc, HeaderDropped) or asked_for_a_pause


def _failed(job: Job, exc: AqsyncError) -> Failed:
    outcome = Failed(explain_error(exc), exc.permanent)
    if not (isinstance(exc, TransferRefused) and isinstance(job.step, Upload)):
        return outcome
    too_large = exc.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return replace(outcome, too_large=too_large, limit_bytes=exc.limit_bytes)


def _present(file: FileRecord) -> Signature:
    assert file.local is not None  # noqa: S101 - only a file that is here is sent or compared
    return file.local


def _modified_ns(file: FileRecord, held: Held) -> int:
    """When what is sent of a file that keeps changing was last modified."""
    return _present(file).mtime_ns if held.modified_ns is None else held.modified_ns


def _may_be_unchanged(step: Upload, file: FileRecord, synced: SyncedVersion, size: int) -> bool:
    """Whether a content of this size may be what stands on the server, so that it is not sent."""
    if not step.replaces or file.may_replace is not None or not _stands_there(file, synced):
        return False
    return synced.signature != file.local and synced.size == size


def _must_begin_with(file: FileRecord) -> Comparison | None:
    """The remote version, if it may be replaced only because this file begins with it."""
    compared = file.comparison
    if compared is None or compared.finding is not Finding.BEGINNING:
        return None
    listed = file.remote.modified_at
    return compared if compared.modified_at == listed != file.may_replace else None


def _stands_there(file: FileRecord, synced: SyncedVersion) -> bool:
    """Whether the server holds the synced version, by the newest list."""
    if file.remote.listed_sequence <= synced.sequence:
        return True
    return file.remote.modified_at is not None and file.remote.modified_at == synced.modified_at
