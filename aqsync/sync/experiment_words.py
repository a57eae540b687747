"""Writes titles and descriptions of experiments that made themselves anew, when they are outdated.

They are when a folder was renamed, or when its files tell now what they did not tell before. What a
person has changed on the server is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExperimentRef
from aqsync.config import MappingConfig
from aqsync.errors import Forbidden, OperationFailed
from aqsync.journal import Journal
from aqsync.journal.made import Made
from aqsync.layout.identity import folder_identity, identity_tag, moved_tag
from aqsync.local.made_folders import label_of
from aqsync.local.made_words import Facts, words_of
from aqsync.log import Log
from aqsync.model import MadeWords

log = Log(__name__)


def reword(
    server: Client,
    journal: Journal,
    mappings: Collection[MappingConfig],
    facts: Facts,
    now_ns: int,
    beat: Callable[[], None],
) -> None:
    """Write what is outdated anew.

    Args:
        server: Where the experiments are.
        journal: Knows what was written.
        mappings: Whose experiments; they have the templates.
        facts: Asks what a folder's files say.
        now_ns: The wall clock, nanoseconds since 1970.
        beat: Called for each one, to show progress.

    Raises:
        RemoteError: The server cannot be asked.
    """
    by_name = {mapping.name: mapping for mapping in mappings if mapping.makes_experiments}
    for key, made in journal.made.to_reword().items() if by_name else ():
        place = journal.made.place_of(key)
        mapping = None if place is None else by_name.get(place[0])
        if mapping is None:
            continue
        beat()
        renamed = made.was != made.folder
        told = words_of(mapping, made.folder, key, facts, "" if renamed else made.seen)
        words = told.words
        if not renamed and not told.is_news:
            continue
        try:
            uuid = UUID(journal.remote.uuid(key))
            now = server.experiment(uuid)
            written = _written(server, now, made, words)
            if renamed:
                _move_path_tags(server, journal, mapping, now, made)
        except (OperationFailed, Forbidden) as exc:
            eid = journal.remote.shown(key)
            log.warning("could not be named anew", experiment=eid, reason=exc.message)
            written = made
        journal.tags.earn([(key, tag) for tag in words.tags[1:]], now_ns)
        for cut in set(written.cuts) - set(made.cuts):
            eid = journal.remote.shown(key)
            log.warning("fitted to what the server takes", experiment=eid, what=cut)
        journal.made.reworded(key, written, whole=told.whole, seen=told.seen)


def _move_path_tags(
    server: Client, journal: Journal, mapping: MappingConfig, now: ExperimentRef, made: Made
) -> None:
    """Let a renamed folder be known without this journal, and its old path be free for another."""
    label = label_of(mapping)
    here = folder_identity(label, mapping.name, made.folder)
    journal.made.take(journal.mappings.get(mapping.name).id, here)
    was = folder_identity(label, mapping.name, made.was)
    server.add_tags(now.uuid, [identity_tag(here), moved_tag(was)])
    if moved_tag(here) in now.tags:  # it had this path before
        server.remove_tag(now.uuid, moved_tag(here))


def _written(server: Client, now: ExperimentRef, made: Made, words: MadeWords) -> Made:
    """What is written from here and stands on the server, after it was brought up to date."""
    # An update may have arrived before, without an answer.
    title = words.title if now.title in {made.title, words.title} else None
    text = words.description if now.description in {made.description, words.description} else None
    if title not in {None, now.title} or text not in {None, now.description}:
        server.update_experiment(now.uuid, title=title, description=text)
    return made._replace(title=title, description=text, cuts=words.cuts)
