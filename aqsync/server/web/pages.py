"""The endpoint of the page: routes, and pages for what goes wrong."""

from __future__ import annotations

import logging
from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import Executor
from importlib.resources import files as package_files
from typing import TypeVar
from uuid import UUID

from starlette.types import Receive, Scope, Send

from aqsync.server.catalog.catalog import Experiment
from aqsync.server.catalog.database import DatabaseAway
from aqsync.server.context import Context, Parts
from aqsync.server.errors import FileRefused, NotAllowed, OperationRefused, disk_failure
from aqsync.server.files.store import FILE_MISSING
from aqsync.server.rights.refusal import require
from aqsync.server.rights.who import ANYBODY
from aqsync.server.web.experiment_list import ExperimentSearch, experiment_list
from aqsync.server.web.experiment_page import FileSearch, experiment_page
from aqsync.server.web.fields import Fields
from aqsync.server.web.file_view import file_page, image_type, read_start
from aqsync.server.web.form_upload import FormUpload, UploadResult
from aqsync.server.web.formats import link
from aqsync.server.web.login import Login
from aqsync.server.web.page_rights import operation_of
from aqsync.server.web.paging import number_of
from aqsync.server.web.responses import SAFE, download_headers, image_headers, redirect, send_html
from aqsync.server.web.templates import Page, message, render
from aqsync.server.wire.away import AWAY
from aqsync.server.wire.download import send_file
from aqsync.server.wire.exchange import WHO, ClientLeft, Exchange
from aqsync.server.wire.request_origin import FOREIGN, REBOUND, is_rebound, sent_by_own_page
from aqsync.server.wire.served_files import ServedFiles

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_STATIC = {
    "page.css": b"text/css; charset=utf-8",
    "upload.js": b"text/javascript; charset=utf-8",
    "explorer.js": b"text/javascript; charset=utf-8",
    "icon.svg": b"image/svg+xml",
}

_AS_AQUEDUCT = "/aqd/experiments/"
"""Where Aqueduct's own pages show an experiment; links to there lead here too."""

PATHS = (
    *("/", "/login", "/logout", "/static/{name}", "/experiments/{path:path}"),
    f"{_AS_AQUEDUCT}{{path:path}}",
)
"""The paths that the page answers for, as routes."""


def is_page(path: str) -> bool:
    """Tell whether the page answers for a path; everything else belongs to the API."""
    return path in {"/", "/login", "/logout"} or path.startswith(
        ("/static/", "/experiments/", _AS_AQUEDUCT)
    )


