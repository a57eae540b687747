"""Requests out, answers in: the only user of httpx, but for its import.

No httpx error leaves this module: each is translated into the tree of `aqsync.errors`.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

from aqsync import __version__
from aqsync.aqueduct.address import proxy_for, server_url, token_bytes
from aqsync.aqueduct.answers import Answer
from aqsync.aqueduct.connections import Connections
from aqsync.aqueduct.http_libraries import httpx
from aqsync.aqueduct.multipart import UploadBody
from aqsync.aqueduct.patience import SLOWEST_BYTES_PER_SECOND, Patience
from aqsync.aqueduct.sockets import CLOSED, StaleConnection, TooSlow, WatchedSockets
from aqsync.errors import BadAnswer, ConfigError, NameNotSendable, RemoteError, ServerUnreachable

_T = TypeVar("_T")
_E = TypeVar("_E", bound=BaseException)

_IDLE_SECONDS = 4.0
"""How long an idle connection is kept: less than the 5 s after which uvicorn closes it, so that
none is closed just as a request goes out on it."""
_IDLE_CONNECTIONS = 20
_ERROR_BYTES = 64 * 1024
"""No more than this is read of an answer that reports an error."""


class Timeouts(NamedTuple):
    """Limits in seconds."""

    connect: float
    """For each address of the server until it accepts."""
    answer: float
    """For the answer to a small request: see `Patience`."""
    stall: float
    """Without any progress of a transfer; for its small answer, see `Patience`."""


class Request(NamedTuple):
    """What to ask of the server."""

    method: str
    path: str
    """Below the server's URL, quoted: ``/api/...``."""
    body: bytes | UploadBody = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    transfer: bool = False
    """Whether this moves a file: the limit is then `Timeouts.stall`, and what a GET brings may
    take as long as it takes."""
    patience: float | None = None
    """Seconds to wait for the answer, where neither limit fits."""


class OpenAnswer(NamedTuple):
    """An answer whose body is still to come."""

    url: str
    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    def whole(self) -> Answer:
        """Read an answer that reports an error, as far as anybody would read it."""
        body = bytearray()
        for chunk in self.chunks:
            body += chunk
            if len(body) > _ERROR_BYTES:
                break
        return Answer(self.url, self.status, self.headers, body)

    def skip(self) -> None:
        """Read the body and throw it away: the connection can then take another request."""
        for _ in self.chunks:
            pass


