"""Engines that break a promise on purpose; the simulation must catch each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple
from unittest import mock

from aqsync.errors import (
    FileChanged,
    FileRewritten,
    Interrupted,
    NoRoomForSnapshot,
    ServerFailed,
)
from aqsync.journal import observations, remote
from aqsync.journal.database import Database
from aqsync.journal.mappings import RootIdentity
from aqsync.journal.measurements import Measurements
from aqsync.journal.outcomes import Outcomes
from aqsync.journal.removals import Removals
from aqsync.journal.versions import Versions
from aqsync.local import database_source, found_databases, scanner, snapshot, walk
from aqsync.local.errands import Errand
from aqsync.local.growing_file import GrowingFile
from aqsync.local.likeness import Likeness
from aqsync.local.reader import GuardedFile
from aqsync.local.recognition import Recognition
from aqsync.local.scanner import Scanner
from aqsync.local.snapshot import Snapshots
from aqsync.local.walk import Walk
from aqsync.log import Log
from aqsync.model import (
    Adopted,
    Beginning,
    ChangedMeanwhile,
    Databases,
    Failed,
    Finding,
    FoundDifferent,
    FoundFreed,
    FoundOurOwn,
    Hold,
    InSync,
    OnLocalDelete,
    Reason,
    RemoveRemote,
    State,
    Touched,
    Upload,
    Uploaded,
    Wait,
)
from aqsync.sync import (
    contents,
    engine,
    freed_rules,
    growing_rules,
    measured,
    measurements,
    planner,
    policies,
    policy_cache,
    rescanner,
    unfinished_rules,
    uploader,
)
from aqsync.sync.comparer import Comparer
from aqsync.sync.dispatcher import Dispatcher
from aqsync.sync.engine import Engine
from aqsync.sync.manifests import ManifestWriter
from aqsync.sync.measured import Measured
from aqsync.sync.mirror import Mirror
from aqsync.sync.rechecks import Rechecks
from aqsync.sync.remote_check import RemoteCheck
from aqsync.sync.uploader import Uploader
from aqsync.sync.worker_pool import WorkerPool
from tests.simulation.fake_disk import FakeDisk, Link
from tests.simulation.parts import MomentServer
from tests.simulation.promises import CONFLICTS
from tests.support.reasons import said

_UPLOADED = Outcomes._uploaded
_WRITE = Database.write
Mutation = Callable[[], AbstractContextManager[object]]


class Broken(NamedTuple):
    """A way to break the engine."""

    promise: str
    """Which of the promises it breaks."""
    mutation: Mutation
    """While it is entered, the engine is broken."""


def _trusted(disk: FakeDisk, path: str, target: str, *, foreign: bool = False) -> None:
    """A link, whose ever it is."""
    del foreign
    disk._add(path, lambda volume: Link(volume, target))


def _patched(*places: tuple[Any, str, object]) -> Mutation:
    @contextmanager
    def patch() -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, value in places:
                stack.enter_context(mock.patch.object(owner, name, value))
            yield

    return patch


def _around(owner: Any, name: str, wrapped: Callable[..., Any]) -> Mutation:
    """Replace a function by one that gets the original as its first argument."""
    original = getattr(owner, name)

    def instead(*args: Any, **kept: Any) -> Any:
        return wrapped(original, *args, **kept)

    return _patched((owner, name, instead))


def _changed_policy(**changes: object) -> Mutation:
    def changed(original: Any, *args: Any, **kept: Any) -> Any:
        policy_of = original(*args, **kept)
        return lambda file: replace(policy_of(file), **changes)

    return _patched((policy_cache, "policies", partial(changed, policies.policies)))


def _decide(change: Callable[..., Any]) -> Mutation:
    """Change what is decided where it is acted upon."""
    original = planner.decide

    def changed(*args: Any) -> Any:
        return change(original(*args), *args)

    judges = (import_module(f"tests.simulation.{name}") for name in ("promises", "world"))
    return _patched(*((owner, "decide", changed) for owner in (engine, *judges)))


def _empty_is_fine(original: Any, self: Recognition, missing: Any, **kept: bool) -> Any:
    return original(self, missing, **{**kept, "empty": False})


def _missing_is_empty(original: Any, self: Scanner, *args: Any) -> Any:
    """A missing root counts as an empty one."""
    report = original(self, *args)
    if "" in report.troubles and "does not exist" in report.troubles[""].message:
        record = self._journal.mappings.get(self._mapping.name)
        paths = [target.path for target in self._journal.observations.targets(record.id)]
        self._journal.observations.gone(record.id, paths, self._clock.now_ns())
        self._journal.mappings.set_troubles(record.id, {})
    return report


@contextmanager
def _missing_root_is_empty() -> Iterator[None]:
    """Breaks the scan and the removal, since either of them alone prevents it."""
    looking = _around(Scanner, "_scan", _missing_is_empty)
    removing = _patched((Uploader, "_is_gone", lambda *_: True))
    with looking(), removing():
        yield


def _overwriting(step: Any, file: Any, *_: Any) -> Any:
    """Whatever others have put on the server is in the way."""
    if isinstance(step, Hold) and step.reason in CONFLICTS:
        return Upload(said("mine"), file.since_ns, replaces=True)
    return step


def _adopting_by_size(original: Any, self: Comparer, job: Any, held: Any) -> Any:
    with self._server.download(job.uuid, job.file.remote_name) as found:
        size = found.length
    if size == job.file.local.size:
        with held.open() as source:
            digest = hashlib.sha256(b"".join(source.chunks())).digest()
        return Adopted(job.file.local, digest, job.file.remote.modified_at)
    return original(self, job, held)


def _removing_changed(step: Any, file: Any, policy: Any, _now_ns: int) -> Any:
    """A copy is removed even if others stored it."""
    if isinstance(step, InSync) and step.reason is Reason.DELETED_COPY_CHANGED:
        return RemoveRemote(said("deleted here"), file.since_ns)
    del policy
    return step


def _differing_in_sync(step: Any, *_: Any) -> Any:
    """What differs on the server is called in sync."""
    if isinstance(step, Hold) and step.state is State.DIFFERS:
        return InSync(said("on the server with this content"), step.since_ns)
    return step


def _older_is_synced(original: Any, self: Comparer, *args: Any) -> Any:
    """An older version of ours counts as the last upload."""
    found = original(self, *args)
    if isinstance(found, FoundDifferent) and found.finding is Finding.OLDER:
        return FoundOurOwn(found.size, found.sha256, found.modified_at)
    return found


def _any_beginning(original: Any, self: Comparer, *args: Any) -> Any:
    found = original(self, *args)
    if isinstance(found, FoundDifferent) and found.finding is Finding.OTHERS:
        return replace(found, finding=Finding.BEGINNING, size=1)
    return found


@contextmanager
def _anything_is_the_beginning() -> Iterator[None]:
    """Breaks the comparison and the upload, since either of them alone prevents it."""
    comparing = _around(Comparer, "compare", _any_beginning)
    sending = _patched((uploader, "_must_begin_with", lambda _file: None))
    with comparing(), sending():
        yield


def _refuted_in_vain(original: Any, self: Uploader, job: Any) -> Any:
    """That a file no longer begins with the server's version teaches nothing."""
    try:
        return original(self, job)
    except FileRewritten as exc:
        raise FileChanged(str(exc)) from exc


