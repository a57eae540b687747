"""What the journal should know of files and lists, in plain dictionaries.

Written from what its methods promise, not from its SQL: a test lets both live through the
same life. It is also the memory of a world in which decisions are carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aqsync.journal.observations import ONE_CHANGE_NS, Observed, Retargeted
from aqsync.journal.outcomes import MAY_ARRIVE_NS
from aqsync.model import (
    RESENDS_WITHIN_NS,
    Adopted,
    BeginningRead,
    BeingWritten,
    Comparison,
    EntryKind,
    Failed,
    Failure,
    FileRecord,
    FoundDifferent,
    FoundOurOwn,
    Growth,
    Outcome,
    Problem,
    RemoteView,
    Removed,
    Resends,
    SentVersion,
    Signature,
    SyncedVersion,
    Touched,
    Unfinished,
    Uploaded,
)

Place = tuple[str, str]
"""A mapping and a path."""
Bounds = tuple[float, float] | None


@dataclass
class Experiment:
    """One experiment as last seen."""

    uuid: str | None = None
    listed_sequence: int = 0
    listed_at_ns: int | None = None
    problem: Problem | None = None
    files: dict[str, str] = field(default_factory=dict)


@dataclass
class Known:
    """A file, and between which times its last upload was accepted."""

    file: FileRecord
    bounds: Bounds = None
    replaced: str | None = None
    """The time that was listed when it began."""
    unanswered_ns: int | None = None
    """When an upload without an answer was last made up for: it may still arrive."""

    def may_arrive(self, now_ns: int) -> bool:
        """Whether an upload without an answer may have a time within another one's bounds."""
        at_ns = self.unanswered_ns
        return at_ns is not None and 0 <= now_ns - at_ns <= MAY_ARRIVE_NS


