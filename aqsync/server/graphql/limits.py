"""How much one request may ask for: checked before anything is validated or done.

Validation compares the fields of a document with each other, and fragments that use fragments
grow exponentially. So documents are measured first, with fragments written out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sized

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension

from aqsync.server.errors import OperationRefused

MAX_TEXT = 128 * 1024
"""Characters in the text of a request's operations."""
MAX_TOKENS = 10_000
MAX_SELECTIONS = 10_000
"""Fields and fragments, once fragments are written out wherever they are used."""
MAX_ALIASES = 500
"""Fields under another name, written out too. Clients ask for 100 experiments at once."""
MAX_REPEATS = 20
"""How often one field may stand at one place; validation compares each with each."""
MAX_NESTING = 32
"""Rules tell clients of a much lower limit, for fields; this one also counts fragments."""
MAX_VALUES = 20_000
"""Values within the variables of a request."""
MAX_SCHEMAS = 10
"""How often a request may ask for the schema or one of its types."""
MAX_LISTED = 50_000
"""Experiments, tasks and other items of lists in one answer, but for files."""
MAX_SHOWN = 150_000
"""Values of fields in one answer, but for those of files."""
MAX_SHOWN_BYTES = 64 << 20
"""Of their texts, as JSON writes them. Clients of this project take no more."""
MAX_FILE_VALUES = 1_000_000
"""Values of fields of files in one answer; the first list of files has no limit."""

_OF_SCHEMAS = frozenset({"__schema", "__type"})
_LONGEST_ESCAPED = 12
"""Bytes of a character such as an emoji in JSON."""
_FIELDS_OF_FILES = 4
"""Name, path, time, and the name of the type."""


class RequestLimits(SchemaExtension):
    """Refuses documents that are too large, and measures the others before they are validated."""

    def on_operation(self) -> Iterator[None]:
        """Let the parser stop at a document of too many tokens."""
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        yield

    def on_parse(self) -> Iterator[None]:
        """Measure the document once it is parsed."""
        if len(self.execution_context.query or "") > MAX_TEXT:
            raise _too_much(f"characters of text ({MAX_TEXT} at most)")
        yield
        document = self.execution_context.graphql_document
        if document is not None:
            check_document(document)


def check_document(document: DocumentNode) -> None:
    """Refuse a document that asks for too much, in time that its tokens limit.

    Raises:
        GraphQLError: It does; the text says how.
    """
    fragments = {
        each.name.value: each.selection_set
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    measure = _Measure(fragments)
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode | FragmentDefinitionNode):
            measure.add(each.selection_set)


def check_variables(variables: dict[str, object] | None) -> None:
    """Refuse variables with too many values: each is checked and converted by itself.

    Raises:
        GraphQLError: They have too many.
    """
    waiting: list[object] = [variables]
    found = 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            found += len(value)
            if found > MAX_VALUES:
                raise _too_much(f"values in the variables ({MAX_VALUES} at most)")
            waiting.extend(value.values() if isinstance(value, dict) else value)


class _Measure:
    """Counts what a document comes to; each limit ends the count.

    Args:
        fragments: The fragments of the document, by name.
    """

    def __init__(self, fragments: dict[str, SelectionSetNode]) -> None:
        self._fragments = fragments
        self._selections = 0
        self._aliases = 0
        self._schemas = 0

    def add(self, root: SelectionSetNode) -> None:
        """Count one definition."""
        places: Counter[tuple[int, str]] = Counter()
        numbers: dict[tuple[int, str], int] = {}
        # A place is told by the number of the one around it and its own name.
        waiting = [(root, 0, 0, frozenset[str]())]
        while waiting:
            chosen, place, depth, within = waiting.pop()
            if depth > MAX_NESTING:
                raise GraphQLError(f"The request is nested more than {MAX_NESTING} levels deep.")
            for each in chosen.selections:
                self._count(each)
                if isinstance(each, FragmentSpreadNode):
                    name = each.name.value
                    # One that uses itself is left to validation.
                    if name in self._fragments and name not in within:
                        inner = self._fragments[name]
                        waiting.append((inner, place, depth + 1, within | {name}))
                elif isinstance(each, InlineFragmentNode):
                    waiting.append((each.selection_set, place, depth + 1, within))
                elif isinstance(each, FieldNode):
                    here = (place, (each.alias or each.name).value)
                    places[here] += 1
                    if places[here] > MAX_REPEATS:
                        raise _too_much(f"fields of one name at one place ({MAX_REPEATS} at most)")
                    if each.selection_set is not None:
                        number = numbers.setdefault(here, len(numbers) + 1)
                        waiting.append((each.selection_set, number, depth + 1, within))

    def _count(self, selection: SelectionNode) -> None:
        self._selections += 1
        if self._selections > MAX_SELECTIONS:
            raise _too_much(f"fields ({MAX_SELECTIONS} at most, with fragments written out)")
        if not isinstance(selection, FieldNode):
            return
        self._aliases += selection.alias is not None
        if self._aliases > MAX_ALIASES:
            raise _too_much(f"aliases ({MAX_ALIASES} at most)")
        self._schemas += selection.name.value in _OF_SCHEMAS
        if self._schemas > MAX_SCHEMAS:
            raise _too_much(f"questions about the schema ({MAX_SCHEMAS} at most)")


class AnswerSize:
    """Counts what an answer comes to: a short request can ask for a long list many times.

    Every method raises `OperationRefused` once it is too much.
    """

    def __init__(self) -> None:
        self._items = 0
        self._values = 0
        self._bytes = 0
        self._of_files = 0

    def add_list(self, items: object) -> None:
        """Count a list, but for one of files."""
        self._items += len(items) if isinstance(items, Sized) else 0
        if self._items > MAX_LISTED:
            raise _too_long(f"list more than {MAX_LISTED} items")

    def add_value(self, value: object) -> None:
        """Count a field that is no object and no list."""
        self._values += 1
        if isinstance(value, str):
            self._bytes += len(value) if value.isascii() else _LONGEST_ESCAPED * len(value)
        if self._values > MAX_SHOWN:
            raise _too_long(f"have more than {MAX_SHOWN} values")
        if self._bytes > MAX_SHOWN_BYTES:
            raise _too_long(f"have more than {MAX_SHOWN_BYTES >> 20} MiB of text")

    def add_files(self, fields: int, count: int = 0) -> None:
        """Count a list of files: before it is read, and before it is made.

        Args:
            fields: How many values there are to a file.
            count: How many files there are.
        """
        is_first = self._of_files == 0 and fields <= _FIELDS_OF_FILES
        self._of_files += fields * count
        if self._of_files > MAX_FILE_VALUES and not is_first:
            raise _too_long(f"list more than {MAX_FILE_VALUES} values of files")


def _too_much(what: str) -> GraphQLError:
    return GraphQLError(f"The request has too many {what}. Ask for less at once.")


def _too_long(what: str) -> OperationRefused:
    return OperationRefused(f"The answer would {what}. Ask for less at once.")
