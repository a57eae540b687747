"""From an HTTP answer that is not the hoped-for one to the error that says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, NoReturn

from aqsync.aqueduct import conditions
from aqsync.errors import (
    BadAnswer,
    ExperimentNotFound,
    FileForbidden,
    Forbidden,
    HeaderDropped,
    RemoteChanged,
    RemoteFileNotFound,
    ServerFailed,
    TokenRefused,
    TransferRefused,
)

ObjectHook = Callable[[dict[str, Any]], object]

_CHECK_URL = "check the server's URL, including its path prefix"
_RAISE_LIMIT = "split the file, or have the server's limit raised (`aqsync serve --max-file`)"
_RETRY_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_ABOUT_ONE_FILE = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_MAY_NAME_A_PAUSE = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_REFUSED = "aqueduct-refused"
"""With a 403, what the refusal is about: only the embedded server says that."""
_LONGEST_PAUSE_S = 3600.0
_LONGEST_WORDS = 1000
"""Characters of a server's words that an error repeats, and so the journal for each file."""
_ENVELOPE_BYTES = 1024
"""What the server allows a request's body beyond the file in it."""
_HEADER_MISSING = "Filename header is missing"
_NO_EXPERIMENT = "The specified experiment was not found"
_NO_FILE = "The requested file is not found"


class Answer(NamedTuple):
    """One whole HTTP answer."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    with_token: bool = True
    """Whether a token was sent."""


def json_object(
    answer: Answer, what: str, *, object_hook: ObjectHook | None = None
) -> dict[str, Any]:
    """Return the JSON object that an answer carries.

    Args:
        answer: The answer.
        what: What it answers, as an error message begins.
        object_hook: As in `json.loads`: what to put in the place of each object.

    Raises:
        BadAnswer: It carries something else.
    """
    found = _maybe_json(answer.body, object_hook)
    if isinstance(found, dict):
        return found
    raise _not_aqueduct(answer, what)


def check_access(answer: Answer, what: str) -> None:
    """Raise the error of an answer that says the same to every request, whatever was asked.

    Raises:
        TokenRefused, Forbidden, ServerFailed, BadAnswer: See `aqsync.errors`.
    """
    status = answer.status
    if status == HTTPStatus.UNAUTHORIZED:
        if not answer.with_token:
            raise TokenRefused(
                f"{what}: the server asks for a token, and none is configured",
                hint="write it into a file that only you can read, and name that as"
                " server.token_file or by --token-file; or set AQSYNC_API_TOKEN",
            )
        raise TokenRefused(
            f"{what}: the server did not accept the token",
            hint="check the token: it may be mistyped, of another server, expired or withdrawn",
        )
    if status == HTTPStatus.FORBIDDEN:
        words = f": {detail}" if (detail := _printable(_detail(answer.body))) else ""
        kind = FileForbidden if answer.headers.get(_REFUSED) == "file" else Forbidden
        raise kind(
            f"{what}: the server does not allow this{words}",
            hint="ask the server's administrator for access",
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _RETRY_LATER:
        raise ServerFailed(
            f"{what}: the server failed ({status}{_said(answer)})",
            retry_after_s=retry_after_s(answer) if status in _MAY_NAME_A_PAUSE else None,
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        target = answer.headers.get("location", "nowhere")[:_LONGEST_WORDS]
        raise BadAnswer(
            f"{what}: {answer.url} answered {status} and points to {target}",
            hint="write the server's URL as the server itself has it, such as https for http",
        )


def check_json_answer(
    answer: Answer, what: str, *, object_hook: ObjectHook | None = None
) -> dict[str, Any]:
    """Return the JSON object of a good answer from the GraphQL endpoint.

    An answer of 400 counts as good if it is JSON: it tells which part of the question was wrong.

    Raises:
        RemoteError: The answer is another; see `aqsync.errors`.
    """
    check_access(answer, what)
    if answer.status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
        return json_object(answer, what, object_hook=object_hook)
    raise _not_aqueduct(answer, what)


def check_file_answer(answer: Answer, what: str, *, size: int | None = None) -> None:
    """Return if the answer is a 200; else raise what it says about the file.

    Args:
        answer: The answer.
        what: What was asked for, in words.
        size: Of the file, if one was sent; bytes.

    Raises:
        RemoteError: The answer is another; see `aqsync.errors`.
    """
    check_access(answer, what)
    if answer.status == HTTPStatus.OK:
        return
    detail = _detail(answer.body)
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and detail == _HEADER_MISSING:
        raise HeaderDropped(
            f"{what}: the header file_name did not reach the server; a proxy on the way drops it",
            hint="on nginx set 'underscores_in_headers on;' in the server's block",
            status=answer.status,
        )
    if answer.status == HTTPStatus.NOT_FOUND and detail == _NO_EXPERIMENT:
        raise ExperimentNotFound(f"{what}: the experiment does not exist for this user")
    if answer.status == HTTPStatus.NOT_FOUND and detail == _NO_FILE:
        raise RemoteFileNotFound(f"{what}: the server has no such file", status=answer.status)
    if answer.status == HTTPStatus.PRECONDITION_FAILED:
        raise _remote_changed(answer, what)
    if answer.status in _ABOUT_ONE_FILE:
        _raise_refusal(answer, what, detail, size)
    raise _not_aqueduct(answer, what)


def _remote_changed(answer: Answer, what: str) -> RemoteChanged:
    present, time = conditions.present(answer.headers), conditions.modified_at(answer.headers)
    if present is None:
        there = "another version than expected is there"
    elif present:
        there = f"a version of {time} is there, which was not expected"
    else:
        there = "the file that was expected is not there"
    return RemoteChanged(
        f"{what}: nothing was done, for {there}",
        status=answer.status,
        present=present,
        modified_at=time,
    )


def _raise_refusal(answer: Answer, what: str, detail: str, size: int | None) -> NoReturn:
    if detail:
        most = _limit_bytes(answer, detail)
        told = f"the server refused it: {detail}"
        if most is not None and size is not None:
            told = f"too large: {size} bytes, and the server takes at most {most}"
        raise TransferRefused(
            f"{what}: {told}",
            hint=_RAISE_LIMIT if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "",
            status=answer.status,
            limit_bytes=most,
        )
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        told = "" if size is None else f": {size} bytes"
        raise TransferRefused(
            f"{what}: a proxy in front of the server refused it as too large (413){told}",
            hint="on nginx raise 'client_max_body_size'",
            status=answer.status,
        )
    raise TransferRefused(
        f"{what}: something in front of the server refused it ({answer.status}{_said(answer)})",
        hint=_CHECK_URL,
        status=answer.status,
    )


def _limit_bytes(answer: Answer, detail: str) -> int | None:
    """Return the largest file that the server takes, if it says so."""
    if answer.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return None
    found = re.match(r"Maximum (file size|request body size) limit \(([0-9]{1,18}) bytes\)", detail)
    if found is None:
        return None
    most = int(found[2])
    return most if found[1] == "file size" else max(0, most - _ENVELOPE_BYTES)


def _not_aqueduct(answer: Answer, what: str) -> BadAnswer:
    return BadAnswer(
        f"{what}: {answer.url} does not answer like an Aqueduct server"
        f" ({answer.status}{_said(answer)})",
        hint=_CHECK_URL,
    )


def _maybe_json(body: bytes | bytearray, object_hook: ObjectHook | None = None) -> object:
    try:
        return json.loads(body, object_hook=object_hook)
    except (ValueError, RecursionError):
        return None


def date_of(answer: Answer) -> datetime | None:
    """Return the server's clock (UTC, whole seconds) when it answered; None if it did not say."""
    return http_date(answer.headers.get("date"))


