"""What a mapping's patterns say about a path: whether it is taken, its target and its tags."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice

from aqsync.config import MappingConfig, patterns
from aqsync.config.models import MAX_TAG_LENGTH
from aqsync.errors import ConfigError
from aqsync.layout.own_files import is_own
from aqsync.local.chooser import Chooser, alternatives
from aqsync.local.folders import FolderPattern, folders_of
from aqsync.model import Databases

IGNORE_FILE = ".aqsyncignore"
"""A file in a root with more patterns to ignore; it is never uploaded itself."""
MOST_ROOT_PATTERNS = 1000
"""In an ignore file; each is tried on each new name."""

_REMEMBERED_DIRECTORIES = 4096
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_:/-]")


class LeftOut(Enum):
    """Why a file is not selected."""

    IGNORED = "ignored"
    NOT_INCLUDED = "not included"


_IGNORED = LeftOut.IGNORED  # looking a member up in its class takes longer than all the rest
_NOT_INCLUDED = LeftOut.NOT_INCLUDED


@dataclass(frozen=True, slots=True)
class _IgnorePattern:
    text: str
    source: str
    ignores: bool
    """False for a pattern with ``!``, which takes files back."""
    entry: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Cause:
    """Which pattern ignores which file or directory."""

    pattern: _IgnorePattern
    entry: str


def target_fingerprint(mapping: MappingConfig) -> str:
    """Changes when a mapping's files may go elsewhere."""
    own = [] if mapping.experiment_folder is None else [mapping.experiment_folder]
    return _fingerprint(mapping.experiment, mapping.path, mapping.prefix, *own)


def fitting_tag(text: str) -> str:
    """The text as a tag that the server takes: what it does not allow becomes ``-``."""
    return _NOT_IN_TAGS.sub("-", text)[:MAX_TAG_LENGTH]


