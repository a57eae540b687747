"""The mirror: asks the server which experiments and files it has, and notes it in the journal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from uuid import UUID

from aqsync.aqueduct.address import server_address
from aqsync.aqueduct.by_eid import named_by_eid
from aqsync.aqueduct.client import Client
from aqsync.clock import Clock
from aqsync.errors import AnswerTooLarge, Forbidden
from aqsync.journal import Journal
from aqsync.layout.identity import is_key
from aqsync.model import Problem, Reason
from aqsync.sync.backoff import search_pause_ns
from aqsync.sync.experiment_maker import ExperimentMaker

CHUNK = 50
"""Experiments whose lists are asked for in one request, unless they are too long together."""
SPEAK_FOR_ALL = 3
"""If the lists of the first so many experiments are all refused, it concerns the token."""


class Mirror:
    """Keeps the journal's copy of the remote side.

    Every method raises `RemoteError` if the server cannot be asked; what is known of the rest then
    stays as it was.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        clock: Clock,
        maker: ExperimentMaker | None = None,
    ) -> None:
        self._maker = ExperimentMaker(server, journal, clock, ()) if maker is None else maker
        self._server = server
        self._journal = journal
        self._clock = clock
        self._address = server_address(server.url)
        self._at_once = CHUNK

    def resolve(self, eids: Collection[str], beat: Callable[[], None] = lambda: None) -> None:
        """Look these experiments up, and note which do not exist."""
        keys = {eid for eid in eids if is_key(eid)}
        self._maker.look_anew(keys, beat)
        eids = set(eids) - keys
        if not eids:
            return
        found = self._server.resolve(sorted(eids))
        known, now_ns = self._journal.remote.experiments(eids), self._clock.now_ns()
        self._journal.remote.found(
            {eid: str(experiment.uuid) for eid, experiment in found.items() if experiment},
            self._address,
        )
        missing = [eid for eid, experiment in found.items() if experiment is None]
        looks = {eid: 1 + (known[eid].looks if eid in known else 0) for eid in missing}
        self._journal.remote.not_found(
            {eid: Problem(Reason.NO_EXPERIMENT.explain(eid=eid), now_ns) for eid in missing},
            {eid: now_ns + search_pause_ns(looks[eid]) for eid in missing},
        )

    def refresh(self, eids: Iterable[str], beat: Callable[[], None] = lambda: None) -> set[str]:
        """Fetch the file lists of these experiments; unknown ones are looked up first.

        Args:
            eids: Which.
            beat: Called for each request, to show progress: there may be thousands.

        Returns:
            Those whose lists were fetched; others do not exist, or are not allowed.
        """
        wanted = set(eids)
        self._maker.look_again()
        known = self._journal.remote.experiments(wanted)
        # A server at another address may be another one, with the same EIDs.
        here = {e for e, found in known.items() if found.uuid and found.address == self._address}
        self.resolve(wanted - here, beat)
        # Experiments that could not be used before get a request of their own.
        doubtful = {e for e in wanted if e in known and known[e].problem}
        vanished = self._list(wanted - doubtful, beat) | self._list(doubtful, beat)
        if vanished:
            # The experiment was removed; its EID may belong to a new one since.
            self.resolve(vanished, beat)
            known = self._journal.remote.experiments(vanished)
            self._list({eid for eid in vanished if not known[eid].problem}, beat)
        return wanted - self._journal.remote.problems().keys()

    def _list(self, eids: set[str], beat: Callable[[], None]) -> set[str]:
        """Fetch lists; returns the experiments that the server no longer has."""
        known = self._journal.remote.experiments(eids)
        listable = {UUID(known[eid].uuid): eid for eid in eids if eid in known and known[eid].uuid}
        uuids = sorted(listable)
        vanished: set[str] = set()
        while uuids:
            chunk = {uuid: listable[uuid] for uuid in uuids[: self._at_once]}
            try:
                vanished |= self._list_chunk(chunk)
            except Forbidden as exc:
                vanished |= self._list_one_by_one(chunk, exc)
            except AnswerTooLarge:
                if len(chunk) == 1:
                    raise
                self._at_once = len(chunk) // 2
                continue
            uuids = uuids[len(chunk) :]
            beat()
        return vanished

    def _list_one_by_one(self, chunk: dict[UUID, str], exc: Forbidden) -> set[str]:
        """A request for all of these was refused: find out which lists are not allowed.

        Raises:
            Forbidden: The refusal does not concern single experiments.
        """
        vanished: set[str] = set()
        refused: dict[str, Forbidden] = {}
        for asked, (uuid, eid) in enumerate(chunk.items() if len(chunk) > 1 else (), start=1):
            try:
                vanished |= self._list_chunk({uuid: eid})
            except Forbidden as single:
                refused[eid] = single
                if len(refused) == asked == SPEAK_FOR_ALL:
                    raise
        if len(chunk) == 1:
            refused = dict.fromkeys(chunk.values(), exc)
        self._server.check_file_name_header()  # if that is refused too, it concerns the token
        known, now_ns = self._journal.remote.experiments(refused), self._clock.now_ns()
        self._journal.remote.not_found(
            {
                eid: Problem(
                    Reason.LIST_NOT_ALLOWED.explain(said=each.message, advice=each.hint), now_ns
                )
                for eid, each in refused.items()
            },
            {eid: now_ns + search_pause_ns(1 + known[eid].looks) for eid in refused},
        )
        return vanished

    def _list_chunk(self, chunk: dict[UUID, str]) -> set[str]:
        remote = self._journal.remote
        names = [str(uuid) for uuid in chunk]
        sequence = remote.next_sequence()
        with named_by_eid({uuid: remote.shown(eid) for uuid, eid in chunk.items()}):
            answer = self._server.list_files(list(chunk), known_digest=remote.digest(names))
        now_ns = self._clock.now_ns()
        if answer is None:
            remote.unchanged(chunk.values(), sequence, now_ns)
            return set()
        lists = {chunk[uuid]: files for uuid, files in answer.files.items() if files is not None}
        remote.listed(lists, (names, answer.digest), sequence, now_ns)
        return {chunk[uuid] for uuid, files in answer.files.items() if files is None}
