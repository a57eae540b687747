"""The bare endpoint beside which the embedded server is measured: Starlette on uvicorn.

Run as ``python -m bench.bare_server FOLDER``. It stores the body of a request as it comes, without
reading the form in it, and knows no names, experiments, conditions or tokens: a temporary file,
synced, renamed, and the folder synced before the answer. The path ``/nothing`` stores nothing, to
show how fast the client alone is.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

NOTHING = "/nothing"


def application(folder: Path) -> Starlette:
    """Return the application that stores into a folder."""
    counter = itertools.count()

    async def store(request: Request) -> JSONResponse:
        body = await request.body()
        await run_in_threadpool(_store, folder, f"{next(counter):x}", body)
        return JSONResponse({"result": "stored"})

    async def ignore(request: Request) -> JSONResponse:
        await request.body()
        return JSONResponse({"result": "ignored"})

    return Starlette(
        routes=[
            Route("/api/files/{uuid}", store, methods=["POST"]),
            Route(f"{NOTHING}/api/files/{{uuid}}", ignore, methods=["POST"]),
        ]
    )


def _store(folder: Path, name: str, body: bytes) -> None:
    passing = folder / f"{name}.part"
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.write(descriptor, body)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    passing.rename(folder / name)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[object] | None = None) -> None:
        await super().startup(sockets)  # type: ignore[arg-type]
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", flush=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _Server(
        uvicorn.Config(
            application(folder),
            port=0,
            loop="asyncio",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
        )
    ).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
