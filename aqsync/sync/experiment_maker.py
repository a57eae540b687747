"""Makes the experiments of folders that get one each: one a folder, whatever is killed or lost.

A folder's experiment is found by its tag. Before one is made it is looked for, archived or not;
that the server is asked is noted first, so that after a lost answer it is looked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from aqsync.aqueduct.address import server_address
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.clock import Clock
from aqsync.config import MappingConfig
from aqsync.errors import Forbidden, OperationFailed
from aqsync.journal import Journal
from aqsync.journal.history import Event, HistoryKind
from aqsync.layout.identity import folder_identity, identity_of, identity_tag, moved_tag
from aqsync.local.made_folders import label_of
from aqsync.local.made_words import MOST_TAGS, Facts, no_facts, words_of
from aqsync.log import Log
from aqsync.model import SECOND_NS, MadeWords, Problem, Reason
from aqsync.sync.backoff import search_pause_ns
from aqsync.sync.experiment_rules import LOOK_AGAIN_NS
from aqsync.sync.experiment_words import reword

MOST_LOOKED_FOR = 250
"""Experiments that are looked for once more before one list; others wait for the next one."""
_AT_ONCE = 25
"""Tags in one request."""

log = Log(__name__)


class ExperimentMaker:
    """Finds and makes experiments by the keys that stand in the place of their EIDs.

    Every method raises `RemoteError` if the server cannot be asked.

    Args:
        server: Where they are.
        journal: Knows the folders, and what was made.
        clock: The time.
        mappings: Have the templates.
        facts: Asks what a folder's files say.
    """

    def __init__(
        self,
        server: Client,
        journal: Journal,
        clock: Clock,
        mappings: Collection[MappingConfig],
        facts: Facts = no_facts,
    ) -> None:
        self._server = server
        self._journal = journal
        self._clock = clock
        self._mappings = {mapping.name: mapping for mapping in mappings}
        self._facts = facts
        self._address = server_address(server.url)
        self._doubles_at = float("-inf")
        """When to look again for those with doubles, by the monotonic clock."""

    def look_for(self, keys: Collection[str], beat: Callable[[], None] = lambda: None) -> set[str]:
        """Look these experiments up by their tags; returns those that are there.

        Args:
            keys: Theirs.
            beat: Called for each request, to show progress.
        """
        if not keys:
            return set()
        tags = {identity_tag(identity_of(key)): key for key in sorted(keys)}
        asked, answer = list(tags), dict[str, list[ExperimentRef]]()
        for start in range(0, len(asked), _AT_ONCE):
            answer |= self._server.tagged(asked[start : start + _AT_ONCE])
            beat()
        uuids = [str(each.uuid) for experiments in answer.values() for each in experiments]
        owners = self._journal.remote.keys_of(uuids)
        found = set[str]()
        for tag, experiments in answer.items():
            key = tags[tag]
            own = [each for each in experiments if _is_of(key, each, owners)]
            if not own:
                continue
            found.add(key)
            owners[str(own[0].uuid)] = key
            self._found(key, own)
            if (place := self._journal.made.place_of(key)) is not None:
                self._journal.made.found(key, self._clock.now_ns(), place[1])
        return found

    def look_anew(self, keys: Collection[str], beat: Callable[[], None]) -> None:
        """Look for experiments that are known no more where they were, or never were.

        One that this server had, and that is not found, was removed by a person.
        """
        if not keys:
            return
        known = self._journal.remote.experiments(keys)  # first: one may be made meanwhile
        missing = set(keys) - self.look_for(keys, beat)
        now_ns = self._clock.now_ns()
        removed, elsewhere = dict[str, Problem](), list[str]()
        for key in missing:
            record = known.get(key)
            if record is None or record.uuid is None:
                continue
            if record.address != self._address:
                elsewhere.append(key)
                continue
            eid = record.shown_eid
            removed[key] = Problem(Reason.EXPERIMENT_REMOVED.explain(eid=eid), now_ns)
        self._journal.remote.unmake(elsewhere)
        self._journal.remote.not_found(
            removed, {key: now_ns + search_pause_ns(1 + known[key].looks) for key in removed}
        )

    def look_again(self) -> None:
        """Look once more for experiments that were made a while ago: an older one counts.

        Those with doubles are looked for until a person has merged them, once in a while: this is
        called before each list.
        """
        now_ns, now = self._clock.now_ns(), self._clock.monotonic()
        due = set(self._journal.made.to_look_for_again(now_ns - LOOK_AGAIN_NS, now_ns))
        if now >= self._doubles_at:
            self._doubles_at = now + LOOK_AGAIN_NS / SECOND_NS
            due |= self._journal.made.doubles().keys()
        some = sorted(due)[:MOST_LOOKED_FOR]
        self.look_for(some)
        for key in some:  # one that is not there is missed by those who ask for its list
            self._journal.made.looked_again(key)

    def make(self, key: str) -> bool:
        """Make the experiment of a folder, unless it is there; false if the server refuses.

        Its journaled state then says why, and when it may be tried again.
        """
        place = self._journal.made.place_of(key)
        if place is None or self.look_for([key]):
            return place is not None
        mapping, folder = self._mappings[place[0]], place[1]
        told = words_of(mapping, folder, key, self._facts)
        words = told.words
        self._journal.made.asked(key, self._clock.now_ns())
        self._journal.make_durable(at_once=True)
        try:
            made = self._server.create_experiment(
                words.title, words.description, _tags(mapping, folder, words)
            )
        except (OperationFailed, Forbidden) as exc:
            self._refused(key, folder, exc)
            return False
        self._journal.made.made(
            key, self._clock.now_ns(), words, folder, whole=told.whole, seen=told.seen
        )
        self._note(key, [made])
        self._journal.make_durable(at_once=True)
        log.info("made an experiment", experiment=made.eid, title=words.title, folder=folder)
        text = "; ".join([f"{made.eid}: {words.title}", *words.cuts])
        self._journal.history.note(
            Event(self._clock.now_ns(), HistoryKind.EXPERIMENT_MADE, mapping.name, folder, text)
        )
        for cut in words.cuts:
            log.warning("fitted to what the server takes", experiment=made.eid, what=cut)
        self.look_for([key])
        return True

    def would_make(self, key: str) -> tuple[str, MadeWords] | None:
        """The folder that an experiment would be made for, and what it would be called."""
        place = self._journal.made.place_of(key)
        if place is None or place[0] not in self._mappings:
            return None
        mapping, folder = self._mappings[place[0]], place[1]
        return folder, words_of(mapping, folder, key, self._facts).words

    def reword(self, beat: Callable[[], None] = lambda: None) -> None:
        """Write titles and descriptions anew that are out of date, if no person changed them.

        Args:
            beat: Called for each one, to show progress.
        """
        reword(
            self._server,
            self._journal,
            self._mappings.values(),
            self._facts,
            self._clock.now_ns(),
            beat,
        )

    def _found(self, key: str, experiments: list[ExperimentRef]) -> None:
        """Several experiments have the tag: use the oldest, and name the others to people."""
        before = self._journal.made.doubles().get(key, [])
        self._note(key, experiments)
        oldest, *younger = experiments
        for each in younger:
            if (each.eid, str(each.uuid)) not in before:
                log.warning(
                    "two experiments belong to one folder; the older one counts",
                    experiment=oldest.eid,
                    double=each.eid,
                    hint=f"aqsync experiment merge {each.eid} --into {oldest.eid}",
                )

    def _note(self, key: str, experiments: list[ExperimentRef]) -> None:
        oldest, *younger = experiments
        self._journal.remote.found({key: str(oldest.uuid)}, self._address, shown={key: oldest.eid})
        doubles: Mapping[str, str] = {str(each.uuid): each.eid for each in younger}
        self._journal.made.set_doubles(key, doubles)

    def _refused(self, key: str, folder: str, exc: OperationFailed | Forbidden) -> None:
        now_ns = self._clock.now_ns()
        self._journal.made.asked(key, None)
        known = self._journal.remote.experiments([key]).get(key)
        looks = 1 + (known.looks if known is not None else 0)
        why = Reason.EXPERIMENT_NOT_MADE.explain(
            folder=folder, said=exc.message, advice=exc.hint or "ask who runs the server"
        )
        self._journal.remote.not_found(
            {key: Problem(why, now_ns)}, {key: now_ns + search_pause_ns(looks)}
        )


def _is_of(key: str, experiment: ExperimentRef, owners: Mapping[str, str]) -> bool:
    """Whether an experiment with the tag of a key's folder is not another folder's.

    A folder that was renamed keeps its old tag, and another one may have its old path.
    """
    owner = owners.get(str(experiment.uuid))
    if owner is not None:
        return owner == key
    return moved_tag(identity_of(key)) not in experiment.tags


def _tags(mapping: MappingConfig, folder: str, words: MadeWords) -> list[str]:
    """The tags of a new experiment: that of its path too, which another folder may have had."""
    here = identity_tag(folder_identity(label_of(mapping), mapping.name, folder))
    return list(dict.fromkeys([words.tags[0], here, *words.tags[1:]]))[:MOST_TAGS]