def _assuming_checks(original: Any, self: RemoteCheck, **kept: Any) -> None:
    """The server counts as one that checks conditions, even if it says otherwise."""
    original(self, **kept)
    self._checks = True


def _replacing_nothing(_self: Any, connection: Any, file: Any, *rest: Any) -> None:
    """The replaced version is not remembered."""
    nothing = replace(file.remote, modified_at=None)
    _UPLOADED(connection, replace(file, remote=nothing), *rest)


def _without_condition(original: Any, self: MomentServer, *args: Any, **kept: Any) -> Any:
    """Requests have no condition."""
    kept["expected"] = None
    return original(self, *args, **kept)


def _missing_is_removed(original: Any, file: Any, synced: Any, now_ns: int) -> Any:
    """Every missing file counts as removed by a person."""
    return original(file, replace(synced, listed=True), now_ns)


def _never_rescanning(original: Any, self: Any, now: float) -> bool:
    self._everything_at = float("inf")
    return bool(original(self, now))


def _blocking(original: Any, self: Dispatcher, file: Any, outcome: Any) -> None:
    """After one failure nothing else is begun."""
    original(self, file, outcome)
    if isinstance(outcome, Failed):
        self.retiring = True


def _never_again(original: Any, self: Outcomes, file: Any, outcome: Any, *rest: Any) -> None:
    if isinstance(outcome, Failed):
        outcome = replace(outcome, permanent=True)
    original(self, file, outcome, *rest)


