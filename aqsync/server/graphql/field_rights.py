"""Which right each field of the schema needs; a field without one is refused to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, Visitor, visit
from graphql.language import DocumentNode
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


def operation_of(kind: str, field: str) -> Operation | None:
    """Return what a client does who selects a field; None: it has no rule."""
    # `__typename` and the schema tell nothing of what is stored.
    if kind in SHOWN or kind.startswith("__") or field.startswith("__"):
        return Operation.SEE
    return ROOTS.get(kind, {}).get(field)


class FieldRights(SchemaExtension):
    """Refuses an operation as a whole if it selects a field that the client may not."""

    def on_execute(self) -> Iterator[None]:
        """Look at every field of the document, just before the first one is resolved."""
        context = self.execution_context
        document = context.graphql_document
        assert document is not None  # noqa: S101 - it was parsed and is valid
        check_fields(document, context.schema._schema, context.context.who)  # noqa: SLF001 - as its own extensions do
        yield


def check_fields(document: DocumentNode, schema: GraphQLSchema, who: Who) -> None:
    """Refuse a document with a field that the client may not select.

    Raises:
        NotAllowed: It has one.
    """
    types = TypeInfo(schema)
    visit(document, TypeInfoVisitor(types, _Fields(types, who)))


class _Fields(Visitor):
    """Asks for each field.

    Args:
        types: Knows the type around the field that is being visited.
        who: The client.
    """

    def __init__(self, types: TypeInfo, who: Who) -> None:
        super().__init__()
        self._types = types
        self._who = who

    def enter_field(self, node: FieldNode, *_: Any) -> None:  # noqa: ANN401 - graphql-core's own
        """Ask for one field."""
        parent = self._types.get_parent_type()
        kind = "" if parent is None else parent.name
        require(self._who, operation_of(kind, node.name.value))