class JournalModel:
    """The same methods as the journal's parts, on dictionaries."""

    def __init__(self) -> None:
        self.files: dict[Place, Known] = {}
        self.experiments: dict[str, Experiment] = {}
        self.sequence = 0
        self._last_id = 0

    # What was seen on this disk

    def observe(self, mapping: str, seen: Observed) -> None:
        known = self.files.get((mapping, seen.path))
        if known is None:
            self._last_id += 1
            self.files[mapping, seen.path] = Known(_new(self._last_id, mapping, seen))
            return
        file = known.file
        both_files = file.kind is EntryKind.FILE and seen.kind is EntryKind.FILE
        changing_ns = None
        if both_files and file.local is not None:
            synced_ns = file.since_ns if file.synced is None else file.synced.at_ns
            changing_ns = file.changing_since_ns
            soon = seen.since_ns - file.since_ns <= ONE_CHANGE_NS
            if changing_ns is None or not soon:
                changing_ns = max(file.since_ns if soon else seen.since_ns, synced_ns)
        known.file = replace(
            file,
            kind=seen.kind,
            local=seen.signature,
            since_ns=seen.since_ns,
            eid=seen.eid if file.eid is None else file.eid,
            remote_name=file.remote_name or seen.remote_name,
            forced=file.forced and seen.signature.size > 0 and seen.kind is file.kind,
            as_it_is=file.as_it_is and seen.signature.size > 0 and seen.kind is file.kind,
            changing_since_ns=changing_ns,
            comparison=None,
            failure=None,
            unfinished=None,
            is_database=file.is_database if seen.is_database is None else seen.is_database,
            growth=replace(file.growth, only=changing_ns is None or _has_only_grown(file, seen)),
        )

    def gone(self, mapping: str, path: str, now_ns: int) -> None:
        known = self.files.get((mapping, path))
        if known is None:
            return
        file = known.file
        if file.synced is None and file.sent is None:
            del self.files[mapping, path]
        elif file.local is not None:
            known.file = replace(
                file,
                local=None,
                since_ns=now_ns,
                forced=False,
                as_it_is=False,
                changing_since_ns=None,
                failure=None,
                unfinished=None,
            )

    def forget(self, mapping: str, path: str) -> None:
        self.files.pop((mapping, path), None)

    def retarget(self, mapping: str, moved: Retargeted) -> None:
        known = self.files.get((mapping, moved.path))
        if known is not None:
            file = replace(known.file, eid=moved.eid, remote_name=moved.remote_name)
            self.files[mapping, moved.path] = Known(_without_remote_side(file))

    def clock_set_back(self, mapping: str, now_ns: int) -> None:
        for (owner, _), known in self.files.items():
            if owner == mapping and known.file.since_ns > now_ns:
                known.file = replace(known.file, since_ns=now_ns)

    # What came of jobs, and what people want

    def about_to_send(
        self, file: FileRecord, sha256: bytes, size: int, *, provisional: bool = False
    ) -> None:
        known = self._target(file)
        if known is not None:
            known.file = replace(known.file, sent=SentVersion(sha256, size, provisional))

    def about_to_remove(self, file: FileRecord) -> None:
        known = self._target(file)
        if known is not None:
            known.file = replace(known.file, removing=True)

    def record(
        self, file: FileRecord, outcome: Outcome, now_ns: int, recheck_at_ns: int | None = None
    ) -> None:
        """As `Outcomes.record`: `file` is as it was when the job began."""
        if isinstance(outcome, Uploaded):
            self.sequence += 1
        known = self._target(file)
        if isinstance(outcome, Removed):
            if known is not None and known.file.local is None:
                del self.files[file.mapping, file.path]
            self._unlist(file)
        elif known is not None:
            if file.sent is not None and isinstance(outcome, Uploaded | Adopted | FoundOurOwn):
                known.unanswered_ns = now_ns
            if isinstance(outcome, Uploaded):
                known.bounds = None if known.may_arrive(now_ns) else outcome.accepted_between
                known.replaced = file.remote.modified_at
            known.file = self._with(known.file, file, outcome, now_ns)
            if isinstance(outcome, Uploaded | Adopted | Touched) and known.file.synced is not None:
                at_ns = None if known.file.is_database else recheck_at_ns
                synced = replace(known.file.synced, recheck_at_ns=at_ns)
                known.file = replace(known.file, synced=synced)

    def passed(self, file: FileRecord, again_ns: int) -> None:
        """As `Rechecks.passed`."""
        known, planned = self._stands(file), file.synced and file.synced.recheck_at_ns
        if known is None or known.file.synced is None:
            return
        at_ns = known.file.synced.recheck_at_ns
        if at_ns is not None:
            left = None if at_ns == planned else max(at_ns, again_ns)
            synced = replace(known.file.synced, recheck_at_ns=left)
            known.file = replace(known.file, synced=synced, failure=None)

    def found_changed(self, file: FileRecord) -> bool:
        """As `Rechecks.found_changed`."""
        known = self._stands(file)
        if known is None or known.file.synced is None or known.file.local is None:
            return False
        signature = Signature(known.file.local.size, 0, 0, 0)
        synced = replace(known.file.synced, signature=signature)
        known.file = replace(known.file, synced=synced, failure=None)
        return True

    def closed(self, mapping: str, path: str, at_ns: int) -> None:
        """As `Rechecks.closed`."""
        known = self.files.get((mapping, path))
        if known is None or not _unchanged(known.file) or known.file.synced is None:
            return
        if known.file.is_database:
            return
        planned = known.file.synced.recheck_at_ns
        planned = at_ns if planned is None else planned + 1
        known.file = replace(known.file, synced=replace(known.file.synced, recheck_at_ns=planned))

    def _stands(self, file: FileRecord) -> Known | None:
        """A file that is still as it was synced then."""
        known = self._target(file)
        if known is None or known.file.synced is None or file.synced is None:
            return None
        same = known.file.synced.sha256 == file.synced.sha256
        return known if same and _unchanged(known.file) else None

    def _with(self, now: FileRecord, then: FileRecord, outcome: Outcome, now_ns: int) -> FileRecord:
        """A file as it is now, with what came of a job that began with it as it was then."""
        known, unchanged = now.synced, now.local == then.local
        match outcome:
            case Uploaded(signature, sha256, _, modified_at, again, unfinished):
                synced = SyncedVersion(
                    signature,
                    sha256,
                    now_ns,
                    self.sequence,
                    modified_at,
                    listed=False,
                    unfinished=unfinished,
                    provisional=outcome.provisional,
                )
                done = _synced(now, synced, forced=False, ended=True)
                done = replace(done, growth=replace(done.growth, spent_bytes=outcome.spent_bytes))
                return _resent(done, now_ns) if again else done
            case Adopted(signature, sha256, modified_at):
                written = None if now.unfinished is None else now.unfinished.format
                synced = SyncedVersion(
                    signature, sha256, now_ns, 0, modified_at, unfinished=written
                )
                return _synced(now, synced, forced=False, ended=True)
            case BeginningRead(grows, beginning, None):
                growth = now.growth
                only = growth.only and grows
                begun = growth.begun if beginning is None else beginning
                growth = replace(growth, only=only, begun=begun, tried_at_ns=now_ns)
                return replace(now, growth=growth)
            case Touched(signature, sha256) if known is not None:
                synced = replace(
                    known, signature=signature, sha256=sha256, at_ns=now_ns, provisional=False
                )
                return _synced(now, synced, forced=False, ended=False)
            case FoundOurOwn():
                return _found_our_own(now, then, outcome, now_ns)
            case FoundDifferent(modified_at, finding, size, digest) if unchanged:
                comparison = Comparison(modified_at, now_ns, finding, size, digest)
                return replace(
                    now, comparison=comparison, forced=False, as_it_is=False, failure=None
                )
            case BeingWritten(name) if unchanged:
                return replace(now, unfinished=Unfinished(name, now_ns))
            case Failed():
                if then.changing_since_ns is not None:
                    now = replace(now, growth=replace(now.growth, tried_at_ns=now_ns))
                return _failed(now, outcome, now_ns) if unchanged else now
        return now

    def _unlist(self, file: FileRecord) -> None:
        if file.eid in self.experiments:
            self.experiments[file.eid].files.pop(file.remote_name, None)

    def _target(self, file: FileRecord) -> Known | None:
        """Where work on a file as it was then counts now."""
        for known in self.files.values():
            now = known.file
            if (now.id, now.eid, now.remote_name) == (file.id, file.eid, file.remote_name):
                return known
        return None

    def retry(self, file: FileRecord, *, as_it_is: bool = False) -> None:
        known = self._by_id(file)
        if known is not None:
            known.file = replace(
                known.file,
                forced=True,
                as_it_is=as_it_is,
                failure=None,
                comparison=None,
                resends=None,
            )

    def allow_replacing(self, file: FileRecord) -> None:
        known = self._by_id(file)
        if known is not None:
            known.file = replace(known.file, may_replace=file.remote.modified_at)

    def look_into_again(self, mapping: str, path: str) -> None:
        known = self.files.get((mapping, path))
        if known is not None and known.file.unfinished is not None:
            known.file = replace(known.file, unfinished=replace(known.file.unfinished, at_ns=0))

    def end_pauses(self, mapping: str) -> None:
        for (owner, path), known in self.files.items():
            if owner == mapping:
                self.look_into_again(mapping, path)
            failure = known.file.failure
            if owner == mapping and failure is not None and not failure.permanent:
                known.file = replace(known.file, failure=replace(failure, at_ns=0))

    def _by_id(self, file: FileRecord) -> Known | None:
        return next((k for k in self.files.values() if k.file.id == file.id), None)

    # What the server lists

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def found(self, eid: str, uuid: str) -> None:
        before = self.experiments.get(eid)
        if before is None or before.uuid in {None, uuid}:
            experiment = self.experiments.setdefault(eid, Experiment())
            experiment.uuid, experiment.problem = uuid, None
            return
        self.experiments[eid] = Experiment(uuid)
        for known in self.files.values():
            if known.file.eid == eid:
                known.file, known.bounds = _without_remote_side(known.file), None
                known.unanswered_ns = None

    def not_found(self, eid: str, problem: Problem) -> None:
        experiment = self.experiments.setdefault(eid, Experiment())
        since_ns = problem.since_ns if experiment.problem is None else experiment.problem.since_ns
        experiment.problem = replace(problem, since_ns=since_ns)

    def listed(
        self, lists: Mapping[str, Sequence[tuple[str, str]]], sequence: int, now_ns: int
    ) -> None:
        for eid, files in lists.items():
            experiment = self.experiments[eid]
            if sequence <= experiment.listed_sequence:
                continue  # a list that was asked for later is known
            missing = experiment.files.keys() - dict(files).keys()
            experiment.files = dict(files)
            for known in self._of(eid):
                synced = known.file.synced
                if known.file.remote_name not in missing or synced is None:
                    continue
                if synced.sequence < sequence:
                    known.file = replace(known.file, removed_at_ns=now_ns)
        self.unchanged(lists.keys(), sequence, now_ns)

    def unchanged(self, eids: Collection[str], sequence: int, now_ns: int) -> None:
        for eid in eids:
            experiment = self.experiments[eid]
            if sequence <= experiment.listed_sequence:
                continue
            experiment.listed_sequence, experiment.listed_at_ns = sequence, now_ns
            experiment.problem = None  # what has a list is there
            for known in self._of(eid):
                self._learn_time(known, experiment)

    def _learn_time(self, known: Known, experiment: Experiment) -> None:
        """The first list asked for after an upload tells which time it got, if it can be it."""
        synced = known.file.synced
        listed = experiment.files.get(known.file.remote_name)
        if synced is None or synced.listed or listed is None:
            return
        if synced.sequence < experiment.listed_sequence:
            at = synced.modified_at
            if at is None and listed != known.replaced and fits(listed, known.bounds):
                at = listed
            known.file = replace(known.file, synced=replace(synced, modified_at=at, listed=True))

    def _of(self, eid: str) -> Iterable[Known]:
        return [known for known in self.files.values() if known.file.eid == eid]

    # What it is asked

    def record_at(self, mapping: str, path: str) -> FileRecord | None:
        known = self.files.get((mapping, path))
        if known is None:
            return None
        experiment = self.experiments.get(known.file.eid or "", Experiment())
        listed = experiment.files.get(known.file.remote_name)
        return replace(known.file, remote=RemoteView(experiment.listed_sequence, listed))

    def records(self, mapping: str) -> list[FileRecord]:
        found = [self.record_at(*place) for place in self.files if place[0] == mapping]
        return [file for file in found if file is not None]