def _reasonless(step: Any, *_: Any) -> Any:
    return replace(step, why=said("")) if isinstance(step, Hold) else step


def _telling_the_token(original: Any, self: Engine, *args: Any) -> Any:
    Log("aqsync.engine").info("asked", server=vars(self._server)["token"])
    return original(self, *args)


def _journaling_the_token(original: Any, self: Engine, exc: Any) -> None:
    exc.message = f"{exc.message} (token {vars(self._server)['token']})"
    original(self, exc)


def _telling_each_failure(original: Any, self: Engine, exc: Any) -> None:
    original(self, exc)
    Log("aqsync.engine").warning("the server cannot be used", reason=str(exc))


def _listed_afterwards(original: Any, self: Mirror, chunk: Any) -> Any:
    """A list gets its number after the answer, not before the request."""
    journal, ask = self._journal, self._server.list_files

    def asking(*args: Any, **kept: Any) -> Any:
        answer = ask(*args, **kept)
        late.append(journal.remote.next_sequence())
        return answer

    late: list[int] = []
    listed, unchanged = journal.remote.listed, journal.remote.unchanged
    with ExitStack() as stack:
        patch = mock.patch.object
        stack.enter_context(patch(self._server, "list_files", asking))
        stack.enter_context(
            patch(journal.remote, "listed", lambda a, b, _s, now: listed(a, b, late[-1], now))
        )
        stack.enter_context(
            patch(journal.remote, "unchanged", lambda a, _s, now: unchanged(a, late[-1], now))
        )
        return original(self, chunk)


def _recording_without_sending(original: Any, self: Uploader, job: Any) -> Any:
    """An upload that broke off counts as done."""
    before = hashlib.sha256
    outcome: Any = None
    try:
        outcome = original(self, job)
    except ServerFailed:
        raise
    except Interrupted:
        raise
    except Exception:  # noqa: BLE001 - whatever it was
        local = job.file.local
        return Uploaded(local, before(b"never sent").digest(), None)
    return outcome


def _following(step: Any, file: Any, *_: Any) -> Any:
    """A symbolic link is sent as if it were a file."""
    if isinstance(step, Hold) and step.reason is Reason.SYMBOLIC_LINK and file.remote_name:
        return Upload(said("a link"), file.since_ns, replaces=False)
    return step


def _leaving_it_open(database: Database, statement: str, values: Sequence[Any] = ()) -> int:
    """The note before the last bytes is committed later, as outcomes are."""
    if "SET sent_sha256" not in statement:
        return _WRITE(database, statement, values)
    with database.writing(waits=True) as connection:
        return connection.execute(statement, values).rowcount


def _unsettled(original: Any, *args: Any) -> Any:
    """A measurement counts as complete however late it changed."""
    return replace(original(*args), settle_ns=0)


