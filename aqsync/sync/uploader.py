"""One job in, one outcome out: sending a file, comparing it, removing its remote copy.

Only the uploader reads file content. The last bytes of a file leave this machine only after
its signature was found unchanged and the journal knows the digest: a torn version never
reaches the server, and a version whose answer got lost is recognised as ours later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from aqsync.aqueduct.records import UploadReceipt
from aqsync.aqueduct.server import Server
from aqsync.clock import Clock
from aqsync.errors import (
    FileChanged,
    FileVanished,
    HeaderDropped,
    Interrupted,
    LocalError,
    NameNotSendable,
    RemoteFileNotFound,
    ServerFailed,
    TransferRefused,
)
from aqsync.journal import Journal
from aqsync.local.disk import REAL_DISK, Disk
from aqsync.local.read_ahead import read_ahead
from aqsync.local.reader import GuardedFile, is_gone
from aqsync.local.scanner import root_identity
from aqsync.local.submounts import Submounts
from aqsync.model import (
    Adopted,
    Compare,
    Failed,
    FileRecord,
    FoundDifferent,
    FoundOurOwn,
    MovedOn,
    Outcome,
    Removed,
    RemoveRemote,
    Signature,
    Touched,
    Upload,
    Uploaded,
)
from aqsync.sync.rate import RateLimit

SMALL = 1 << 20
"""Bytes up to which a file is read whole before anything is sent; larger ones in such chunks."""

CLOCK_SLACK_S = 5.0
"""A server tells its time in whole seconds, and a busy one tells a time that is seconds old."""

Progress = Callable[[int], None]
"""Called with the number of bytes just sent or compared."""


def unwatched(_bytes: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Job:
    """One decided step of one file."""

    file: FileRecord
    step: Upload | Compare | RemoveRemote
    root: Path
    uuid: UUID
    progress: Progress = unwatched


class Uploader:
    """Does jobs; usable from several threads at once.

    Args:
        server: Where to.
        journal: Told before the last bytes of a file go out.
        clock: Measures transfers.
        aborted: Asked between chunks; true breaks every transfer off.
        rate: How fast what is sent and what is compared may go; None: as fast as it goes.
        disk: Where the files are.
    """

    def __init__(  # noqa: PLR0913 - the parts that it works with
        self,
        server: Server,
        journal: Journal,
        clock: Clock,
        aborted: Callable[[], bool] = lambda: False,
        rate: RateLimit | None = None,
        disk: Disk = REAL_DISK,
    ) -> None:
        self._server = server
        self._journal = journal
        self._clock = clock
        self._aborted = aborted
        self._rate = rate
        self._disk = disk
        self._pace = None if rate is None else partial(rate.paced, aborted=aborted)

    def do(self, job: Job) -> Outcome:
        """Do one job.

        Raises:
            RemoteError: The server or the experiment cannot be used: no fault of this file's.
            Interrupted: Aborted; nothing of it counts.
        """
        try:
            match job.step:
                case Upload():
                    return self._upload(job)
                case Compare():
                    return self._compare(job)
                case RemoveRemote():
                    return self._remove(job)
        except (FileChanged, FileVanished):
            return MovedOn()
        except HeaderDropped:
            raise
        except ServerFailed as exc:
            if exc.retry_after_s is not None:
                raise  # the server has too much to do, whatever file it is
            return Failed(exc.message, exc.hint, exc.permanent)
        except (LocalError, TransferRefused, NameNotSendable) as exc:
            return Failed(exc.message, exc.hint, exc.permanent)

    def _upload(self, job: Job) -> Outcome:
        file, local = job.file, _present(job.file)
        unchanged = self._content_if_unchanged(job, local)
        if unchanged is not None:
            return Touched(local, unchanged)
        digest = hashlib.sha256()
        began = self._clock.monotonic()
        with (
            GuardedFile(job.root, file.path, local, self._disk) as source,
            self._body(job, source, digest) as body,
        ):
            receipt = self._server.upload(job.uuid, file.remote_name, body, local.size, self._pace)
        took = self._clock.monotonic() - began
        return Uploaded(local, digest.digest(), _accepted_between(receipt, took))

    def _content_if_unchanged(self, job: Job, local: Signature) -> bytes | None:
        """The digest of a file that was only touched; None if it must be sent."""
        synced = job.file.synced
        if not (isinstance(job.step, Upload) and job.step.replaces) or synced is None:
            return None
        if synced.signature.size != local.size or job.file.may_replace is not None:
            return None
        with GuardedFile(job.root, job.file.path, local, self._disk) as source:
            digest, _ = self._digest(source.chunks())
        return digest if digest == synced.sha256 else None

    @contextmanager
    def _body(
        self, job: Job, source: GuardedFile, digest: hashlib._Hash
    ) -> Iterator[Iterable[bytes]]:
        """A small file's chunks all at once, a large one's while those before are being sent.

        On a slow line less is small, so that progress is told while it is made.
        """
        file = job.file
        small = SMALL if self._rate is None else self._rate.chunk(SMALL)
        if _present(file).size <= small:
            yield list(self._watched(self._content(file, source.chunks(), digest), job.progress))
            return
        with closing(read_ahead(self._content(file, source.chunks(small), digest))) as chunks:
            yield self._watched(chunks, job.progress)

    def _content(
        self, file: FileRecord, chunks: Iterable[bytes], digest: hashlib._Hash
    ) -> Iterator[bytes]:
        """Gives the last chunk out only when the digest of all is in the journal."""
        given = 0
        size = _present(file).size
        for chunk in chunks:
            digest.update(chunk)
            given += len(chunk)
            if given == size:
                self._remember(file, digest.digest())
            yield chunk
        if size == 0:
            self._remember(file, digest.digest())

    def _remember(self, file: FileRecord, sha256: bytes) -> None:
        if not self._journal.outcomes.about_to_send(file, sha256, _present(file).size):
            raise FileVanished(f"{file.path} was found to be gone while it was read")

    def _watched(self, chunks: Iterable[bytes], progress: Progress) -> Iterator[bytes]:
        for chunk in chunks:
            self._check_abort()
            progress(len(chunk))
            yield chunk

    def _compare(self, job: Job) -> Outcome:
        file, local = job.file, _present(job.file)
        listed = file.remote.modified_at
        assert listed is not None  # noqa: S101 - only a listed file is compared
        expected = {local.size}
        expected |= {file.synced.signature.size} if file.synced else set()
        expected |= {file.sent.size} if file.sent else set()
        try:
            with self._server.download(job.uuid, file.remote_name) as remote:
                if remote.length is not None and remote.length not in expected:
                    return FoundDifferent(listed)
                theirs, size = self._digest(self._received(remote.chunks()), job.progress)
        except RemoteFileNotFound as exc:
            return Failed(
                f"{file.remote_name} vanished from the server while it was compared",
                exc.hint,
                permanent=False,
            )
        with GuardedFile(job.root, file.path, local, self._disk) as source:
            ours, _ = self._digest(source.chunks())
        if ours == theirs:
            return Adopted(local, ours, listed)
        known = {file.synced.sha256 if file.synced else None}
        known.add(file.sent.sha256 if file.sent else None)
        if theirs in known:
            return FoundOurOwn(size, theirs, listed)
        return FoundDifferent(listed)

    def _remove(self, job: Job) -> Outcome:
        if not self._is_gone(job):
            return MovedOn()
        self._journal.outcomes.about_to_remove(job.file)
        self._server.remove_files(job.uuid, [job.file.remote_name])
        return Removed()

    def _is_gone(self, job: Job) -> bool:
        """Whether the file is still gone, on the very disks on which it was found to be."""
        mapping = self._journal.mappings.get(job.file.mapping)
        root = root_identity(job.root, self._disk)
        if mapping.root is None or not root.is_same(mapping.root):
            return False
        known = self._journal.mappings.mounts(mapping.id)
        mounts = Submounts(
            self._disk, job.root, root.device, known=known, accepts=lambda *_another: False
        )
        path = job.file.path
        mounts.met_at(path.rpartition("/")[0])
        return not mounts.hides(path) and is_gone(job.root, path, self._disk)

    def _digest(self, chunks: Iterable[bytes], progress: Progress = unwatched) -> tuple[bytes, int]:
        digest = hashlib.sha256()
        size = 0
        for chunk in chunks:
            self._check_abort()
            digest.update(chunk)
            size += len(chunk)
            progress(len(chunk))
        return digest.digest(), size

    def _received(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._rate is not None:
                self._rate.pay(len(chunk), self._aborted)
            yield chunk

    def _check_abort(self) -> None:
        if self._aborted():
            raise Interrupted("interrupted")


def _present(file: FileRecord) -> Signature:
    assert file.local is not None  # noqa: S101 - only a file that is here is sent or compared
    return file.local


def _accepted_between(receipt: UploadReceipt, took: float) -> tuple[float, float] | None:
    """Bounds of the file's time; servers date answers by a request's end or, uvicorn, its begin."""
    if receipt.server_date is None:
        return None
    date = receipt.server_date.timestamp()
    return date - took - CLOCK_SLACK_S, date + took + CLOCK_SLACK_S
