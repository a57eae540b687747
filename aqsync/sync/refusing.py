"""Finds out whether a refusal concerns one file, its experiment, or the token."""

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
from aqsync.sync.backoff import backoff_ns
from aqsync.sync.planner import action_of

_WHAT = {
    Action.SEND: "uploads",
    Action.COMPARE: "downloads for comparing",
    Action.REMOVE: "removals",
}

log = Log(__name__)


class Refusing:
    """Notes what the server refuses (403), and when it allows it again.

    A single refusal concerns the file. If three different files of an experiment are refused in a
    row, each for the first time and none accepted in between, it concerns the experiment; three
    such experiments, the token. If even the probe, which stores nothing, is refused, it concerns
    the token too. Each is logged once. From then on one file at a time tries it, with growing
    pauses, and the first that is accepted ends the refusal.

    Args:
        journal: Keeps the refusals.
        clock: The time.
        probe: Tries whether uploads can arrive at all.
        changed: Called when policies computed before may be outdated.
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
        """A job begins; if its action is refused, it is the one that tries again."""
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
        """Whether a known refusal explains why a step fails."""
        refused, action = self._journal.refusals.current(), action_of(step)
        return any((eid, action) in refused for eid in (str(file.eid), EVERYWHERE))

    def accepted(self, file: FileRecord, step: Upload | Compare | RemoveRemote) -> None:
        """The server has accepted a request about a file."""
        action = action_of(step)
        self._has_accepted = self._has_accepted or action is Action.SEND
        healed = self._journal.refusals.accepted(str(file.eid), action)
        for eid in healed:
            about = self._journal.remote.shown(eid) or None
            log.info("recovered: allowed again", experiment=about, what=_WHAT[action])
        if healed:
            self._changed()

    def refused(
        self, file: FileRecord, step: Upload | Compare | RemoveRemote, exc: Forbidden
    ) -> None:
        """The server did not allow something for a file.

        Raises:
            RemoteError: The probe failed for another reason: the server cannot be used.
        """
        eid, action = str(file.eid), action_of(step)
        refused = self._journal.refusals.current()
        known = [each for each in (eid, EVERYWHERE) if (each, action) in refused]
        if known:  # this job tried again, or was running already
            for each in known:
                newest = replace(refused[each, action], why=self._not_allowed(each, action, exc))
                self._journal.refusals.set(each, action, newest)
            self._changed()
            return
        if action is Action.SEND and not self._probe_passes():
            self._all_refused(EVERYWHERE, action, exc)
            return
        if file.failure is not None:
            return  # it was refused before, so this says nothing about other files
        files, everywhere = self._journal.refusals.refused(eid, action, file.id)
        if files >= IN_A_ROW:
            self._all_refused(eid, action, exc)
        if everywhere:
            self._all_refused(EVERYWHERE, action, exc)

    def _probe_passes(self) -> bool:
        """False if the probe is refused too, and that proves something.

        The probe names an experiment that does not exist, so a server may refuse it to everybody.
        If uploads were accepted though no probe has passed, a refused probe proves nothing.
        """
        try:
            self._probe()
        except Forbidden:
            return self._has_accepted and not self._probe_has_passed
        self._probe_has_passed = True
        return True

    def _all_refused(self, eid: str, action: Action, exc: Forbidden) -> None:
        now_ns = self._clock.now_ns()
        why = self._not_allowed(eid, action, exc)
        refusal = Refusal(why, now_ns, 1, now_ns + backoff_ns(1, 0))
        self._journal.refusals.set(eid, action, refusal)
        about = self._journal.remote.shown(eid) or None
        log.warning(
            "not allowed by the server", experiment=about, reason=why.message, hint=why.hint
        )
        self._changed()

    def _not_allowed(self, eid: str, action: Action, exc: Forbidden) -> Explanation:
        shown = self._journal.remote.shown(eid)
        whose = f"for experiment {shown}" if eid != EVERYWHERE else "with this token"
        return Reason.NOT_ALLOWED.explain(what=_WHAT[action], whose=whose, said=exc.message)