def _complete_once(original: Any, self: Measured, folder: str) -> Any:
    """A sentinel that was there once counts for ever."""
    seen = vars(self._journal).setdefault("sentinels", {})
    seen |= original(self, folder)
    return dict(seen)


def _sent_by_itself(self: Walk, path: str, known: Any, seen: Any) -> None:
    """A part of a database counts as any other file."""
    self._entry(path, known, seen)


def _as_decided(original: Any, self: Uploader, job: Any) -> Any:
    """What was copied of a database counts as what was decided on."""
    outcome = original(self, job)
    if getattr(outcome, "provisional", False):
        return outcome
    if not isinstance(outcome, Uploaded | Touched | Adopted):
        return outcome
    size = outcome.signature.size if outcome.bytes is None else outcome.bytes
    return replace(outcome, signature=job.file.local, bytes=size)


def _consistent(original: Any, self: Any, before: Any) -> bool:
    """Every copy of a database counts as consistent."""
    original(self, before)
    return True


def _all_of_it(original: Any, chunks: Any, known: Any) -> Any:
    """What is sent of a text ends anywhere."""
    read = list(chunks)
    found = original(iter(read), known)
    whole = b"".join(read)
    return found and Beginning(len(whole), hashlib.sha256(whole).digest())


def _read_once(self: GrowingFile, size: int) -> Iterator[bytes]:
    """What was chosen of a file that grows is not compared with what is sent."""
    return self._read(self.size, size)


def _provisional_in_sync(step: Any, *_: Any) -> Any:
    """A provisional version counts as any other."""
    if isinstance(step, Wait) and step.state is State.PROVISIONAL:
        return InSync(said("on the server"), step.since_ns)
    return step


def _closed_when_asked(original: Any, view: Any, changed_ns: int, now_ns: int) -> Any:
    """What was open before the last change counts as what is open now."""
    if view.asked_ns is not None:
        view = replace(view, asked_ns=changed_ns)
    return original(view, changed_ns, now_ns)


def _sending_ignored(step: Any, file: Any, *_: Any) -> Any:
    """Databases that are not to be sent are sent."""
    if isinstance(step, Hold) and step.reason is Reason.DATABASE_IGNORED:
        return Upload(said("a database"), file.since_ns, replaces=file.synced is not None)
    return step


def _awaiting_databases(original: Any, self: Measured, *args: Any) -> None:
    """The last file waits for what is never sent."""
    original(self, *args)
    self._databases = True


def _snapshots_instead(original: Any, self: Any, job: Any, goes_on: Any) -> Any:
    """Databases that are to go as files go as snapshots."""
    if job.databases is Databases.FILE:
        job = replace(job, databases=Databases.SNAPSHOT)
    return original(self, job, goes_on)


def _unpaid(_pace: Any, step: Any) -> Any:
    """A large file goes each time that it has settled."""
    return step


def _never_rested(original: Any, file: Any, growing: Any, step: Any, *rest: Any) -> Any:
    """A large file waits for its budget, however long it stands still."""
    found = original(file, growing, step, *rest)
    if isinstance(found, Upload) and found.rested and file.synced is not None:
        pace = growing_rules._Pace(file, growing, rest[-1])
        if found.reason is Reason.CHANGED and pace.bytes_at_rest < pace.affordable:
            return Wait(said("it would cost too much"), file.since_ns, None)
    return found


def _no_room_for_ever(original: Any, self: Outcomes, file: Any, outcome: Any, *rest: Any) -> None:
    """A snapshot for which there was no room is not tried again."""
    if isinstance(outcome, Failed) and outcome.why.reason is Reason.NO_ROOM_FOR_SNAPSHOT:
        outcome = replace(outcome, permanent=True)
    original(self, file, outcome, *rest)


def _no_room_unsaid(original: Any, self: Uploader, job: Any) -> Any:
    """What there is no room for is tried again and again, without a word."""
    try:
        return original(self, job)
    except NoRoomForSnapshot:
        return ChangedMeanwhile()


