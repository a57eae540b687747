"""The ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aqsync.server.context import Parts
from aqsync.server.errors import ServerStartError
from aqsync.server.extensions.library import ExtensionLibrary
from aqsync.server.extensions.opening import open_queue
from aqsync.server.extensions.script_runner import ScriptRunner
from aqsync.server.extensions.task_service import TaskService
from aqsync.server.extensions.variables import ServerAccess
from aqsync.server.rights.exposure import check_token
from aqsync.server.rights.failed_logins import FailedLogins
from aqsync.server.rights.rate_limit import RateLimit
from aqsync.server.rights.task_tokens import TaskTokens
from aqsync.server.rights.token_directory import TokenDirectory
from aqsync.server.settings import ServerSettings, StorageSettings
from aqsync.server.storage import Storage
from aqsync.server.web.explorer import Explorer
from aqsync.server.web.login import Login
from aqsync.server.web.pages import PATHS, Pages, is_page
from aqsync.server.web.session_cookie import SessionCookie
from aqsync.server.web.sessions import Sessions
from aqsync.server.wire.access_log import AccessLog
from aqsync.server.wire.away import AnswersWhileAway
from aqsync.server.wire.files_api import FilesEndpoint
from aqsync.server.wire.gate import Gate
from aqsync.server.wire.graphql_api import GraphQLEndpoint
from aqsync.server.wire.proxies import Proxies
from aqsync.server.wire.running_requests import RunningRequests
from aqsync.server.wire.served_files import ServedFiles

_GRAPHQL_THREADS = 4
"""Of their own, so that long lists do not hold up files."""
_TOKEN_THREADS = 2
"""Of their own, so that neither holds up those who only come in."""


def create_app(settings: ServerSettings, url: str) -> Starlette:
    """Open the data directory and return the application that serves it.

    The directory stays locked, and tasks run, until the application's lifespan ends.

    Args:
        settings: What is served.
        url: Where it is served: what the scripts of extensions talk to.

    Returns:
        The application; its ``state.end_tasks`` is a last resort where no lifespan ends.

    Raises:
        ServerStartError: The data directory, the extensions or the token cannot be used.
    """
    _check(settings)
    storage = Storage(settings.storage, quota=settings.quota, reserve=settings.reserve)
    failed = FailedLogins()
    tokens = ThreadPoolExecutor(_TOKEN_THREADS, thread_name_prefix="tokens")
    directory = TokenDirectory(storage.tokens, settings.token, tokens)
    tasks = _task_service(settings, storage, url)
    disk = ThreadPoolExecutor(storage.files.threads, thread_name_prefix="disk")
    workers = ThreadPoolExecutor(_GRAPHQL_THREADS, thread_name_prefix="graphql")
    requests: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(tasks.queue.start)
        storage.files.begin()
        yield
        if requests:
            # Those that a stop has just cancelled: they still clean up after themselves.
            await asyncio.wait(requests)
        await asyncio.to_thread(tasks.queue.stop)
        workers.shutdown()
        tokens.shutdown()
        disk.shutdown()
        storage.close()

    parts = Parts(storage, tasks)
    files = ServedFiles(storage.files, disk, settings.max_file_bytes)
    cookie = SessionCookie(_cookie_name(settings.storage, url))
    login = Login(directory, Sessions(storage.database), cookie, failed, tokens)
    pages = Pages(parts, login, workers, files, settings.allowed_hosts)
    app = Starlette(
        routes=[
            Route("/api/graphql", GraphQLEndpoint(parts, workers)),
            Route("/api/files/{path:path}", FilesEndpoint(files)),
            *(Route(path, pages) for path in PATHS),
        ],
        middleware=[
            Middleware(Proxies, known=settings.proxies),
            Middleware(AccessLog, trail=storage.trail),
            Middleware(RunningRequests, tasks=requests),
            Middleware(AnswersWhileAway),
            # Before the gate: a browser cannot send a token when it opens a page.
            *([Middleware(Explorer, directory=directory)] if settings.explorer else []),
            Middleware(
                Gate,
                directory=directory,
                failed=failed,
                rate=RateLimit(settings.rate_limit),
                is_exempt=is_page,
                allowed=settings.allowed_hosts,
            ),
        ],
        exception_handlers={HTTPException: _plain_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.end_tasks = partial(tasks.queue.stop, patience=0)
    return app


def _check(settings: ServerSettings) -> None:
    """Refuse settings that no server can run with."""
    check_token(settings.token)
    if settings.extensions is not None and not settings.extensions.is_dir():
        raise ServerStartError(
            f"the directory of extensions {settings.extensions} does not exist",
            "Make it, or start without extensions.",
        )
    if settings.max_tasks < 1:
        raise ServerStartError("no task could ever run", "Let at least 1 run at once.")
    if settings.rate_limit is not None and settings.rate_limit <= 0:
        raise ServerStartError("no request could ever be made", "Let more than 0 a second come.")


def _cookie_name(storage: StorageSettings, url: str) -> str:
    """One for each port: browsers send a cookie to every port of a host.

    Servers that share a database have one name, whichever ports they have behind their proxy.
    """
    port = urlsplit(url).port if storage.database is None else None
    return f"aqsync_{port or 'session'}"


def _task_service(settings: ServerSettings, storage: Storage, url: str) -> TaskService:
    library = ExtensionLibrary(settings.extensions)
    access = ServerAccess(url, settings.allowed_hosts)
    tokens = TaskTokens(storage.tokens, is_closed=settings.token is not None)
    scripts = ScriptRunner(library, storage.environments, access, tokens)
    queue = open_queue(storage.database, storage.tasks, scripts, settings.max_tasks)
    return TaskService(library, storage.tasks, queue)


async def _plain_error(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)  # noqa: S101 - what it is registered for
    return JSONResponse({"detail": exc.detail}, exc.status_code, exc.headers)