@lru_cache(maxsize=8)
def http_date(text: str | None) -> datetime | None:
    """Return the time (UTC) that a header names; None if there is none, or no time in it."""
    try:
        found = parsedate_to_datetime(text or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def retry_after_s(answer: Answer) -> float | None:
    """Return how long the server asks to be left alone, in seconds; None if it says nothing usable.

    A time of day is counted from the answer's own date, so that our clock does not matter.
    """
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", text):
        seconds = float(text)
    else:
        until = http_date(text)
        if until is None:
            return None
        seconds = (until - (date_of(answer) or datetime.now(UTC))).total_seconds()
    return min(seconds, _LONGEST_PAUSE_S) if seconds >= 0 else None


def _detail(body: bytes | bytearray) -> str:
    """Return the server's own words without the final full stop it may have; empty if none.

    The validator of the framework under the server gives a list, each item with a ``msg``.
    """
    found = _maybe_json(body)
    detail = found.get("detail") if isinstance(found, dict) else None
    if isinstance(detail, list):
        detail = "; ".join(
            str(item["msg"]) for item in detail if isinstance(item, dict) and "msg" in item
        )
    return detail[:_LONGEST_WORDS].rstrip(".") if isinstance(detail, str) else ""


def _said(answer: Answer) -> str:
    """Return what an answer says, after a colon: its detail, a page's title, or a few words."""
    words = _detail(answer.body)
    if not words:
        text = bytes(answer.body[:2000]).decode("utf-8", "replace")
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        words = title[1] if title else re.sub(r"<[^>]*>", " ", text)
    words = _printable(words)[:100]
    return f": {words}" if words else ""


def _printable(words: str) -> str:
    """Words on one line, as a terminal can show them."""
    return " ".join("".join(each if each.isprintable() else " " for each in words).split())
