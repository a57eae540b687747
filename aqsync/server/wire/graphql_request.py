"""What a request to ``/api/graphql`` asks for, whichever way it says so."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from aqsync.server.wire.exchange import Exchange

_MAX_BODY = 8 * 1024 * 1024
"""The text parameters of extensions are the largest things in one."""
_MAX_BRACKETS = 500_000
"""Each may become an object in memory, many times as large; texts have some, too."""
_JSON_KIND = "application/json"


class NoOperation(Exception):
    """A request does not ask for an operation; the text says why."""


class GraphQLRequest:
    """The parts of a request.

    Args:
        method: The method of HTTP. GET can only ask for queries.
        content: An object with `query`, and perhaps `variables` and `operationName`.

    Raises:
        NoOperation: It does not ask for an operation.
    """

    def __init__(self, method: str, content: object) -> None:
        if not isinstance(content, dict):
            raise NoOperation("The request body should be a JSON object")
        self.method = method
        self.query = content.get("query")
        self.variables = content.get("variables")
        self.operation_name = content.get("operationName")
        if not isinstance(self.query, str) or not self.query:
            raise NoOperation("No GraphQL query found in the request")
        if not isinstance(self.variables, dict | None):
            raise NoOperation("Variables should be a JSON object")
        if not isinstance(self.operation_name, str | None):
            raise NoOperation("The operation's name should be a string")


async def asked_for(exchange: Exchange) -> GraphQLRequest:
    """Read what a GET asks for in its address, or a POST in its body, which must be JSON.

    A POST of another type is refused: the web pages of others can let a browser send one.

    Raises:
        NoOperation: It does not ask for an operation.
        FileRefused: Its body is too large, or takes too long.
        ClientLeft: Its body did not come to its end.
    """
    if _JSON_KIND in (exchange.header(b"content-type") or ""):
        content = _parsed(await exchange.read_body(_MAX_BODY))
    elif exchange.method == "GET":
        content = _in_address(exchange.scope["query_string"])
    else:
        raise NoOperation("Unsupported content type")
    return GraphQLRequest(exchange.method, content)


def _in_address(query_string: bytes) -> dict[str, object]:
    """What the part of an address after ``?`` says; the last value for a name counts."""
    text = query_string.decode("latin-1")
    content: dict[str, object] = dict(parse_qsl(text, keep_blank_values=True))
    variables = content.pop("variables", None)
    if isinstance(variables, str) and variables:
        content["variables"] = _parsed(variables.encode())
    return content


def _parsed(body: bytes) -> object:
    if body.count(b"[") + body.count(b"{") > _MAX_BRACKETS:
        raise NoOperation("The request body has too many lists and objects")
    try:
        content: object = json.loads(body)
        # JSON allows half of a surrogate pair, but it cannot be stored as text.
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise NoOperation("Unable to parse request body as JSON") from exc
    return content
