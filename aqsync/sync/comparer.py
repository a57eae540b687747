"""Compares a file with the server's version byte by byte, without trusting sizes or times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.download import Download
from aqsync.aqueduct.hashing import measured
from aqsync.clock import Clock
from aqsync.errors import Interrupted, RemoteFileNotFound
from aqsync.journal import Journal
from aqsync.local.content import Content, Held
from aqsync.local.read_ahead import read_ahead
from aqsync.local.reader import CHUNK, GuardedFile
from aqsync.local.unfinished import still_written
from aqsync.model import (
    Adopted,
    BeginningRead,
    Failed,
    Finding,
    FoundDifferent,
    FoundFreed,
    FoundOurOwn,
    Freed,
    Outcome,
    Reason,
)
from aqsync.sync.jobs import Job
from aqsync.sync.rate import RateLimit, received
from aqsync.sync.remote_check import RemoteCheck, was_listed

_MOST_HASHED = 4 * 1024**3
"""Bytes. A server that has to read a larger file first would pass for one that does not answer."""


class Comparer:
    """Does jobs that compare; usable from several threads at once.

    Args:
        server: Where the other version is.
        journal: Knows which versions were sent from here.
        clock: The time.
        check: Fetches a newer list if the server's version does not fit the known one.
        aborted: Asked between chunks; true breaks the comparison off.
        rate: Limits the download; None: no limit.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        clock: Clock,
        check: RemoteCheck,
        *,
        aborted: Callable[[], bool],
        rate: RateLimit | None,
    ) -> None:
        self._server = server
        self._journal = journal
        self._clock = clock
        self._check = check
        self._aborted = aborted
        self._rate = rate

    def compare(self, job: Job, held: Held) -> Outcome:
        """Read both versions side by side until the result is known.

        A remote version that cannot be ours by its size is not read at all, nor is one whose
        SHA-256 the server tells. The local file is read guarded, so the result holds for exactly
        this version of it.

        Raises:
            FileChanged: The local file is no longer the version that was decided on.
            FileVanished: It is gone.
            Outdated: The server holds a version that was not listed.
            RemoteError: The server cannot be asked.
        """
        listed = job.file.remote.modified_at
        assert listed is not None  # noqa: S101 - only a listed file is compared
        if (claimed := self._claimed(job, held)) is not None:
            return claimed
        size = held.size
        known = self._journal.versions.of(str(job.file.eid), job.file.remote_name)
        try:
            with self._remote(job, digest=size <= _MOST_HASHED) as remote:
                if remote.length is not None and not _tells(remote.length, size, known):
                    return FoundDifferent(listed)
                with held.open() as source:
                    unfinished = _unfinished(source)
                    if remote.sha256 is not None and remote.length is not None:
                        remote.leave()
                        version = remote.sha256, remote.length
                        found = self._by_digest(job, version, source, known)
                    else:
                        # On a thread of its own: the server must not wait for a disk that hangs.
                        with closing(read_ahead(source.chunks(CHUNK))) as ours:
                            found = self._side_by_side(job, remote, ours, source, known)
                    if not isinstance(found, Adopted):
                        return found
                    ns = held.modified_ns
                    return replace(found, damage=held.damage, content_ns=ns, unfinished=unfinished)
        except RemoteFileNotFound as exc:
            return _vanished(job, exc)

    def _claimed(self, job: Job, held: Held) -> Adopted | None:
        """If a manifest says that the listed version has our content: believed, and not read."""
        file, local, listed = job.file, job.file.local, str(job.file.remote.modified_at)
        line = self._check.manifests.line(str(file.eid), file.remote_name, listed)
        if line is None or line.size != held.size or local is None:
            return None
        with held.open() as source:
            unfinished = _unfinished(source)
            digest, _ = measured(self._read(job, source))
        if digest != line.sha256:
            return None
        unlike = held.unlike(local)
        content = (line.sha256, listed, unlike, held.damage, held.modified_ns)
        return Adopted(local, *content, claimed=True, unfinished=unfinished)

    def recognise(self, job: Job) -> Outcome:
        """Whether the remote version is the last one that was known or sent; nothing is read here.

        Raises:
            Outdated: The server holds a version that was not listed.
            RemoteError: The server cannot be asked.
        """
        file = job.file
        ours = {v.sha256: v.size for v in (file.synced, file.sent) if v is not None}
        most = max(ours.values(), default=0)
        try:
            with self._remote(job, digest=most <= _MOST_HASHED) as remote:
                may_be = remote.length is None or remote.length in ours.values()
                sha256, size = self._measured(job, remote, most) if may_be else (b"", 0)
        except RemoteFileNotFound as exc:
            return _vanished(job, exc)
        if ours.get(sha256) == size and (size or file.local is None):
            return FoundOurOwn(size, sha256, str(file.remote.modified_at))
        if file.local is None:
            return FoundDifferent(str(file.remote.modified_at))
        return BeginningRead(grows=True)

    def compare_freed(self, job: Job, held: Held | None) -> Outcome:
        """Whether the copy of a file that was freed still stands there, and equals what is here.

        It is downloaded only if it is listed with another time than before.

        Args:
            job: Which.
            held: The file that is here now; None: there is none.

        Raises:
            FileChanged, FileVanished: The file is no longer the version that was decided on.
            Outdated: The server holds a version that was not listed.
            RemoteError: The server cannot be asked.
        """
        freed, listed, local = job.file.freed, str(job.file.remote.modified_at), job.file.local
        assert freed is not None  # noqa: S101 - the caller has checked it
        if listed != freed.modified_at:
            try:
                same = self._stands_anew(job, freed)
            except RemoteFileNotFound as exc:
                return _vanished(job, exc)
            return (
                FoundFreed(freed._replace(modified_at=listed)) if same else FoundDifferent(listed)
            )
        if held is None or local is None or held.size != freed.size:
            return FoundDifferent(listed)
        with held.open() as source:
            digest, _ = measured(self._read(job, source))
        if digest != freed.sha256:
            return FoundDifferent(listed)
        return Adopted(local, freed.sha256, listed, held.unlike(local))

    def _stands_anew(self, job: Job, freed: Freed) -> bool:
        with self._remote(job, digest=freed.size <= _MOST_HASHED) as remote:
            if remote.length not in {None, freed.size}:
                return False
            return self._measured(job, remote, freed.size) == (freed.sha256, freed.size)

    def _measured(self, job: Job, remote: Download, most: int) -> tuple[bytes, int]:
        """SHA-256 and size of the remote version: as the server tells them, else by its bytes."""
        if remote.sha256 is not None and remote.length is not None:
            remote.leave()
            return remote.sha256, remote.length
        return measured(self._received(job, remote.chunks()), most)

    @contextmanager
    def _remote(self, job: Job, *, digest: bool) -> Iterator[Download]:
        """The remote version, which is the listed one."""
        began = self._clock.monotonic()
        with self._server.download(job.uuid, job.file.remote_name, digest=digest) as remote:
            if not was_listed(remote.modified_second, str(job.file.remote.modified_at)):
                self._check.renew(job, began)
            yield remote

    def _side_by_side(
        self,
        job: Job,
        remote: Download,
        ours: Iterator[bytes],
        source: Content,
        known: dict[bytes, int],
    ) -> Outcome:
        listed = str(job.file.remote.modified_at)
        here, length = source.size, remote.length
        # Past versions of another size than the server told cannot be equal.
        past = {other for other in known.values() if length in {None, other}}
        most = max(here, *past, 0)
        theirs, size, same = hashlib.sha256(), 0, True
        pieces = _Pieces(ours)
        for chunk in self._received(job, remote.chunks()):
            theirs.update(chunk)
            size += len(chunk)
            same = same and pieces.take(len(chunk)) == chunk
            if size > most or not (same or any(size <= other for other in past)):
                return FoundDifferent(listed)
        if same:
            pieces.drain()  # the last chunk comes only if the file is still this version
        digest = theirs.digest()
        file = job.file
        if same and size == here:
            signature = source.signature
            return Adopted(signature, digest, listed, None if here == signature.size else here)
        just_sent = {v.sha256 for v in (file.synced, file.sent) if v is not None}
        if digest in just_sent:
            return FoundOurOwn(size, digest, listed)
        if digest in known:
            return FoundDifferent(listed, Finding.OLDER, size, digest)
        if same and size > 0:
            return FoundDifferent(listed, Finding.BEGINNING, size, digest)
        return FoundDifferent(listed)

    def _by_digest(
        self, job: Job, theirs: tuple[bytes, int], source: Content, known: dict[bytes, int]
    ) -> Outcome:
        """What `_side_by_side` would find, by what is here and the SHA-256 of the remote version.

        Args:
            job: Which.
            theirs: SHA-256 and size of the remote version.
            source: What is here.
            known: The versions that were sent from here.
        """
        listed = str(job.file.remote.modified_at)
        digest, size = theirs
        here, same = source.size, False
        if size <= here:
            same = _digest_of_first(size, self._read(job, source)) == digest
        if same and size == here:
            signature = source.signature
            return Adopted(signature, digest, listed, None if here == signature.size else here)
        if digest in {v.sha256 for v in (job.file.synced, job.file.sent) if v is not None}:
            return FoundOurOwn(size, digest, listed)
        if digest in known:
            return FoundDifferent(listed, Finding.OLDER, size, digest)
        if same and size > 0:
            return FoundDifferent(listed, Finding.BEGINNING, size, digest)
        return FoundDifferent(listed)

    def _received(self, job: Job, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in received(chunks, self._rate, self._aborted):
            job.progress(len(chunk))
            yield chunk

    def _read(self, job: Job, source: Content) -> Iterator[bytes]:
        """What is here, of which nothing is sent; each chunk shows that the job gets on."""
        for chunk in source.chunks(CHUNK):
            if self._aborted():
                raise Interrupted("interrupted")
            job.progress(0)
            yield chunk


def _unfinished(source: Content) -> str | None:
    """The name of a file's format, if that says that its writer has not closed it."""
    return still_written(source) if isinstance(source, GuardedFile) else None


def _vanished(job: Job, exc: RemoteFileNotFound) -> Failed:
    why = Reason.REMOTE_FILE_VANISHED.explain(name=job.file.remote_name, advice=exc.hint)
    return Failed(why, permanent=False)


def _tells(length: int, here: int, known: dict[bytes, int]) -> bool:
    """Whether a remote version of this size can be equal, ours, or the beginning of the file."""
    return 0 < length <= here or length == here or length in known.values()


def _digest_of_first(size: int, chunks: Iterator[bytes]) -> bytes:
    """SHA-256 of so many bytes; the other chunks are taken too, as the last one checks the file."""
    digest, left = hashlib.sha256(), size
    for chunk in chunks:
        digest.update(memoryview(chunk)[:left])
        left -= min(left, len(chunk))
    return digest.digest()


class _Pieces:
    """Takes any number of bytes at a time out of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def take(self, size: int) -> bytes:
        """The next bytes, fewer than `size` only at the end."""
        parts: list[bytes | memoryview] = []
        while size > 0:
            if not self._left:
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                self._left = memoryview(chunk)
            part, self._left = self._left[:size], self._left[size:]
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def drain(self) -> None:
        """Take all that is left."""
        for _ in self._chunks:
            pass