@contextmanager
def _databases_unknown() -> Iterator[None]:
    """No file counts as a database."""
    with ExitStack() as stack:
        for owner in (found_databases, contents):
            stack.enter_context(mock.patch.object(owner, "begins_database", return_value=False))
        yield


def _unmarked(original: Any, self: Uploader, *args: Any) -> Any:
    """It is not remembered that a version was unfinished when it was sent."""
    outcome = original(self, *args)
    return replace(outcome, unfinished=None) if isinstance(outcome, Uploaded) else outcome


def _unguarded(self: GuardedFile, seen: Any) -> None:
    del self, seen


def _late_check(original: Any, self: GuardedFile) -> None:
    del original, self


def _unread(original: Any, self: Comparer, job: Any, held: Any) -> Any:
    """A manifest is believed whatever the file here holds."""
    del original
    file = job.file
    listed = str(file.remote.modified_at)
    line = self._check.manifests.line(str(file.eid), file.remote_name, listed)
    if line is None or line.size != held.size:
        return None
    return Adopted(file.local, line.sha256, listed, claimed=True)


def _claims_whole(original: Any, self: Comparer, job: Any, held: Any) -> Any:
    """What a manifest says counts as if it had been read."""
    found = original(self, job, held)
    return None if found is None else replace(found, claimed=False)


def _whose_ever(original: Any, self: ManifestWriter, uuid: Any, name: str) -> Any:
    """Whatever stands under a manifest's name passes for ours."""
    size, _ = original(self, uuid, name)
    known = next(each for each in self._journal.manifests.all() if each.name == name)
    return size, known.sent_sha256 or (known.written and known.written.sha256) or b""


def _freed_unasked(*, gone: bool) -> Mutation:
    """Nothing asks whether a file was freed that is gone, or one that is here."""

    def unless_so(original: Any) -> Any:
        def asked(*args: Any) -> Any:
            return None if (args[-1].local is None) is gone else original(*args)

        return asked

    return _patched(
        (planner, "freed", unless_so(freed_rules.freed)),
        (RemoteCheck, "freed", unless_so(RemoteCheck.freed)),
    )


@contextmanager
def _journal_of_freed_unasked() -> Iterator[None]:
    """What the journal knows of freed files is passed over: the manifests alone are asked."""
    deciding = _patched((planner, "freed", lambda _file: None))
    working = _around(
        RemoteCheck, "freed", lambda original, self, file: original(self, replace(file, freed=None))
    )
    with deciding(), working():
        yield


def _by_any_list(original: Any, self: RemoteCheck, file: Any) -> Any:
    """The manifests of any list are asked, however old that is."""
    with mock.patch.object(self, "_fetch"):
        return original(self, file)


def _wishing_on(
    original: Any, self: Outcomes, connection: Any, file: Any, outcome: Any, *rest: Any
) -> None:
    """What a person allowed counts for a copy too that turns out to be the only one."""
    original(self, connection, file, outcome, *rest)
    if isinstance(outcome, FoundFreed):
        connection.execute(
            "UPDATE file SET may_replace = ? WHERE id = ?", (file.may_replace, file.id)
        )


