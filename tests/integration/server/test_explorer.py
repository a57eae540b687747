"""The page at ``/api/graphql``, which is there with ``--explorer`` alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.embedded import EmbeddedServer

TOKEN = "a token for this test"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(params=[None, TOKEN], ids=["open", "token"], scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedServer]:
    data: Path = tmp_path_factory.mktemp("explorer") / "data"
    with EmbeddedServer(data, token=request.param, more=["--explorer"]) as server:
        yield server


def opened(url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(f"{url}/api/graphql", headers=headers or BROWSER, trust_env=False)


def test_a_browser_gets_the_page(server: EmbeddedServer) -> None:
    page = opened(server.url)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert ('id="token"' in page.text) == (server.token is not None)
    assert TOKEN not in page.text
    named = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert all(name.startswith("/") for name in named), "nothing comes from elsewhere"
    assert not re.search(r"<script>|\son\w+=|style=", page.text), "the policy would stop it"
    script = httpx.get(f"{server.url}/static/explorer.js", trust_env=False)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "innerHTML" not in script.text


def test_programs_get_what_they_get_without_it(server: EmbeddedServer) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    asked = {"query": "{ __typename }"}
    for kind in ("application/json", "text/html"):
        answer = httpx.get(
            f"{server.url}/api/graphql",
            params=asked,
            headers={**headers, "Accept": kind},
            trust_env=False,
        )
        assert answer.json() == {"data": {"__typename": "Query"}}
    posted = httpx.post(f"{server.url}/api/graphql", json=asked, headers=headers, trust_env=False)
    assert posted.json() == {"data": {"__typename": "Query"}}
    assert opened(server.url, {**headers, "Accept": "application/json"}).status_code == 400


def test_without_the_option_there_is_none(embedded_server: EmbeddedServer) -> None:
    answer = opened(embedded_server.url)
    assert (answer.status_code, answer.text) == (400, "No GraphQL query found in the request")