class Transport:
    """Speaks HTTP with one server, over a pool of kept-alive connections.

    Threads may share it. Redirects are not followed (a POST would become a GET).

    Args:
        url: The server's URL as a user writes it: with or without a path prefix or trailing slash.
        token: Sent as ``Authorization: Bearer``; None sends nothing.
        verify: How to check a TLS certificate: True by the system's and the usual authorities, a
            path of a file by the authorities in it, False not at all.
        timeouts: Limits in seconds.

    Raises:
        ConfigError: The URL, the token or the file of authorities cannot be used.
    """

    def __init__(
        self, url: str, token: str | None, *, verify: bool | str, timeouts: Timeouts
    ) -> None:
        self.url = server_url(url)
        try:
            base = httpx.URL(self.url)
        except httpx.InvalidURL as exc:
            raise ConfigError(f"the server's URL {url!r} cannot be used: {exc}") from exc
        self._timeouts = timeouts
        self._headers = [
            (b"Host", base.netloc),
            (b"User-Agent", b"aqsync/" + __version__.encode()),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"identity"),
        ]
        if token is not None:
            self._headers.append((b"Authorization", b"Bearer " + token_bytes(token)))
        self._proxy = _proxy(self.url)
        self._http = _WatchedTransport(verify=_tls_context(base, verify=verify), proxy=self._proxy)
        self._closed = False

    def close(self) -> None:
        """Close every connection, also those in use: what runs on them ends with an error."""
        self._closed = True
        self._http.close()

    def exchange(self, request: Request, what: str, *, repeatable: bool = False) -> Answer:
        """Send a request and return its whole answer, whatever its status.

        Args:
            request: What to send.
            what: What this does, as an error message begins: ``upload of 'a.csv' to ...``.
            repeatable: Whether doing it twice is as good as once. Then a connection that breaks
                before the answer is whole is replaced by a new one, once. One that is found dead
                before anything was sent is replaced in any case.

        Raises:
            ServerUnreachable, BadAnswer: There was no answer, or none in HTTP.
        """
        return self._attempt(request, what, self._read_whole, repeatable=repeatable)

    @contextlib.contextmanager
    def open(self, request: Request, what: str) -> Iterator[OpenAnswer]:
        """Send a request that may be repeated, and give its answer with the body still to come.

        Leaving early drops the connection rather than read the rest.

        Raises:
            ServerUnreachable, BadAnswer: There was no answer, or none in HTTP, or it broke off.
        """
        response = self._attempt(request, what, lambda _, opened: opened, repeatable=True)
        try:
            yield OpenAnswer(
                self.url + request.path,
                response.status_code,
                response.headers,
                self._chunks(response, request, what),
            )
        finally:
            response.close()

    def _attempt(
        self,
        request: Request,
        what: str,
        use: Callable[[Request, httpx.Response], _T],
        *,
        repeatable: bool,
    ) -> _T:
        try:
            return use(request, self._send(request))
        except httpx.TransportError as exc:
            if not _may_repeat(exc, request.body, repeatable=repeatable):
                raise self._translate(exc, request, what) from exc
        try:
            return use(request, self._send(request))
        except httpx.TransportError as exc:
            raise self._translate(exc, request, what) from exc

    def _send(self, request: Request) -> httpx.Response:
        """Send without what `httpx.Client` adds: cookies, redirects, merging of settings."""
        if self._closed:
            raise httpx.ConnectError(CLOSED)
        try:
            url = _parsed(self.url + request.path)
        except httpx.InvalidURL as exc:  # of the parts of a path only a file's name can be too long
            raise NameNotSendable("the file name is too long for a request") from exc
        body, limits = request.body, self._timeouts
        headers = [*self._headers, *request.headers]
        stream: httpx.SyncByteStream
        if isinstance(body, UploadBody):
            headers.append((b"Content-Length", b"%d" % body.length))
            stream = _Pieces(body)
        else:
            if body:
                headers.append((b"Content-Length", b"%d" % len(body)))
            stream = httpx.ByteStream(body)
        patience = Patience(self._patience(request))
        timeout = {"connect": limits.connect, "read": patience, "write": limits.stall, "pool": None}
        response = self._http.handle_request(
            httpx.Request(
                request.method, url, headers=headers, stream=stream, extensions={"timeout": timeout}
            )
        )
        is_file = request.transfer and request.method == "GET" and response.is_success
        patience.begin_body(of_any_length=is_file)
        return response

    def _patience(self, request: Request) -> float:
        if request.patience is not None:
            return request.patience
        return self._timeouts.stall if request.transfer else self._timeouts.answer

    def _read_whole(self, request: Request, response: httpx.Response) -> Answer:
        failed = not response.is_success
        body = bytearray()
        try:
            for chunk in response.iter_raw():
                body += chunk
                if failed and len(body) > _ERROR_BYTES:
                    break
        finally:
            response.close()
        if response.is_server_error:  # the real server closes after a 500 without saying so before
            response.extensions["network_stream"].close()
        return Answer(self.url + request.path, response.status_code, response.headers, body)

    def _chunks(self, response: httpx.Response, request: Request, what: str) -> Iterator[bytes]:
        try:
            yield from response.iter_raw()
        except httpx.TransportError as exc:
            raise self._translate(exc, request, what) from exc

    def _translate(self, exc: httpx.TransportError, request: Request, what: str) -> RemoteError:
        if self._closed:
            return ServerUnreachable(f"{what}: {CLOSED}")
        if isinstance(exc, httpx.ProtocolError) and not _broke_off(exc):
            return BadAnswer(
                f"{what}: {self.url} does not speak HTTP as a server does ({exc})",
                hint="check the server's URL: scheme, host and port",
            )
        limits = self._timeouts
        hint = "check that the server runs and that this machine can reach it"
        if isinstance(exc, httpx.ConnectTimeout):
            why = f"no connection to {self.url} within {limits.connect:g} s"
        elif isinstance(exc.__cause__, TooSlow):
            why = (
                f"{self.url} answers too slowly: it takes more than"
                f" {self._patience(request):g} s, and less than"
                f" {SLOWEST_BYTES_PER_SECOND} bytes a second come"
            )
        elif isinstance(exc, httpx.TimeoutException):
            why = f"{self.url} was silent for {self._patience(request):g} s"
        elif (certificate := _cause(exc, ssl.SSLError)) is not None:
            why = f"no trusted connection to {self.url}: {certificate}"
            hint = "if the server has its own authority, name its CA file in the configuration"
        elif isinstance(exc, httpx.ConnectError):
            why = f"no connection to {self.url}: {_reason(exc)}"
        else:
            why = f"the connection to {self.url} broke off ({_reason(exc)})"
        if self._proxy is not None:
            hint = f"the environment sends this through the proxy {self._proxy.url.host}; " + hint
        return ServerUnreachable(f"{what}: {why}", hint=hint)