class Pages:
    """Answers for every path of the page.

    Args:
        parts: Where everything is.
        login: Decides who may see it.
        workers: The threads that render pages.
        files: The files of all experiments.
        allowed: Names of this server, besides those of the machine.
    """

    def __init__(
        self,
        parts: Parts,
        login: Login,
        workers: Executor,
        files: ServedFiles,
        allowed: frozenset[str],
    ) -> None:
        self._allowed = allowed
        self._parts = parts
        self._login = login
        self._workers = workers
        self._files = files
        folder = package_files(__package__) / "static"
        self._static = {name: (folder / name).read_bytes() for name in _STATIC}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send)
        try:
            await self._answer(exchange, scope["path"][1:].split("/"))
        except OperationRefused as exc:
            await self._tell(exchange, 404, str(exc))
        except NotAllowed as exc:
            await self._tell(exchange, 403, str(exc))
        except FileRefused as exc:
            await self._tell(exchange, exc.status, str(exc.detail))
        except DatabaseAway as exc:
            await self._tell(exchange, AWAY, str(exc))
        except ClientLeft:
            pass
        except OSError as exc:
            _log.error("%s %s: %s", exchange.method, scope["path"], exc)
            refused = disk_failure(exc)
            await self._tell(exchange, refused.status, str(refused.detail))

    async def _answer(self, exchange: Exchange, path: list[str]) -> None:
        if not await self._login.is_needed() and is_rebound(exchange, self._allowed):
            raise FileRefused(403, REBOUND)
        match exchange.method:
            case "GET" if path[0] == "aqd":
                await redirect(exchange, link(*path[1:]))
            case "GET":
                await self._get(exchange, path)
            case "POST" if sent_by_own_page(exchange):
                await self._post(exchange, path)
            case "POST":
                raise FileRefused(403, FOREIGN)
            case _:
                await self._refuse_method(exchange)

    async def _post(self, exchange: Exchange, path: list[str]) -> None:
        match path:
            case ["login"]:
                await self._login.begin(exchange)
            case ["logout"]:
                await self._login.end(exchange)
            case ["experiments", eid]:
                who = await self._login.who(exchange)
                if who is None:
                    raise FileRefused(401, "You are not logged in any more. Nothing was stored.")
                require(who, operation_of("POST", path))
                context = Context(self._parts, who)
                await self._upload(exchange, context, await self._find(context, eid))
            case _:
                await self._refuse_method(exchange)

    async def _get(self, exchange: Exchange, path: list[str]) -> None:
        match path:
            case ["static", name] if name in _STATIC:
                headers = (*SAFE, (b"cache-control", b"no-cache"))
                kind = _STATIC[name]
                await exchange.answer(200, self._static[name], headers=headers, kind=kind)
            case ["login"]:
                await self._login.show(exchange)
            case ["logout"]:
                await self._refuse_method(exchange)
            case _ if (who := await self._login.who(exchange)) is None:
                await self._login.redirect_to_form(exchange)
            case _ if (operation := operation_of("GET", path)) is None:
                raise FileRefused(404, "There is no such page.")
            case _:
                require(who, operation)
                await self._get_data(exchange, path, Context(self._parts, who))

    async def _get_data(self, exchange: Exchange, path: list[str], context: Context) -> None:
        match path:
            case [""]:
                await self._show_list(exchange, context)
            case ["experiments", eid]:
                await self._show_experiment(exchange, context, await self._find(context, eid))
            case ["experiments", eid, what, name]:
                experiment = await self._find(context, eid)
                if what == "view":
                    await self._show_file(exchange, context, experiment, name)
                else:
                    await self._send_file(exchange, context, experiment.uuid, what, name)

    async def _show_list(self, exchange: Exchange, context: Context) -> None:
        fields = Fields(exchange.scope["query_string"])
        search = ExperimentSearch(
            fields["q"].strip(), fields["tag"].strip(), number_of(fields["page"])
        )
        await self._show(exchange, lambda: experiment_list(context.catalog, search))

    async def _show_experiment(
        self, exchange: Exchange, context: Context, experiment: Experiment
    ) -> None:
        fields = Fields(exchange.scope["query_string"])
        wanted = FileSearch(fields["name"], number_of(fields["page"]))
        stored = fields["stored"]
        result = UploadResult(number_of(stored), status=200) if stored else None
        await self._show_result(exchange, context, experiment, wanted, result)

    async def _show_file(
        self, exchange: Exchange, context: Context, experiment: Experiment, name: str
    ) -> None:
        eid, uuid, files = experiment.eid, experiment.uuid, context.files
        await self._show(exchange, lambda: file_page(eid, name, read_start(files, uuid, name)))

    async def _send_file(
        self, exchange: Exchange, context: Context, uuid: UUID, what: str, name: str
    ) -> None:
        files = self._files.seen_by(context.who)
        if what == "download":
            await send_file(exchange, files, uuid, name, download_headers)
            return
        media_type = image_type(name)
        if media_type is None:
            raise FileRefused(404, FILE_MISSING)
        headers = image_headers(name, media_type)
        await send_file(exchange, files, uuid, name, lambda *_: headers)

    async def _upload(self, exchange: Exchange, context: Context, experiment: Experiment) -> None:
        files = self._files.seen_by(context.who)
        result = await FormUpload(files, experiment.uuid).receive(exchange)
        if result.stored and not result.refused:
            await redirect(exchange, link("experiments", experiment.eid, stored=result.stored))
        else:
            await self._show_result(exchange, context, experiment, FileSearch(), result)

    async def _show_result(
        self,
        exchange: Exchange,
        context: Context,
        experiment: Experiment,
        wanted: FileSearch,
        result: UploadResult | None,
    ) -> None:
        limit = self._files.max_file_bytes
        await self._show(
            exchange, lambda: experiment_page(context, experiment, wanted, result, limit)
        )

    async def _find(self, context: Context, eid: str) -> Experiment:
        return await self._work(lambda: context.catalog.by_eid(eid))

    async def _work(self, job: Callable[[], _T]) -> _T:
        return await get_running_loop().run_in_executor(self._workers, job)

    async def _show(self, exchange: Exchange, make: Callable[[], Page]) -> None:
        def rendered() -> tuple[int, str]:
            page = make()
            return page.status, render(page, can_log_out=_is_logged_in(exchange))

        status, html = await self._work(rendered)
        await send_html(exchange, html, status=status)

    async def _tell(self, exchange: Exchange, status: int, text: str) -> None:
        html = render(message(status, text), can_log_out=_is_logged_in(exchange))
        await send_html(exchange, html, status=status)

    async def _refuse_method(self, exchange: Exchange) -> None:
        allow = (b"allow", b"GET, POST")
        html = render(message(405, "Method Not Allowed"))
        await send_html(exchange, html, status=405, headers=(allow,))


def _is_logged_in(exchange: Exchange) -> bool:
    return exchange.scope.get(WHO, ANYBODY) is not ANYBODY
