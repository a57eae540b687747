"""The token: an open server ignores it, another answers 401 or 403 without it."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.wire import MULTIPART, Aqueduct, Json, http_client, multipart

REFUSED = (401, 403)


def requests_of_each_kind(aqueduct: Aqueduct, uuid: str) -> list[httpx.Request]:
    files = aqueduct.file_url(uuid)
    upload = {"file_name": "b.txt", "content-type": MULTIPART}
    user = {"query": "{ getCurrentUserInfo { username } }"}
    return [
        httpx.Request("POST", f"{aqueduct.url}/api/graphql", json=user),
        httpx.Request("GET", f"{files}/a.txt"),
        httpx.Request("POST", files, content=multipart(b"b"), headers=upload),
        httpx.Request("POST", f"{files}/delete_files", json={"file_list": ["b.txt"]}),
    ]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="])
def test_without_the_right_token(
    aqueduct: Aqueduct, experiment: Json, authorization: str | None
) -> None:
    aqueduct.put(experiment["uuid"], "a.txt", b"a")
    statuses = []
    with http_client(token=None) as stranger:
        for request in requests_of_each_kind(aqueduct, experiment["uuid"]):
            if authorization:
                request.headers["Authorization"] = authorization
            statuses.append(stranger.send(request).status_code)
    # either all doors are open or none
    assert statuses == [200] * 4 or all(status in REFUSED for status in statuses)
    assert aqueduct.names(experiment["uuid"]) == ["a.txt"]


def test_with_the_right_token(aqueduct: Aqueduct, experiment: Json) -> None:
    aqueduct.put(experiment["uuid"], "a.txt", b"a")
    for request in requests_of_each_kind(aqueduct, experiment["uuid"]):
        request.headers.update(aqueduct.authorization)
        assert aqueduct.http.send(request).status_code == 200
