"""What buttons send: small forms, and an answer that says what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aqsync.errors import AqsyncError, BadRequest, ConfigError, ExitCode
from aqsync.log import Log
from aqsync.service.page.render import page
from aqsync.service.page.site import Site
from aqsync.service.web.models import LONGEST_REQUEST

Fields = Mapping[str, str]
_OUTDATED = {"hx-trigger": "restated, answered"}
"""Lets the page ask for itself anew, and a question give way to what came of it."""

log = Log(__name__)


def button(site: Site, path: str, carry_out: Callable[[Fields], str]) -> BaseRoute:
    """A route for a button.

    Args:
        site: What every page is made with.
        path: To which it sends.
        carry_out: Does what it is for and says what was done; it may block, and raise what
            commands would end with.
    """

    def answer(fields: Fields) -> Response:
        try:
            said = carry_out(fields)
        except AqsyncError as exc:
            return _told(status_of(exc), exc.message, hint=exc.hint, done=False)
        except Exception as exc:  # noqa: BLE001 - one request must not end the page
            log.error("an internal error; please report it", request=path, exc=exc)
            return _told(500, f"internal error of the daemon: {exc}", hint="see its log")
        site.daemon.board.outdate()
        return _told(200, said, done=True)

    async def serve(request: Request) -> Response:
        try:
            fields = await _fields(request)
        except BadRequest as exc:
            return _told(400, exc.message)
        return await run_in_threadpool(answer, fields)

    return Route(path, serve, methods=["POST"])


def wanted(fields: Fields, name: str) -> str:
    """A field that must be there.

    Raises:
        BadRequest: It is not.
    """
    if name not in fields:
        raise BadRequest(f"the page sent no {name}")
    return fields[name]


async def _fields(request: Request) -> Fields:
    """What a form sends.

    Raises:
        BadRequest: It is no form of ours.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_REQUEST:
                raise BadRequest("the form is too long")
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
    except ClientDisconnect as exc:
        raise BadRequest("the page has gone") from exc
    except ValueError as exc:
        raise BadRequest("this is no form of the page") from exc


def status_of(exc: AqsyncError) -> int:
    """Whether what was asked for is wrong, or something here is."""
    usage = isinstance(exc, BadRequest | ConfigError) or exc.exit_code is ExitCode.USAGE
    return 400 if usage else 500


def _told(status: int, said: str, *, hint: str = "", done: bool = False) -> Response:
    values = {"said": said, "hint": hint, "done": done}
    answer = page("said.html", values, status)
    if done:
        answer.headers.update(_OUTDATED)
    return answer