def printed(text: str) -> str:
    """What is no UTF-8 in a text for people becomes visible."""
    return text.encode(errors="backslashreplace").decode()


def fits(listed: str, bounds: Bounds) -> bool:
    """Times of this model are seconds, as text."""
    return bounds is not None and bounds[0] <= seconds(listed) <= bounds[1]


def seconds(listed: str) -> float:
    """A listed time on the server's clock: ``2026-11-23T10:00:SS+00:00``."""
    return BASE_S + float(listed.partition("T10:00:")[2][:2])


def listed_at(second: int) -> str:
    """The inverse of `seconds`."""
    return f"2026-11-23T10:00:{second:02d}+00:00"


BASE_S = 1_795_428_000
"""2026-11-23 10:00 UTC."""


def _new(identity: int, mapping: str, seen: Observed) -> FileRecord:
    return FileRecord(
        id=identity,
        mapping=mapping,
        path=seen.path,
        kind=seen.kind,
        local=seen.signature,
        since_ns=seen.since_ns,
        eid=seen.eid,
        remote_name=seen.remote_name,
        synced=None,
        sent=None,
        remote=RemoteView(0, None),
        comparison=None,
        failure=None,
        removed_at_ns=None,
        forced=False,
        as_it_is=False,
        may_replace=None,
        is_database=bool(seen.is_database),
    )


