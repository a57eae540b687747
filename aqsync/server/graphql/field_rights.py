"""Which right each field of the schema needs; a field without one is refused to everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
)
from strawberry.extensions import SchemaExtension

from aqsync.server.rights.decision import Operation
from aqsync.server.rights.refusal import require
from aqsync.server.rights.who import Who

ROOTS: dict[str, dict[str, Operation]] = {
    "Query": {
        "getCurrentUserInfo": Operation.SEE,
        "experiments": Operation.SEE,
        "experiment": Operation.SEE,
        "tags": Operation.SEE,
        "extensions": Operation.SEE,
        "task": Operation.SEE,
        "tasks": Operation.SEE,
    },
    "Mutation": {
        "createExperiment": Operation.CREATE_EXPERIMENT,
        "updateExperiment": Operation.CHANGE_EXPERIMENT,
        "addTagToExperiment": Operation.ADD_TAGS,
        "addTagsToExperiment": Operation.ADD_TAGS,
        "removeTagFromExperiment": Operation.REMOVE_TAG,
        "removeExperiment": Operation.REMOVE_EXPERIMENT,
        "executeExtension": Operation.RUN_ACTION,
        "cancelTask": Operation.CANCEL_TASK,
    },
}
SHOWN = frozenset(
    {
        *("UserInfo", "Experiments", "ExperimentData", "ExperimentFile", "Tags", "Tasks"),
        *("TaskData", "KeyValuePair", "ExtensionInfo", "ExtensionActionInfo"),
        "ExtensionParameterType",
    }
)
"""Types that only fields of `ROOTS` lead to; their resolvers ask for each thing themselves."""


class FieldRights(SchemaExtension):
    """Refuses an operation as a whole if it selects a field that the client may not."""

    def on_execute(self) -> Iterator[None]:
        """Look at the document, just before its first field is resolved."""
        context = self.execution_context
        document = context.graphql_document
        assert document is not None  # noqa: S101 - it was parsed and is valid
        check_fields(document, context.schema._schema, context.context.who)  # noqa: SLF001 - as its own extensions do
        yield


def check_fields(document: DocumentNode, schema: GraphQLSchema, who: Who) -> None:
    """Refuse a document with a field that the client may not select.

    Only the outermost fields are looked at: each leads to types that need no more than it does.

    Raises:
        NotAllowed: It has one.
    """
    fragments = {
        each.name.value: each.selection_set
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            root = schema.get_root_type(each.operation)
            kind = "" if root is None else root.name
            for field in _outermost(each.selection_set, fragments):
                require(who, operation_of(schema, kind, field))


@cache
def operation_of(schema: GraphQLSchema, kind: str, field: str) -> Operation | None:
    """Return what a client does who selects a field of a root type; None: it has no rule.

    A field that leads to a type that is not in `SHOWN` has none, either.
    """
    if field.startswith("__"):
        return Operation.SEE  # they tell of the schema alone
    operation = ROOTS.get(kind, {}).get(field)
    root = schema.get_type(kind)
    if operation is None or not isinstance(root, GraphQLObjectType):
        return None
    return operation if _reached(root.fields[field].type) <= SHOWN else None


def _reached(kind: GraphQLOutputType) -> set[str]:
    """The names of all types of objects that a type leads to."""
    found: set[str] = set()
    waiting: list[GraphQLNamedType] = [get_named_type(kind)]
    while waiting:
        each = waiting.pop()
        if each.name in found or is_leaf_type(each):
            continue
        found.add(each.name)
        if isinstance(each, GraphQLObjectType):
            waiting += [get_named_type(field.type) for field in each.fields.values()]
    return found


def _outermost(
    chosen: SelectionSetNode, fragments: Mapping[str, SelectionSetNode]
) -> Iterator[str]:
    """The fields that a selection names, also by fragments."""
    waiting, seen = [chosen], set[str]()
    while waiting:
        for each in waiting.pop().selections:
            if isinstance(each, FieldNode):
                yield each.name.value
            elif isinstance(each, InlineFragmentNode):
                waiting.append(each.selection_set)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in seen:
                seen.add(each.name.value)
                waiting.append(fragments[each.name.value])
