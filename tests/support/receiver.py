"""A web server on loopback that takes messages and signs of life."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.support.patience import HANG_S

SECRET = "wh-s3cret"


class Receiver:
    """Takes everything, unless a test says otherwise.

    Attributes:
        requests: Method, path and body, in the order in which they came.
        status: What it answers.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.status = 200
        self.go_on = threading.Event()
        self.go_on.set()
        taker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._take()

            def do_POST(self) -> None:
                self._take()

            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                taker.requests.append((self.command, self.path, body))
                taker.go_on.wait(HANG_S)
                self.send_response(taker.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """An address with a secret."""
        return f"http://127.0.0.1:{self._server.server_port}/{SECRET}"

    @property
    def asked(self) -> list[tuple[str, str]]:
        """The methods and paths."""
        return [(method, path) for method, path, _ in self.requests]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, path, body in self.requests if path == f"/{SECRET}"]

    @property
    def events(self) -> list[str]:
        return [message["event"] for message in self.messages]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
