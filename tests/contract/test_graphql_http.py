"""GraphQL as HTTP: methods, types of content, and requests that hold no operation."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.contract.wire import Aqueduct

WHO = "{ getCurrentUserInfo { username } }"
CREATE = """mutation($title: String!) {
  createExperiment(createExperimentInput: {title: $title, description: "", tags: []}) { uuid }
}"""


def get(aqueduct: Aqueduct, accept: str = "application/json", **query: str) -> httpx.Response:
    return aqueduct.http.get(
        f"{aqueduct.url}/api/graphql", params=query, headers={"Accept": accept}
    )


def post(aqueduct: Aqueduct, content: str, kind: str | None) -> httpx.Response:
    headers = {} if kind is None else {"Content-Type": kind}
    return aqueduct.http.post(f"{aqueduct.url}/api/graphql", content=content, headers=headers)


def refused(response: httpx.Response, why: str) -> bool:
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    return (response.status_code, response.text) == (400, why)


def test_a_query_over_get(aqueduct: Aqueduct) -> None:
    answer = get(aqueduct, query=WHO)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["data"] == aqueduct.ask(WHO)


def test_variables_and_a_name_over_get(aqueduct: Aqueduct) -> None:
    query = "query A { a: __typename } query B($n: Int!) { experiments(offset: 0, limit: $n) %s }"
    answer = get(
        aqueduct,
        query=query % "{ experimentsData { uuid } }",
        variables=json.dumps({"n": 0}),
        operationName="B",
    )
    assert answer.json() == {"data": {"experiments": {"experimentsData": []}}}


def test_an_error_over_get(aqueduct: Aqueduct) -> None:
    answer = get(aqueduct, query="{ nothingOfThisName }")
    assert (answer.status_code, answer.json()["data"]) == (200, None)
    assert answer.json()["errors"]


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
def test_nothing_is_changed_over_get(aqueduct: Aqueduct, accept: str) -> None:
    variables = json.dumps({"title": aqueduct.mark})
    answer = get(aqueduct, accept, query=CREATE, variables=variables)
    assert refused(answer, "mutations are not allowed when using GET")
    named = f"query A {WHO} mutation B {CREATE.removeprefix('mutation')}"
    answer = get(aqueduct, accept, query=named, variables=variables, operationName="B")
    assert refused(answer, "mutations are not allowed when using GET")
    assert aqueduct.experiments({"title": aqueduct.mark})["totalExperimentsCount"] == 0


def test_variables_over_get_that_are_no_json(aqueduct: Aqueduct) -> None:
    answer = get(aqueduct, query=WHO, variables="{")
    assert refused(answer, "Unable to parse request body as JSON")


@pytest.mark.parametrize("query", [{}, {"query": ""}])
def test_no_query_over_get(aqueduct: Aqueduct, query: dict[str, str]) -> None:
    assert refused(get(aqueduct, **query), "No GraphQL query found in the request")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_post_of_another_type(aqueduct: Aqueduct, kind: str | None) -> None:
    body = json.dumps({"query": CREATE, "variables": {"title": aqueduct.mark}})
    assert refused(post(aqueduct, body, kind), "Unsupported content type")
    assert aqueduct.experiments({"title": aqueduct.mark})["totalExperimentsCount"] == 0


def test_a_post_that_tells_its_character_set(aqueduct: Aqueduct) -> None:
    body = json.dumps({"query": WHO})
    assert post(aqueduct, body, "application/json; charset=utf-8").status_code == 200


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "Unable to parse request body as JSON"),
        ("{", "Unable to parse request body as JSON"),
        ("{}", "No GraphQL query found in the request"),
        ('{"query": ""}', "No GraphQL query found in the request"),
        ('{"query": null}', "No GraphQL query found in the request"),
    ],
)
def test_a_post_without_a_query(aqueduct: Aqueduct, body: str, why: str) -> None:
    assert refused(post(aqueduct, body, "application/json"), why)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method(aqueduct: Aqueduct, method: str) -> None:
    """An archived server hands these to the part that has its web page, which may be missing."""
    answer = aqueduct.http.request(method, f"{aqueduct.url}/api/graphql")
    assert answer.status_code in (405, 500)
