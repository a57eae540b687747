"""What an experiment is called that a folder gets by itself: title, description and tags. Pure.

They come from templates, which are filled from the folder's path and from what its files say, and
are fitted to what a server takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aqsync.config import MappingConfig, patterns
from aqsync.config.made import FOLDER, RESERVED
from aqsync.layout.identity import identity_of, identity_tag
from aqsync.local.folders import FolderPattern
from aqsync.local.rules import fitting_tag
from aqsync.model import MadeWords
from aqsync.wording import counted

MOST_TITLE = 256
MOST_DESCRIPTION = 5000
MOST_TAGS = 64
"""What a server takes: characters, and tags of an experiment when it is made."""
ARCHIVED = "__archived__"
"""The tag that hides an experiment; no folder's name may give it."""


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What a folder's own files say about it."""

    values: Mapping[str, str] = field(default_factory=dict)
    """By name, for braces in templates. ``title`` and ``description`` stand for a template that the
    mapping does not have."""
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be read, for people."""
    seen: str = ""
    """How the file stood that did not tell everything; empty: nothing is to be read again."""


Facts = Callable[[MappingConfig, str, str], FolderFacts | None]
"""Asks for what is known of a mapping's folder; None: the file that says it is not there yet, or
stands as it was seen before."""


class Told(NamedTuple):
    """What a folder's experiment is called, by what its files tell now."""

    words: MadeWords
    is_news: bool
    """Its files were read, or there is none to read."""
    seen: str
    """How the file stood that did not tell everything; empty: nothing is to be read again."""

    @property
    def whole(self) -> bool:
        """Whether its files have told all they should."""
        return self.is_news and not self.seen


def no_facts(mapping: MappingConfig, folder: str, seen: str) -> FolderFacts:
    """What is known where no file is asked."""
    del mapping, folder, seen
    return FolderFacts()


def words_of(mapping: MappingConfig, folder: str, key: str, facts: Facts, seen: str = "") -> Told:
    """What a folder's experiment is called.

    Args:
        mapping: Has the templates.
        folder: The folder's path, relative to the mapping's root.
        key: The experiment's.
        facts: Asks what the folder's files say.
        seen: How the file stood that is not to be read again if it still does.
    """
    known = facts(mapping, folder, seen)
    said = known or FolderFacts()
    words = made_words(mapping, folder, identity_of(key), said)
    return Told(words, known is not None, said.seen)


def made_words(mapping: MappingConfig, folder: str, identity: str, facts: FolderFacts) -> MadeWords:
    """Title, description and tags of a folder's experiment.

    Args:
        mapping: Has the templates.
        folder: The folder's path, relative to the mapping's root.
        identity: The folder's.
        facts: What its files say.
    """
    pattern = FolderPattern(mapping.experiment_folder or "")
    values = {FOLDER: folder, **facts.values, **pattern.names(folder)}
    said = facts.values
    title = mapping.title or said.get("title") or f"{{{FOLDER}}}"
    place = f"Made by aqsync for {mapping.directory / folder}"
    cuts = list(facts.problems)
    return MadeWords(
        title=_cut("title", _one_line(_filled(title, values)) or folder, MOST_TITLE, cuts),
        description=_cut(
            "description",
            _filled(mapping.description, values)
            if mapping.description
            else _text(said.get("description") or place),
            MOST_DESCRIPTION,
            cuts,
        ),
        tags=_tags(mapping, values, facts.tags, identity_tag(identity), cuts),
        cuts=tuple(cuts),
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    if not patterns.brace_names(template):
        return _text(template)
    return _text(
        patterns.fill(
            template, {name: values.get(name, "") for name in patterns.brace_names(template)}
        )
    )


def _text(text: str) -> str:
    """As a server can store it: no bytes that are no UTF-8, and no control characters."""
    shown = text.encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in shown).strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(what: str, text: str, most: int, cuts: list[str]) -> str:
    if len(text) <= most:
        return text
    cuts.append(f"{what} cut to {most} of {len(text)} characters")
    return text[: most - 1] + "…"


def _tags(
    mapping: MappingConfig,
    values: Mapping[str, str],
    own: Iterable[str],
    identity: str,
    cuts: list[str],
) -> tuple[str, ...]:
    """The tags, the identity's first, each in one spelling."""
    templates = [tag for rule in mapping.tags if not rule.match for tag in rule.add]
    wanted = [_filled(template, values) for template in templates] + [_text(tag) for tag in own]
    tags = {identity: identity}
    for text in filter(None, wanted):
        tag = fitting_tag(text)
        if tag.lower() == ARCHIVED or tag.lower().startswith(RESERVED):
            cuts.append(f"tag {tag} left out, as it has a meaning of its own")
            continue
        if len(text) > len(tag):
            cuts.append(f"tag {tag} cut to {len(tag)} of {len(text)} characters")
        elif text != tag:
            cuts.append(f"tag {text!r} written as {tag}")
        tags.setdefault(tag.lower(), tag)
    if len(tags) > MOST_TAGS:
        cuts.append(f"{counted(len(tags) - MOST_TAGS, 'tag')} left out: a server takes {MOST_TAGS}")
    return tuple(tags.values())[:MOST_TAGS]