def _without_remote_side(file: FileRecord) -> FileRecord:
    return replace(
        file,
        synced=None,
        sent=None,
        comparison=None,
        failure=None,
        removed_at_ns=None,
        forced=False,
        as_it_is=False,
        may_replace=None,
        removing=False,
        resends=None,
        growth=Growth(only=file.growth.only),
    )


def _resent(file: FileRecord, now_ns: int) -> FileRecord:
    """Sent again once more, within a day of the first time or as a first time."""
    before = file.resends
    if before is not None and 0 <= now_ns - before.since_ns < RESENDS_WITHIN_NS:
        return replace(file, resends=replace(before, count=before.count + 1))
    return replace(file, resends=Resends(1, now_ns))


def _has_only_grown(file: FileRecord, seen: Observed) -> bool:
    stood_still = seen.since_ns - file.since_ns > ONE_CHANGE_NS or file.changing_since_ns is None
    if file.local is None or not (stood_still or file.growth.only):
        return False
    before, now = file.local, seen.signature
    touched = (now.size, now.mtime_ns) == (before.size, before.mtime_ns)
    return now.inode == before.inode and (now.size > before.size or touched)


def _found_our_own(
    now: FileRecord, then: FileRecord, found: FoundOurOwn, now_ns: int
) -> FileRecord:
    size, sha256, modified_at = found.size, found.sha256, found.modified_at
    of, at_ns, spent, written = Signature(size, 0, 0, 0), now_ns, size, None
    provisional = then.sent is not None and then.sent.provisional
    if then.synced is not None and then.synced.sha256 == sha256:
        at_ns, spent, written = then.synced.at_ns, 0, then.synced.unfinished
        provisional = then.synced.provisional
        if then.synced.signature != then.local:
            of = then.synced.signature
    recheck_at_ns = None if now.synced is None else now.synced.recheck_at_ns
    synced = SyncedVersion(
        of,
        sha256,
        at_ns,
        0,
        modified_at,
        recheck_at_ns=recheck_at_ns,
        unfinished=written,
        provisional=provisional,
    )
    synced = replace(synced, bytes=None if size == of.size else size)
    spent += now.growth.spent_bytes
    now = replace(now, growth=replace(now.growth, spent_bytes=spent))
    return _synced(now, synced, forced=now.forced, ended=False)


def _failed(file: FileRecord, failed: Failed, now_ns: int) -> FileRecord:
    count = 1 if file.failure is None else file.failure.count + 1
    why = replace(failed.why, message=printed(failed.why.message), hint=printed(failed.why.hint))
    return replace(file, failure=Failure(why, failed.permanent, count, now_ns))


def _unchanged(file: FileRecord) -> bool:
    return (
        file.local is not None and file.synced is not None and file.synced.signature == file.local
    )


def _synced(file: FileRecord, synced: SyncedVersion, *, forced: bool, ended: bool) -> FileRecord:
    """What every good end has in common; `ended`: nothing a person allowed is left open."""
    done = replace(
        file,
        synced=synced,
        sent=None,
        comparison=None,
        failure=None,
        unfinished=None,
        forced=forced,
        as_it_is=forced and file.as_it_is,
        changing_since_ns=file.changing_since_ns if synced.provisional else None,
        removing=False,
        growth=replace(file.growth, begun=None, tried_at_ns=None),
    )
    return replace(done, may_replace=None, removed_at_ns=None) if ended else done