class _WatchedTransport(httpx.HTTPTransport):
    """httpx's own transport, but with connections and sockets of ours.

    httpx has no argument for either, so they are put in from the side; the tests on early answers
    fail where that no longer works. By way of a proxy httpcore's connections are used, on our
    sockets, which notice an early answer. A proxy that itself speaks TLS keeps httpcore's sockets
    too, which can put TLS into TLS; they only know how long nothing may come.
    """

    def __init__(self, *, verify: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        limits = httpx.Limits(
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
        )
        super().__init__(verify=verify, trust_env=False, limits=limits, proxy=proxy)
        self._sockets = WatchedSockets()
        if proxy is None:
            self._pool = Connections(  # type: ignore[assignment]  # what is used of a pool
                self._sockets, verify, idle_seconds=_IDLE_SECONDS, most_idle=_IDLE_CONNECTIONS
            )
        elif proxy.url.scheme == "http":
            self._pool._network_backend = self._sockets  # noqa: SLF001 - see the docstring

    def close(self) -> None:
        """Close every connection, also those that the pool does not know yet."""
        super().close()
        self._sockets.close()


class _Pieces(httpx.SyncByteStream):
    """An upload's body in the dress that httpx asks for."""

    def __init__(self, body: UploadBody) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """Parsing takes a tenth of a small upload's time, and all of an experiment's go to one URL."""
    return httpx.URL(url)


def _may_repeat(exc: httpx.TransportError, body: bytes | UploadBody, *, repeatable: bool) -> bool:
    if isinstance(body, UploadBody) and not body.repeatable:
        return False
    if isinstance(exc.__cause__, StaleConnection):
        return True
    return repeatable and _broke_off(exc)


def _broke_off(exc: httpx.TransportError) -> bool:
    """Tell whether the connection ended early; h11 and httpcore say some of it in words only."""
    if isinstance(exc, httpx.RemoteProtocolError):
        return "disconnected" in str(exc) or "closed connection" in str(exc)
    return isinstance(exc, httpx.NetworkError) and not isinstance(exc, httpx.ConnectError)


def _cause(exc: BaseException | None, kind: type[_E]) -> _E | None:
    """Return the first of the exceptions behind `exc` that is a `kind`."""
    while exc is not None and not isinstance(exc, kind):
        exc = exc.__cause__ or exc.__context__  # httpcore's pool hides the cause
    return exc


def _reason(exc: httpx.TransportError) -> str:
    """Return the operating system's words for what happened, else the library's."""
    system = _cause(exc, OSError)
    words = system.strerror if system is not None and system.strerror else str(exc)
    return words[:1].lower() + words[1:].rstrip(".")


def _tls_context(base: httpx.URL, *, verify: bool | str) -> ssl.SSLContext:
    """Return how certificates are checked; reading the authorities costs, so http goes without."""
    if base.scheme == "http" or verify is False:
        return httpx.create_ssl_context(verify=False, trust_env=False)
    try:
        if isinstance(verify, str):
            return ssl.create_default_context(cafile=verify)
    except OSError as exc:  # also what ssl says about a file without certificates
        raise ConfigError(f"the CA file {verify} cannot be used: {exc.strerror or exc}") from exc
    context = httpx.create_ssl_context()
    context.load_default_certs()  # those of this machine, where a lab installs its own
    return context


def _proxy(url: str) -> httpx.Proxy | None:
    address = proxy_for(url)
    try:
        return None if address is None else httpx.Proxy(address)
    except (httpx.InvalidURL, ValueError) as exc:
        raise ConfigError(
            "the proxy that the environment names cannot be used",
            hint="look at http_proxy, https_proxy, all_proxy and no_proxy in the environment",
        ) from exc
