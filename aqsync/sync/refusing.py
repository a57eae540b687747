"""Whose a refusal is: one file's, its experiment's, or the token's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aqsync.clock import Clock
from aqsync.errors import Forbidden
from aqsync.journal import Journal
from aqsync.journal.refusals import EVERYWHERE, IN_A_ROW
from aqsync.log import Log
from aqsync.model import (
    Action,
    Compare,
    Explanation,
    FileRecord,
    Reason,
    Refusal,
    RemoveRemote,
    Upload,
)
from aqsync.sync.planner import action_of, backoff_ns

_DEEDS = {
    Action.SEND: "uploads",
    Action.COMPARE: "downloads for comparing",
    Action.REMOVE: "removals",
}

log = Log(__name__)


class Refusing:
    """Notes what the server does not allow (403), and that it does again.

    A single refusal is the file's. Three different files of an experiment in a row, each refused
    for the first time and none accepted in between, are the experiment's; three such experiments
    are the token's. So is a refusal where even the probe, which stores nothing, is refused. Each
    is told once. From then on one file at a time tries it, with growing pauses, and the first
    that is accepted ends it.

    Args:
        journal: Keeps it.
        clock: For the pauses.
        probe: Tries whether uploads can arrive at all.
        changed: Called when policies that were worked out before may be past.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        probe: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._probe = probe
        self._changed = changed
        self._probe_has_passed = False
        self._has_accepted = False

    def trying(self, file: FileRecord, step: Upload | Compare | RemoveRemote) -> None:
        """A job begins: where all like it are refused, it is the one that tries."""
        refused = self._journal.refusals.current()
        if not refused:
            return
        action, now_ns = action_of(step), self._clock.now_ns()
        for eid in (str(file.eid), EVERYWHERE):
            if (refusal := refused.get((eid, action))) is not None:
                tries = refusal.tries + 1
                again_ns = now_ns + backoff_ns(tries, 0)
                later = replace(refusal, tries=tries, again_ns=again_ns)
                self._journal.refusals.set(eid, action, later)
                self._changed()

    def explains(self, file: FileRecord, step: Upload | Compare | RemoveRemote) -> bool:
        """Whether it is told already why a step like this one fails."""
        refused, action = self._journal.refusals.current(), action_of(step)
        return any((eid, action) in refused for eid in (str(file.eid), EVERYWHERE))

    def accepted(self, file: FileRecord, step: Upload | Compare | RemoveRemote) -> None:
        """The server did what it was asked about a file."""
        action = action_of(step)
        self._has_accepted = self._has_accepted or action is Action.SEND
        healed = self._journal.refusals.accepted(str(file.eid), action)
        for eid in healed:
            about = eid or None
            log.info("recovered: allowed again", experiment=about, what=_DEEDS[action])
        if healed:
            self._changed()

    def refused(
        self, file: FileRecord, step: Upload | Compare | RemoveRemote, exc: Forbidden
    ) -> None:
        """The server did not allow something for a file.

        Raises:
            RemoteError: The probe failed otherwise: it is the server's state.
        """
        eid, action = str(file.eid), action_of(step)
        refused = self._journal.refusals.current()
        known = [each for each in (eid, EVERYWHERE) if (each, action) in refused]
        if known:  # one that tried, or was under way
            for each in known:
                newest = replace(refused[each, action], why=_not_allowed(each, action, exc))
                self._journal.refusals.set(each, action, newest)
            self._changed()
            return
        if action is Action.SEND and not self._probe_passes():
            self._all_refused(EVERYWHERE, action, exc)
            return
        if file.failure is not None:
            return  # its own pauses come to their ends: that speaks for no other file
        files, everywhere = self._journal.refusals.refused(eid, action, file.id)
        if files >= IN_A_ROW:
            self._all_refused(eid, action, exc)
        if everywhere:
            self._all_refused(EVERYWHERE, action, exc)

    def _probe_passes(self) -> bool:
        """False: the probe is refused too, and that means something.

        A server may refuse it to everybody, for it names an experiment that does not exist; where
        it never passed though uploads were accepted, it proves nothing.
        """
        try:
            self._probe()
        except Forbidden:
            return self._has_accepted and not self._probe_has_passed
        self._probe_has_passed = True
        return True

    def _all_refused(self, eid: str, action: Action, exc: Forbidden) -> None:
        now_ns = self._clock.now_ns()
        why = _not_allowed(eid, action, exc)
        refusal = Refusal(why, now_ns, 1, now_ns + backoff_ns(1, 0))
        self._journal.refusals.set(eid, action, refusal)
        about = eid or None
        log.warning(
            "not allowed by the server", experiment=about, reason=why.message, hint=why.hint
        )
        self._changed()


def _not_allowed(eid: str, action: Action, exc: Forbidden) -> Explanation:
    whose = f"for experiment {eid}" if eid != EVERYWHERE else "with this token"
    return Reason.NOT_ALLOWED.explain(what=_DEEDS[action], whose=whose, said=exc.message)