MUTATIONS: dict[str, Broken] = {
    "freed-removed": Broken(
        "15: the only copy of a freed file is not removed", _freed_unasked(gone=True)
    ),
    "freed-replaced": Broken(
        "15: the only copy of a freed file is not replaced", _freed_unasked(gone=False)
    ),
    "manifest-of-freed-unasked": Broken(
        "15: an old journal does not know what was freed",
        _patched((RemoteCheck, "freed", lambda *_: None)),
    ),
    "journal-of-freed-unasked": Broken(
        "15: what the journal knows as freed is called so", _journal_of_freed_unasked
    ),
    "unreadable-manifest-passed-over": Broken(
        "15: what cannot be read may say that a file was freed",
        _patched((RemoteCheck, "_require_readable", lambda *_: None)),
    ),
    "freed-by-any-list": Broken(
        "15: what another PC has just freed is asked for by a newer list",
        _around(RemoteCheck, "freed", _by_any_list),
    ),
    "freed-path-forgotten": Broken(
        "15: what came to a freed path and went leaves what is known of the only copy",
        _patched((observations, "_ONLY_COPY", "FALSE")),
    ),
    "wish-outlives-freeing": Broken(
        "15: who allows a replacement knows that the copy is the only one",
        _around(Outcomes, "_ended_otherwise", _wishing_on),
    ),
    "manifest-believed-unread": Broken(
        "2: in sync by a manifest, and by the file's own bytes",
        _around(Comparer, "_claimed", _unread),
    ),
    "claim-permits-replacing": Broken(
        "5: nothing is replaced because of a manifest", _around(Comparer, "_claimed", _claims_whole)
    ),
    "manifest-of-others-replaced": Broken(
        "5: a manifest takes the place of none of others",
        _around(ManifestWriter, "_found", _whose_ever),
    ),
    "no-settling": Broken("1, 2: settled", _changed_policy(settle_ns=0)),
    "coarse-times-ignored": Broken(
        "1, 2: two writes that look like one",
        _patched(
            (planner, "settle_ns", lambda _signature, wanted_ns: wanted_ns),
            (scanner, "settle_ns", lambda _signature, wanted_ns: wanted_ns),
        ),
    ),
    "no-rescan": Broken(
        "1: whatever the events",
        _around(rescanner.Rescanner, "_everything_is_due", _never_rescanning),
    ),
    "no-second-check": Broken("2: sent whole", _around(GuardedFile, "_check_again", _late_check)),
    "no-check": Broken("2: sent whole", _patched((GuardedFile, "_check", _unguarded))),
    "broken-off-is-done": Broken(
        "2: what is called synced was sent",
        _around(Uploader, "_upload", _recording_without_sending),
    ),
    "digest-not-recorded": Broken(
        "3: what was sent is recognised",
        _patched((Outcomes, "about_to_send", lambda *_, **__: True)),
    ),
    "note-not-committed": Broken(
        "3: what was sent is recognised", _patched((Database, "write", _leaving_it_open))
    ),
    "list-numbered-late": Broken(
        "3: an upload is not taken for removed", _around(Mirror, "_list_chunk", _listed_afterwards)
    ),
    "foreign-overwritten": Broken("5: nothing of others is lost", _decide(_overwriting)),
    "adopted-by-size": Broken(
        "2, 5: a comparison compares", _around(Comparer, "compare", _adopting_by_size)
    ),
    "list-not-refreshed": Broken(
        "5: looked at again before an overwrite",
        _patched((RemoteCheck, "confirm", lambda *_: None)),
    ),
    "condition-not-sent": Broken(
        "5: a server that checks is asked to",
        _around(MomentServer, "upload", _without_condition),
    ),
    "checks-are-assumed": Broken(
        "5: a server that checks no condition is asked before the last bytes",
        _around(RemoteCheck, "answered", _assuming_checks),
    ),
    "time-before-is-ours": Broken(
        "2: what was listed before an upload is not the upload",
        _patched((Outcomes, "_uploaded", _replacing_nothing)),
    ),
    "any-time-is-ours": Broken(
        "5: whose version it is", _patched((remote, "plausible", lambda *_: True))
    ),
    "never-rechecked": Broken(
        "1, 2: stores that change no time",
        _patched((Rechecks, "needed", lambda *_: None), (Rechecks, "closed", lambda *_: None)),
    ),
    "hung-worker-counts": Broken(
        "7: a disk that hangs", _patched((WorkerPool, "give_up_what_hangs", lambda _self: None))
    ),
    "late-answer-counts": Broken(
        "7: what was given up is not sent", _patched((Errand, "_check", lambda _self: None))
    ),
    "renamed-not-awaited": Broken(
        "5: an old name goes when the new one is there",
        _patched((Removals, "twins", lambda *_: {})),
    ),
    "differing-in-sync": Broken(
        "2: what is called in sync stands there", _decide(_differing_in_sync)
    ),
    "older-is-synced": Broken(
        "5: memory permits no removal", _around(Comparer, "compare", _older_is_synced)
    ),
    "memory-lost": Broken(
        "5: what we sent is known again", _patched((Versions, "of", lambda *_: {}))
    ),
    "anything-is-the-beginning": Broken(
        "5: what is replaced begins the new version", _anything_is_the_beginning
    ),
    "refuted-in-vain": Broken(
        "1: what a job finds out is noted", _around(Uploader, "_take", _refuted_in_vain)
    ),
    "sent-again-for-ever": Broken(
        "5: what is put back each time is left there",
        _patched((planner, "_sent_again_at", lambda _file, now_ns: now_ns)),
    ),
    "missing-is-removed": Broken(
        "8: what no list has shown was not removed",
        _around(planner, "_wanted_when_missing", _missing_is_removed),
    ),
    "removed-without-config": Broken(
        "5: nothing is deleted that the config did not say",
        _changed_policy(on_local_delete=OnLocalDelete.REMOVE),
    ),
    "removed-though-changed": Broken(
        "5: only our own version is removed", _decide(_removing_changed)
    ),
    "missing-root-is-empty": Broken("6: a missing root", _missing_root_is_empty),
    "empty-root": Broken("6: an empty root", _around(Recognition, "doubt", _empty_is_fine)),
    "replaced-root": Broken(
        "6: a replaced root", _patched((Recognition, "is_another", lambda *_: False))
    ),
    "disk-known-by-device": Broken(
        "6: another disk under the same number",
        _patched((RootIdentity, "is_same", lambda self, other: self[:2] == other[:2])),
    ),
    "bind-mounts-unseen": Broken(
        "6: a bind mount that is away", _patched((FakeDisk, "mounts_below", lambda *_: frozenset()))
    ),
    "other-root-accepted": Broken(
        "6: another directory with files of the same names",
        _patched((Likeness, "objection", None)),
    ),
    "failure-blocks": Broken("7: one bad file", _around(Dispatcher, "_finished", _blocking)),
    "no-retry": Broken("1, 7: a failure is tried again", _around(Outcomes, "record", _never_again)),
    "no-reason": Broken("8: every file has a reason", _decide(_reasonless)),
    "token-in-log": Broken("9: the token", _around(Engine, "refresh", _telling_the_token)),
    "token-in-journal": Broken(
        "9: the token", _around(Engine, "_server_failed", _journaling_the_token)
    ),
    "link-followed": Broken("10: links", _decide(_following)),
    "root-behind-a-link": Broken(
        "6, 10: a root that others swapped for a link", _patched((FakeDisk, "symlink", _trusted))
    ),
    "measurement-not-awaited": Broken(
        "11: nothing of a measurement is sent before it is complete", _changed_policy(unready=None)
    ),
    "late-change-unnoticed": Broken(
        "11: a measurement that has just changed is incomplete",
        _around(measured, "conditions_of", _unsettled),
    ),
    "sentinel-remembered": Broken(
        "11: a sentinel that is taken back counts no more",
        _around(Measured, "_sentinels_in", _complete_once),
    ),
    "last-not-last": Broken(
        "11: who has the last file has all",
        _patched((Measured, "_after_others", lambda *_: None)),
    ),
    "open-files-uncounted": Broken(
        "11: a measurement with a file that is open is incomplete",
        _around(
            measurements,
            "_closed",
            lambda original, view, *at: original(view, *at)._replace(met=True),
        ),
    ),
    "asked-once": Broken(
        "11: what was closed before the last change may be open again",
        _around(measurements, "_closed", _closed_when_asked),
    ),
    "locks-uncounted": Broken(
        "11: a file that is locked is open",
        _patched((Measurements, "paths_of", lambda *_: [])),
    ),
    "unfinished-sent": Broken(
        "12: what its writer has not closed waits",
        _patched((uploader, "still_written", lambda _source: None)),
    ),
    "lock-unseen": Broken(
        "12: what its writer has locked waits",
        _patched((GuardedFile, "locked_for_writing", lambda _self: False)),
    ),
    "never-given-up": Broken(
        "1, 12: a writer that died holds nothing up for ever",
        _patched((unfinished_rules, "_may_go_unfinished", lambda *_: False)),
    ),
    "unfinished-unmarked": Broken(
        "12: what was sent unfinished is marked so", _around(Uploader, "_sent", _unmarked)
    ),
    "database-as-file": Broken("13: a database is sent whole", _databases_unknown),
    "copy-not-checked": Broken(
        "13: a copy of what changed meanwhile is made again",
        _around(snapshot._Attempts, "_copy", _consistent),
    ),
    "hot-journal-unseen": Broken(
        "13: what is not committed is undone",
        _patched((snapshot, "begins_journal", lambda _first: False)),
    ),
    "copy-outdated": Broken(
        "2, 13: what changed while it was copied is not in sync",
        _around(Uploader, "do", _as_decided),
    ),
    "part-sent": Broken(
        "13: a part of a database is not sent by itself",
        _patched((Walk, "_part", _sent_by_itself)),
    ),
    "log-unseen": Broken(
        "13: what is only in the log is seen",
        _patched(
            (walk, "log_number", lambda *_parts: 0), (database_source, "log_number", lambda *_: 0)
        ),
    ),
    "ignored-database-sent": Broken(
        "13: a database goes as the configuration says", _decide(_sending_ignored)
    ),
    "ignored-database-awaited": Broken(
        "1, 11: nothing waits for what is never sent",
        _around(Measured, "__init__", _awaiting_databases),
    ),
    "snapshot-instead": Broken(
        "13: a database goes as the configuration says",
        _around(contents.Contents, "of", _snapshots_instead),
    ),
    "room-not-asked": Broken(
        "13: a snapshot leaves room on the journal's disk",
        _patched((Snapshots, "promise", lambda *_: None)),
    ),
    "no-room-for-ever": Broken(
        "1, 13: a snapshot is made once there is room",
        _around(Outcomes, "record", _no_room_for_ever),
    ),
    "no-room-unsaid": Broken(
        "8, 13: it is said that there is no room", _around(Uploader, "_take", _no_room_unsaid)
    ),
    "large-unpaid": Broken(
        "14: a large file that settles again and again keeps to the budget",
        _patched((growing_rules, "_large_again", _unpaid)),
    ),
    "large-never-rested": Broken(
        "1, 14: a large file that stands still is sent",
        _around(planner, "paced", _never_rested),
    ),
    "line-cut": Broken(
        "14: a version ends with a line", _around(uploader, "find_beginning", _all_of_it)
    ),
    "read-once": Broken(
        "14: what is sent stood there at once", _patched((GrowingFile, "chunks", _read_once))
    ),
    "rewriting-unseen": Broken(
        "14: of a file that is rewritten nothing is sent until it stands still",
        _around(
            uploader, "find_beginning", lambda original, chunks, _known: original(chunks, None)
        ),
    ),
    "budget-ignored": Broken(
        "14: all versions keep to the budget",
        _patched((growing_rules._Pace, "_counts_no_longer", lambda _self: True)),
    ),
    "provisional-in-sync": Broken(
        "2, 14: a provisional version is not in sync", _decide(_provisional_in_sync)
    ),
    "each-failure-told": Broken(
        "an outage is one line", _around(Engine, "_server_failed", _telling_each_failure)
    ),
}
"""By name."""
