"""YAML to plain values, with the line of each: any text at all gives values or problems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from aqsync.config.yaml_slips import advice, what_is_open, without_address

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # pragma: no cover - a PyYAML built without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]  # it does the same, slower

Location = tuple[str | int, ...]
"""Keys and indexes from the root to a value."""

_MAX_DEPTH = 20
_MAX_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"
_KEYS = {_TAG + "str", _TAG + "bool"}
"""What a key may be: ``on`` is one, though YAML takes it for true."""
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_KINDS = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "null": "no value",
    "timestamp": "a date",
}


class Problem(NamedTuple):
    """Something wrong at a place."""

    line: int
    """Counted from 1."""
    location: Location
    what: str


class Spot(NamedTuple):
    """Where a value stands, and how it is written."""

    line: int
    """Of its key if it has one; counted from 1."""
    kind: str
    """What YAML takes it for, in words."""
    shown: str = ""
    """A scalar as it is written, shortened, or a name in braces; else empty."""

    @property
    def is_mistaken_text(self) -> bool:
        """Whether a person may have meant the value as text."""
        return bool(self.shown) and self.kind != "text"


class Tree:
    """A document's values, the spot of each, and what is wrong with its form.

    Args:
        text: The document.
    """

    def __init__(self, text: str) -> None:
        self.value: object = None
        self.spots: dict[Location, Spot] = {}
        self.problems: list[Problem] = []
        self._values = 0
        self._is_endless = False
        bad = _UNPRINTABLE.search(text)
        if bad:
            line = text.count("\n", 0, bad.start()) + 1
            self._complain(line, (), f"the character {bad[0]!a} cannot stand in YAML")
            return
        try:
            if _is_too_deep(text):
                self._complain(1, (), f"it is nested more than {_MAX_DEPTH} deep")
                return
            root = yaml.compose(text, Loader)
        except yaml.MarkedYAMLError as error:
            about = ": ".join(part for part in (error.context, error.problem) if part)
            line, place = _place(text, error.problem_mark or error.context_mark)
            meant = _advice_on(text, error)
            why = f"{meant} ({about})" if meant else about
            self._complain(line, (), f"this is not YAML{place}: {why}")
            return
        except yaml.YAMLError as error:
            self._complain(1, (), f"this is not YAML: {error}")
            return
        if root is None:
            self._complain(1, (), "the file is empty")
            return
        value = self._build(root, (), _line(root), 0)
        if self._values > _MAX_VALUES:
            self.problems = [Problem(1, (), f"it holds more than {_MAX_VALUES} values")]
        elif self._is_endless:
            self.problems = [Problem(1, (), f"it is nested more than {_MAX_DEPTH} deep")]
        else:
            self.value = value

    def spot(self, location: Location) -> Spot:
        """Where a value is written; for one that is not, where the section around it is."""
        while location and location not in self.spots:
            location = location[:-1]
        return self.spots.get(location, Spot(1, "no value"))

    def _complain(self, line: int, location: Location, what: str) -> None:
        self.problems.append(Problem(line, location, what))

    def _build(self, node: yaml.Node, location: Location, line: int, depth: int) -> object:
        self._values += 1
        if self._values > _MAX_VALUES:  # aliases of aliases: a small text, a huge tree
            return None
        if depth > _MAX_DEPTH:  # an alias that holds itself
            self._is_endless = True
        if self._is_endless:
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, location, line)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            self.spots[location] = Spot(line, "a list")
            return tuple(
                self._build(item, (*location, index), _line(item), depth + 1)
                for index, item in enumerate(node.value)
            )
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            self.spots[location] = Spot(line, "a section", _in_braces(node))
            return dict(self._items(node, location, depth))
        self._refuse_tag(node, location, line)
        return None

    def _items(
        self, node: yaml.MappingNode, location: Location, depth: int
    ) -> Iterator[tuple[str, object]]:
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _KEYS:
                self._complain(line, location, _what_is_wrong_with_key(key_node))
                continue
            key = key_node.value
            if key in lines:
                again = f"it stands in line {lines[key]} already"
                self._complain(line, (*location, key), again)
                continue
            lines[key] = line
            yield key, self._build(value_node, (*location, key), line, depth + 1)

    def _scalar(self, node: yaml.ScalarNode, location: Location, line: int) -> object:
        kind = node.tag.removeprefix(_TAG)
        text = node.value
        if kind in {"str", "value"}:
            self.spots[location] = Spot(line, "text", _cut(text))
            return text
        if kind not in _KINDS:
            self._refuse_tag(node, location, line)
            return None
        self.spots[location] = Spot(line, _KINDS[kind], _cut(text))
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in {"yes", "true", "on", "y"}
        if kind == "timestamp":
            return _Date()
        return _number(text)

    def _refuse_tag(self, node: yaml.Node, location: Location, line: int) -> None:
        tag = "<<" if node.tag == _TAG + "merge" else node.tag.replace(_TAG, "!!")
        tag = without_address(tag)
        self.spots[location] = Spot(line, "no value")
        advice = f"; put quotes around `{_cut(tag)}` to have it as text" if tag[:1] == "!" else ""
        self._complain(line, location, f"the YAML tag {_cut(tag)} means nothing here{advice}")


def _in_braces(node: yaml.MappingNode) -> str:
    """A section that was perhaps meant as a text, as in ``experiment: {eid}``."""
    if len(node.value) != 1:
        return ""
    key, value = node.value[0]
    both = isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)
    shown = without_address(_cut(key.value), is_key=True) if both else ""
    return f"{{{shown}}}" if both and not value.value and node.flow_style else ""


class _Date:
    """What YAML takes for a date; no key wants one."""


def _number(text: str) -> float:
    """The number as a person reads it; what only YAML takes for a number (0x1F, 1:30) is text."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _what_is_wrong_with_key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return "a list or a section cannot be a key"
    kind = _KINDS.get(node.tag.removeprefix(_TAG))
    if kind is None:
        shown = without_address(_cut(node.value), is_key=True)
        return f"the key {shown} means nothing here"
    return f"YAML takes the key {_cut(node.value)} for {kind} (in quotes it is text)"


def _place(text: str, mark: yaml.Mark | None) -> tuple[int, str]:
    """The line of a mark, and where in it; the last one written, where something is missing."""
    if mark is None:
        return 1, ""
    last = len(_BREAK.findall(text.rstrip(" \t\r\n")))
    if mark.line > last:
        return last + 1, ", at its end"
    return mark.line + 1, f", column {mark.column + 1}"


def _advice_on(text: str, error: yaml.MarkedYAMLError) -> str:
    lines = _BREAK.split(text)
    marks = [error.problem_mark, error.context_mark]
    places = [(mark.line, mark.column) for mark in marks if mark and mark.line < len(lines)]
    said = [advice(lines, line, column) for line, column in places]
    said += [what_is_open(lines[line], column) for line, column in places[1:]]
    return next(filter(None, said), "")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _cut(text: object, limit: int = 40) -> str:
    shown = str(text)
    shown = shown if shown.isprintable() else ascii(shown)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def _is_too_deep(text: str) -> bool:
    """Check the parser's events first: that needs no recursion, unlike everything after it."""
    depth = 0
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            return True
    return False
