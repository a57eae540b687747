"""Every type of the schema, with its fields, arguments, defaults and what may be null."""

from __future__ import annotations

import httpx
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    build_client_schema,
    build_schema,
    get_introspection_query,
    print_ast,
)
from graphql.utilities import ast_from_value

from tests.contract.wire import Aqueduct

EXPECTED = build_schema(
    """
    scalar UUID
    scalar DateTime
    scalar Void

    type Query {
      getCurrentUserInfo: UserInfo!
      experiments(
        offset: Int!, limit: Int!, filters: ExperimentFiltersInput = null
      ): Experiments!
      experiment(experimentIdentifier: ExperimentIdentifierInput!): ExperimentData
      tags(limit: Int = null, offset: Int = null, filters: TagsFilters = null): Tags!
      extensions: [ExtensionInfo!]!
      task(taskId: UUID!): TaskData
      tasks(offset: Int!, limit: Int!, filters: TasksFilterInput = null): Tasks!
    }

    type Mutation {
      createExperiment(createExperimentInput: ExperimentCreateInput!): ExperimentData!
      updateExperiment(
        uuid: UUID!, experimentUpdateInput: ExperimentUpdateInput!
      ): ExperimentData!
      addTagToExperiment(experimentTagInput: ExperimentTagInput!): ExperimentData!
      addTagsToExperiment(experimentTagsInput: ExperimentTagsInput!): ExperimentData!
      removeTagFromExperiment(experimentTagInput: ExperimentTagInput!): ExperimentData!
      removeExperiment(experimentRemoveInput: ExperimentRemoveInput!): Void
      executeExtension(executeExtensionInput: ExecuteExtensionInput!): TaskData!
      cancelTask(cancelTaskInput: CancelTaskInput!): TaskData!
    }

    type UserInfo { username: String! scopes: [String!]! }
    type Experiments { experimentsData: [ExperimentData!]! totalExperimentsCount: Int! }
    type ExperimentData {
      uuid: UUID! title: String! eid: String! description: String
      createdAt: DateTime! createdBy: String! updatedAt: DateTime!
      tags: [String!]! files: [ExperimentFile!]! tasks: [TaskData!]!
    }
    type ExperimentFile { name: String! path: String! modifiedAt: DateTime! }
    type TaskData {
      uuid: UUID! experiment: ExperimentData! extensionName: String! actionName: String!
      parameters: [KeyValuePair!]! createdBy: String! receivedAt: DateTime! endedAt: DateTime
      taskStatus: TaskStatus! stdOut: String stdErr: String resultCode: Int
    }
    type KeyValuePair { key: ExtensionParameterType! value: String }
    type ExtensionParameterType {
      name: String! displayName: String description: String dataType: String!
      defaultValue: String options: [String!]
    }
    type ExtensionActionInfo {
      name: String! description: String parameters: [ExtensionParameterType!]!
      experimentVariableName: String
    }
    type ExtensionInfo {
      name: String! description: String authors: String! actions: [ExtensionActionInfo!]!
    }
    type Tags { tagsData: [String!]! totalTagsCount: Int! }
    type Tasks { tasksData: [TaskData!]! totalTasksCount: Int! }

    enum TaskStatus { FAILURE PENDING RECEIVED REVOKED STARTED SUCCESS }
    enum IDType { UUID EID }

    input ExperimentIdentifierInput { type: IDType! value: String! }
    input ExperimentFiltersInput {
      title: String = null tags: [String!] = null shouldIncludeTags: [String!] = null
      startDate: DateTime = null endDate: DateTime = null
    }
    input ExperimentCreateInput { title: String! description: String! tags: [String!]! }
    input ExperimentUpdateInput { title: String = null description: String = null }
    input ExperimentTagInput { uuid: UUID! tag: String! }
    input ExperimentTagsInput { uuid: UUID! tags: [String!]! }
    input ExperimentRemoveInput { uuid: UUID! }
    input TagsFilters { includeDangling: Boolean = null }
    input TasksFilterInput {
      username: String = null extensionName: String = null actionName: String = null
      experiment: ExperimentIdentifierInput = null
      startDate: DateTime = null endDate: DateTime = null limit: Int = null offset: Int = null
    }
    input ExecuteExtensionInput {
      experimentUuid: UUID! extension: String! action: String! params: [[String!]!]!
    }
    input CancelTaskInput { taskId: UUID! }
    """
)
NAMES = sorted(
    name
    for name in EXPECTED.type_map
    if not name.startswith("__") and name not in ("Boolean", "Int", "String", "Float", "ID")
)


def outline(kind: GraphQLNamedType | None) -> list[str]:
    """Write down what a client can tell about a type, in an order of its own."""
    match kind:
        case None:
            return ["missing"]
        case GraphQLScalarType():
            return ["scalar"]
        case GraphQLEnumType():
            return sorted(f"value {value}" for value in kind.values)
        case GraphQLInputObjectType():
            return sorted(f"takes {_typed(*one)}" for one in kind.fields.items())
        case GraphQLObjectType():
            return sorted(
                f"{name}({', '.join(sorted(_typed(*one) for one in field.args.items()))}):"
                f" {field.type}"
                for name, field in kind.fields.items()
            )
    raise AssertionError(f"a kind of type that the protocol has not: {kind!r}")


def _typed(name: str, value: object) -> str:
    kind, default = value.type, value.default_value  # type: ignore[attr-defined]  # as both have
    written = None if default is Undefined else ast_from_value(default, kind)
    return f"{name}: {kind}" + (f" = {print_ast(written)}" if written else "")


@pytest.fixture(scope="module")
def schema(server_url: str, http: httpx.Client) -> GraphQLSchema:
    server = Aqueduct(server_url, http)
    introspection = server.ask(get_introspection_query(descriptions=False))
    return build_client_schema(introspection)  # type: ignore[arg-type]  # JSON, not a TypedDict


@pytest.mark.parametrize("name", NAMES)
def test_type(schema: GraphQLSchema, name: str) -> None:
    assert outline(schema.type_map.get(name)) == outline(EXPECTED.type_map[name])


def test_roots(schema: GraphQLSchema) -> None:
    assert schema.query_type is schema.type_map["Query"]
    assert schema.mutation_type is schema.type_map["Mutation"]