class Rules:
    """A mapping's patterns, compiled; build it once for each scan. Safe to share between threads.

    Ignoring works as in git: from the root down, the last pattern that matches a directory or
    file decides; everything in an ignored directory is ignored, whatever other patterns say.
    ``include`` looks at the whole path: the last pattern that matches it, or a directory above
    it, decides.

    Paths are relative, with ``/`` between the parts, as `os.fsdecode` gives them.

    Args:
        mapping: The mapping.
        root_ignore: The text of the root's ``.aqsyncignore``. Its patterns come after the
            mapping's own, so they have the last word.

    Raises:
        ConfigError: A line of ``root_ignore`` is no pattern, or it has too many.
    """

    def __init__(self, mapping: MappingConfig, root_ignore: str = "") -> None:
        self._mapping = mapping
        self.root_ignore = root_ignore
        self.knows_databases = mapping.databases is not Databases.FILE
        """Whether databases, with their logs, are something else than files."""
        lines = [(line, "ignore") for line in mapping.ignore]
        root_lines = root_ignore.removeprefix("\ufeff").split("\n")
        lines += [
            (line.removesuffix("\r"), f"{IGNORE_FILE}, line {number}")
            for number, line in enumerate(root_lines, start=1)
        ]
        most = len(mapping.ignore) + MOST_ROOT_PATTERNS
        self._ignore = tuple(islice(_compile_ignore(lines), most + 1))
        if len(self._ignore) > most:
            raise ConfigError(f"{IGNORE_FILE} has more than {MOST_ROOT_PATTERNS} patterns")
        self._any_name, self._any_path = _compile_quick(self._ignore)
        self._include = Chooser(mapping.include)
        self._path = None if mapping.path is None else patterns.compile_path_pattern(mapping.path)
        made_in = mapping.experiment_folder
        self.experiment_folders = None if made_in is None else FolderPattern(made_in)
        """With ``experiment: new``, the folders that get an experiment each."""
        self._tag_rules = tuple(rule for rule in mapping.tags if rule.match)
        self._tags = tuple(
            (patterns.compile_path_pattern(rule.match), rule.add) for rule in self._tag_rules
        )
        section = mapping.measurement
        self._folders = None if section is None else folders_of(section)
        self._ignored_directory = lru_cache(_REMEMBERED_DIRECTORIES)(self._find_ignored_directory)

        noted = [] if section is None else [section.folder, section.complete.sentinel]
        self.selection_fingerprint = _fingerprint(
            mapping.include, mapping.ignore, root_lines, mapping.databases.value, *noted
        )
        """Changes when other files may be selected."""
        self.target_fingerprint = target_fingerprint(mapping)
        """Changes when files may go elsewhere."""
        self.tags_fingerprint = _fingerprint([(rule.match, rule.add) for rule in self._tag_rules])
        """Changes when files may get other tags."""

    def enters(self, directory: str) -> bool:
        """Whether anything in a directory can be selected; False when it is ignored.

        Args:
            directory: Its path, without a slash at the end; empty for the root.
        """
        return not directory or self._ignored_directory(directory) is None

    def selects(self, path: str) -> bool:
        """Whether a file is included and not ignored."""
        return self.left_out(path) is None

    def left_out(self, path: str) -> LeftOut | None:
        """Why a file is not selected; None if it is."""
        directory, _, name = path.rpartition("/")
        if directory and self._ignored_directory(directory) is not None:
            return _IGNORED
        if self._may_be_ignored(path, name) and self._ignoring(path, path) is not None:
            return _IGNORED
        if path == IGNORE_FILE or is_own(name):
            return _IGNORED
        return None if not self._include or self._include.takes(path) else _NOT_INCLUDED

    def is_sentinel(self, path: str) -> bool:
        """Whether a file says by being there that its measurement is complete."""
        return self._folders is not None and self._folders.is_sentinel(path)

    @property
    def matching(self) -> Iterator[tuple[str, re.Pattern[str]]]:
        """Each pattern that takes, leads or tags files, with its key, for ``search`` on a path."""
        for pattern in self._mapping.include:
            compiled = patterns.inside_regex(pattern)
            if compiled is not None and compiled[1]:
                yield f"`include` pattern {pattern}", compiled[0]
        if self._path is not None:
            yield f"`path` pattern {self._mapping.path}", self._path
        for rule, (match, _) in zip(self._tag_rules, self._tags, strict=True):
            yield f"`tags` pattern {rule.match}", match

    def explain(self, path: str) -> str | None:
        """Why a file is left out, for a person; None if it is selected."""
        if self.selects(path):
            return None
        if path == IGNORE_FILE:
            return f"{IGNORE_FILE} holds patterns and is never uploaded"
        if is_own(path.rpartition("/")[2]):
            return "aqsync itself made it, for a moment, and never uploads it"
        directory = path.rpartition("/")[0]
        cause = self._ignored_directory(directory) if directory else None
        cause = cause or self._ignoring(path, path)
        if cause is None:
            return "no pattern of include matches it"
        what = "leaves it out" if cause.entry == path else f"leaves out the directory {cause.entry}"
        return f"the pattern {cause.pattern.text} ({cause.pattern.source}) {what}"

    def experiment_of(self, path: str) -> str | None:
        """The EID of the experiment that a file goes to; None if the path leads to none.

        With ``experiment: new`` it is None for all: `local.made_folders` knows where they go.
        """
        if self.experiment_folders is not None:
            return None
        if self._path is None:
            return self._mapping.experiment
        found = self._path.search(path)
        if found is None:
            return None
        eid = patterns.fill(self._mapping.experiment, found.groupdict())
        return eid if patterns.EID.fullmatch(eid) else None

    def tags_of(self, path: str) -> tuple[str, ...]:
        """The tags of every rule that matches, in order, each in one spelling."""
        tags: dict[str, str] = {}
        for match, add in self._tags:
            found = match.search(path)
            if found is None:
                continue
            for template in add:
                tag = fitting_tag(patterns.fill(template, found.groupdict()))
                tags.setdefault(tag.lower(), tag)
        return tuple(tags.values())

    def _may_be_ignored(self, path: str, name: str) -> bool:
        """A quick look: False for nearly all files."""
        return (self._any_name is not None and self._any_name.fullmatch(name) is not None) or (
            self._any_path is not None and self._any_path.fullmatch(path) is not None
        )

    def _ignoring(self, entry: str, probe: str) -> _Cause | None:
        for pattern in reversed(self._ignore):
            if pattern.entry.fullmatch(probe):
                return _Cause(pattern, entry) if pattern.ignores else None
        return None

    def _find_ignored_directory(self, directory: str) -> _Cause | None:
        """The topmost ignored directory among a directory and those above it."""
        if not self._ignore:
            return None
        end = -1
        while end < len(directory):
            end = directory.find("/", end + 1)
            end = len(directory) if end < 0 else end
            upper = directory[:end]
            probe = upper + "/"
            if self._may_be_ignored(probe, probe[upper.rfind("/") + 1 :]):
                cause = self._ignoring(upper, probe)
                if cause is not None:
                    return cause
        return None


def _compile_ignore(lines: Iterable[tuple[str, str]]) -> Iterator[_IgnorePattern]:
    for line, source in lines:
        try:
            translated = patterns.entry_regex(line)
            if translated is not None:
                regex, ignores = translated
                yield _IgnorePattern(line, source, ignores, patterns.compile_regex(regex))
        except ValueError as error:
            # What stands in an ignore file is not repeated: it may be a link to a file of others.
            what = f"{line!r} is no pattern" if source == "ignore" else "this is no pattern"
            raise ConfigError(f"{source}: {what}: {error}") from error


def _compile_quick(
    ignore: Iterable[_IgnorePattern],
) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """Two expressions that together match all that any pattern may ignore.

    The first looks at the last part only, which is far shorter than the whole path.
    """
    ignoring = [pattern for pattern in ignore if pattern.ignores]
    for_names = [pattern for pattern in ignoring if patterns.is_for_names(pattern.text)]
    for_paths = [pattern for pattern in ignoring if not patterns.is_for_names(pattern.text)]
    anchored = (patterns.entry_regex("/" + pattern.text) for pattern in for_names)
    return (
        alternatives(translated[0] for translated in anchored if translated),
        alternatives(pattern.entry.pattern for pattern in for_paths),
    )


def _fingerprint(*parts: object) -> str:
    # JSON is unambiguous where str() is not, and escapes surrogates.
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
