"""No operation without a rule: what is new is refused, and these tests name it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from graphql import GraphQLObjectType, build_schema, parse
from starlette.routing import Route

from aqsync.server.app import create_app
from aqsync.server.errors import NotAllowed
from aqsync.server.files.store import FileStore
from aqsync.server.graphql.field_rights import ROOTS, SHOWN, check_fields, operation_of
from aqsync.server.rights.decision import Operation
from aqsync.server.rights.seen_files import SeenFiles
from aqsync.server.rights.who import ANYBODY, Scope, Who
from aqsync.server.settings import ServerSettings, StorageSettings
from aqsync.server.web.page_rights import RIGHTS
from aqsync.server.web.pages import PATHS, is_page
from aqsync.server.wire.graphql_api import schema

READER = Who("r", "ada", Scope.READ)


def test_every_field_of_the_schema_has_a_rule() -> None:
    kinds = (schema._schema.query_type, schema._schema.mutation_type)
    fields = [(kind, field) for kind in kinds if kind is not None for field in kind.fields]
    assert len(fields) > 14
    assert schema._schema.subscription_type is None
    assert [
        field for kind, field in fields if operation_of(schema._schema, kind.name, field) is None
    ] == []


def test_every_type_is_shown_by_a_root() -> None:
    types = schema._schema.type_map.items()
    objects = {name for name, kind in types if isinstance(kind, GraphQLObjectType)}
    assert {name for name in objects if not name.startswith("__")} == SHOWN | set(ROOTS)


def test_every_rule_is_about_a_field_that_there_is() -> None:
    types = schema._schema.type_map
    for name, fields in ROOTS.items():
        kind = types[name]
        assert isinstance(kind, GraphQLObjectType)
        assert set(kind.fields) == set(fields)
    assert set(types) > SHOWN


def test_a_field_without_a_rule_is_refused_to_everybody() -> None:
    newer = build_schema("type Query {tags: New secrets: [String]} type New {list: [String]}")
    for query in ("{secrets}", "{tags {list}}", "{...F} fragment F on Query {secrets}"):
        with pytest.raises(NotAllowed, match="no rule"):
            check_fields(parse(query), newer, ANYBODY)


@pytest.mark.parametrize(
    "operation",
    [
        'mutation {a: addTagToExperiment(experimentTagInput: {uuid: "u", tag: "t"}) {eid}}',
        'mutation {... on Mutation {removeExperiment(experimentRemoveInput: {uuid: "u"})}}',
        'mutation {...F} fragment F on Mutation {cancelTask(cancelTaskInput: {taskId: "u"}) {eid}}',
        'mutation {cancelTask(cancelTaskInput: {taskId: "u"}) @skip(if: true) {uuid}}',
        "query A {tags {tagsData}} mutation B {createExperiment(experimentCreateInput: {}) {eid}}",
    ],
)
def test_however_a_field_is_written_it_is_asked_for(operation: str) -> None:
    with pytest.raises(NotAllowed, match="has the scope 'read'"):
        check_fields(parse(operation), schema._schema, READER)


def test_nothing_is_done_of_a_request_that_is_refused_in_part() -> None:
    # Without a catalog anything that was done would fail with other words.
    result = schema.execute_sync(
        'mutation {removeTagFromExperiment(experimentTagInput: {uuid: "%s", tag: "t"}) {eid}'
        ' removeExperiment(experimentRemoveInput: {uuid: "%s"})}' % ((ANYBODY_UUID,) * 2),
        context_value=SimpleNamespace(who=Who("u", "ada", Scope.UPLOAD)),
    )
    [error] = result.errors or []
    assert isinstance(error.original_error, NotAllowed)
    assert result.data is None


ANYBODY_UUID = "00000000-0000-4000-8000-000000000000"


def test_each_route_belongs_to_the_gate_or_to_the_pages(tmp_path: Path) -> None:
    app = create_app(ServerSettings(StorageSettings(tmp_path / "data")), "http://127.0.0.1:1/")
    paths = {route.path for route in app.routes if isinstance(route, Route)}
    assert len(paths) == len(app.routes)
    assert paths == {"/api/graphql", "/api/files/{path:path}", *PATHS}
    app.state.end_tasks()
    assert not is_page("/api/graphql")
    assert not is_page("/api/files/x/y")


def test_each_page_with_data_has_a_right() -> None:
    shapes = {re.sub(r"^\w+ ", "", shape) for shape in RIGHTS}
    open_to_all = {"/login", "/logout", "/static/{name}"}
    led_elsewhere = {"/aqd/experiments/{path:path}"}
    assert set(PATHS) - open_to_all - led_elsewhere == {"/", "/experiments/{path:path}"}
    assert all(shape == "/" or shape.startswith("/experiments/") for shape in shapes)
    changing = {shape: right for shape, right in RIGHTS.items() if not shape.startswith("GET ")}
    assert Operation.SEE not in changing.values()


def test_each_method_of_a_store_is_asked_about() -> None:
    methods = {name for name, _ in inspect.getmembers(FileStore, inspect.isfunction)}
    methods = {name for name in methods if not name.startswith("_")}
    assert methods
    assert methods <= set(vars(SeenFiles))
