"""Requests out, answers in.

httpx reads URLs, proxies and certificates; the requests go through `Connections`, and by way of
a proxy through httpcore's pool. No error of either leaves this module: each is translated into the
tree of `aqsync.errors`.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from aqsync import __version__
from aqsync.aqueduct.address import proxy_for, server_url, token_bytes
from aqsync.aqueduct.answer_timeout import SLOWEST_BYTES_PER_SECOND, AnswerTimeout
from aqsync.aqueduct.answers import Answer, retry_after_s
from aqsync.aqueduct.connections import Connections
from aqsync.aqueduct.http_libraries import httpcore, httpx, socksio
from aqsync.aqueduct.multipart import UploadBody
from aqsync.aqueduct.sockets import CLOSED, StaleConnection, TooSlow, WatchedSockets
from aqsync.errors import (
    AnswerTooLarge,
    BadAnswer,
    ConfigError,
    NameNotSendable,
    NoConnection,
    RemoteError,
    ServerUnreachable,
)

_T = TypeVar("_T")
_E = TypeVar("_E", bound=BaseException)

_IDLE_SECONDS = 4.0
"""How long an idle connection is kept: less than the 5 s after which uvicorn closes it, so that
none is closed just as a request goes out on it."""
_IDLE_CONNECTIONS = 20
_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    socksio.SOCKSError,
)
_BEFORE_SENDING = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.ProxyError,
    socksio.SOCKSError,
)
MIB = 1024 * 1024
_LONGEST_SECONDS = 3600.0
"""No answer but a file takes longer in all, however slow the line is."""
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
"""What OpenSSL says of an answer in the clear."""
_SHORTEST_PAUSE_S = 0.1
"""However soon a server wants to be asked again."""
_ERROR_BYTES = 64 * 1024
"""No more than this is read of an answer that reports an error."""


class Timeouts(NamedTuple):
    """Limits in seconds."""

    connect: float
    """For each address of the server until it accepts."""
    answer: float
    """For the answer to a small request: see `AnswerTimeout`."""
    stall: float
    """Without any progress of a transfer; for its small answer, see `AnswerTimeout`."""


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
    timeout: float | None = None
    """Seconds to wait for the answer, where neither limit fits."""
    longest: int = MIB
    """Bytes that a good answer may have at most, unless it is a file."""


class OpenAnswer(NamedTuple):
    """An answer whose body is still to come."""

    url: str
    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    with_token: bool = True

    def whole(self) -> Answer:
        """Read an answer that reports an error, as far as anybody would read it."""
        body = bytearray()
        for chunk in self.chunks:
            body += chunk
            if len(body) > _ERROR_BYTES:
                break
        return Answer(self.url, self.status, self.headers, body, self.with_token)

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
        patience: For how many seconds in all a request waits that the server wants later, as it
            had too many (429); then its answer is returned as it is.

    Raises:
        ConfigError: The URL, the token or the file of authorities cannot be used.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        verify: bool | str,
        timeouts: Timeouts,
        patience: float = 0.0,
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
        self._sockets = WatchedSockets()
        self._pool = _pool(_tls_context(base, verify=verify), self._proxy, self._sockets)
        self._closed = threading.Event()
        self._patience = patience

    @property
    def _with_token(self) -> bool:
        return any(name == b"Authorization" for name, _ in self._headers)

    def close(self) -> None:
        """Close every connection, also those in use: what runs on them ends with an error."""
        self._closed.set()
        self._pool.close()
        self._sockets.close()  # also those that the pool does not know yet

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
        return self._attempt(
            request,
            what,
            lambda asked, response: self._read_whole(asked, response, what),
            repeatable=repeatable,
        )

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
                response.status,
                _readable(response.headers),
                self._chunks(response, request, what),
                self._with_token,
            )
        finally:
            response.stream.close()

    def _attempt(
        self,
        request: Request,
        what: str,
        use: Callable[[Request, _Response], _T],
        *,
        repeatable: bool,
    ) -> _T:
        try:
            return use(request, self._send(request))
        except _FAILURES as exc:
            if not _may_repeat(exc, request.body, repeatable=repeatable):
                raise self._translate(exc, request, what) from exc
        try:
            return use(request, self._send(request))
        except _FAILURES as exc:
            raise self._translate(exc, request, what) from exc

    def _send(self, request: Request) -> _Response:
        """Send a request, again where the server had too many and names a pause: it did nothing."""
        give_up_at = time.monotonic() + self._patience
        while True:
            response = self._send_once(request)
            asked = _pause_asked_for(request, response)
            if asked is None or time.monotonic() + asked >= give_up_at:
                return response
            response.stream.close()
            self._closed.wait(max(asked, _SHORTEST_PAUSE_S))

    def _send_once(self, request: Request) -> _Response:
        if self._closed.is_set():
            raise httpcore.ConnectError(CLOSED)
        try:
            url = _parsed(self.url + request.path)
        except httpx.InvalidURL as exc:  # of the parts of a path only a file's name can be too long
            raise NameNotSendable("the file name is too long for a request") from exc
        body, limits = request.body, self._timeouts
        headers = [*self._headers, *request.headers]
        pieces: Iterable[bytes] = [body] if isinstance(body, bytes) else body
        length = len(body) if isinstance(body, bytes) else body.length
        if length:
            headers.append((b"Content-Length", b"%d" % length))
        read = AnswerTimeout(self._answer_seconds(request))
        timeout = {"connect": limits.connect, "read": read, "write": limits.stall, "pool": None}
        sent = httpcore.Request(
            request.method, url, headers=headers, content=pieces, extensions={"timeout": timeout}
        )
        response = cast("_Response", self._pool.handle_request(sent))
        is_file = request.transfer and request.method == "GET" and _is_good(response)
        read.begin_body(of_any_length=is_file)
        return response

    def _answer_seconds(self, request: Request) -> float:
        if request.timeout is not None:
            return request.timeout
        return self._timeouts.stall if request.transfer else self._timeouts.answer

    def _read_whole(self, request: Request, response: _Response, what: str) -> Answer:
        good, body = _is_good(response), bytearray()
        most = request.longest if good else _ERROR_BYTES
        give_up_at = time.monotonic() + _LONGEST_SECONDS
        try:
            for chunk in response.stream:
                body += chunk
                if len(body) > most:
                    break
                if time.monotonic() >= give_up_at:
                    raise TooSlow
        finally:
            response.stream.close()
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # The real server closes after a 500 without saying so before.
            response.extensions["network_stream"].close()
        url = self.url + request.path
        if good and len(body) > most:
            raise AnswerTooLarge(
                f"{what}: {url} answers with more than {most // MIB} MiB; the rest was not read",
                hint="see whether this is an Aqueduct server, and whether it is in order",
            )
        return Answer(url, response.status, _readable(response.headers), body, self._with_token)

    def _chunks(self, response: _Response, request: Request, what: str) -> Iterator[bytes]:
        try:
            yield from response.stream
        except _FAILURES as exc:
            raise self._translate(exc, request, what) from exc

    def _translate(self, exc: Exception, request: Request, what: str) -> RemoteError:
        if self._closed.is_set():
            return ServerUnreachable(f"{what}: {CLOSED}")
        if isinstance(exc, httpcore.ProtocolError) and not _broke_off(exc):
            return BadAnswer(
                f"{what}: {self.url} does not speak HTTP as a server does ({exc})",
                hint="check the server's URL: scheme, host and port",
            )
        limits = self._timeouts
        hint = "check that the server runs and that this machine can reach it"
        if isinstance(exc, httpcore.ConnectTimeout):
            why = f"no connection to {self.url} within {limits.connect:g} s"
        elif isinstance(exc, TooSlow):
            why = (
                f"{self.url} answers too slowly: it takes more than"
                f" {self._answer_seconds(request):g} s, and less than"
                f" {SLOWEST_BYTES_PER_SECOND} bytes a second come"
            )
        elif isinstance(exc, httpcore.TimeoutException):
            why = f"{self.url} was silent for {self._answer_seconds(request):g} s"
        elif (certificate := _cause(exc, ssl.SSLError)) is not None:
            why, hint = _without_trust(self.url, certificate)
        elif isinstance(exc, httpcore.ProxyError | socksio.SOCKSError):
            why = f"no connection to {self.url}: the proxy does not make it ({_reason(exc)})"
        elif isinstance(exc, httpcore.ConnectError):
            why = f"no connection to {self.url}: {_reason(exc)}"
        else:
            why = f"the connection to {self.url} broke off ({_reason(exc)})"
        if self._proxy is not None:
            hint = f"the environment sends this through the proxy {self._proxy.url.host}; " + hint
        kind = NoConnection if isinstance(exc, _BEFORE_SENDING) else ServerUnreachable
        return kind(f"{what}: {why}", hint=hint)


class _Stream(Protocol):
    """The body of an answer."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class _Response(Protocol):
    """What a pool answers."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...
    @property
    def stream(self) -> _Stream: ...
    @property
    def extensions(self) -> Mapping[str, Any]: ...


def _pause_asked_for(request: Request, response: _Response) -> float | None:
    """For how many seconds a server that had too many requests asks to be left alone."""
    body = request.body
    if response.status != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    if isinstance(body, UploadBody) and not body.repeatable:
        return None
    answer = Answer("", response.status, _readable(response.headers), bytearray(), with_token=False)
    return retry_after_s(answer)


def _is_good(response: _Response) -> bool:
    return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in small letters; what came twice is joined as HTTP has it."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpcore.URL:
    """Parsing takes a tenth of a small upload's time, and all of an experiment's go to one URL."""
    return _core_url(httpx.URL(url))


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _may_repeat(exc: Exception, body: bytes | UploadBody, *, repeatable: bool) -> bool:
    if isinstance(body, UploadBody) and not body.repeatable:
        return False
    return isinstance(exc, StaleConnection) or (repeatable and _broke_off(exc))


def _broke_off(exc: Exception) -> bool:
    """Tell whether the connection ended early; some of it is said in words only."""
    if isinstance(exc, httpcore.RemoteProtocolError):
        return "disconnected" in str(exc) or "closed connection" in str(exc)
    return isinstance(exc, httpcore.NetworkError) and not isinstance(exc, httpcore.ConnectError)


def _cause(exc: BaseException | None, kind: type[_E]) -> _E | None:
    """Return the first of the exceptions behind `exc` that is a `kind`."""
    while exc is not None and not isinstance(exc, kind):
        exc = exc.__cause__ or exc.__context__  # httpcore's pool hides the cause
    return exc


def _without_trust(url: str, problem: ssl.SSLError) -> tuple[str, str]:
    """Say why TLS made no connection, and what to do."""
    if problem.reason in _NOT_TLS:
        return (
            f"{url} is not https: the server speaks plain http on this port",
            f"write http://{url.removeprefix('https://')}, or the port where it speaks https",
        )
    return (
        f"no trusted connection to {url}: {problem}",
        "if the server has its own authority, name its CA file in the configuration",
    )


def _reason(exc: Exception) -> str:
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


def _pool(
    tls: ssl.SSLContext, proxy: httpx.Proxy | None, sockets: WatchedSockets
) -> Connections | httpcore.ConnectionPool:
    """Return what keeps the connections.

    A proxy that itself speaks TLS, or SOCKS, gets sockets of httpcore's own, which can put TLS into
    TLS; they do not notice an early answer, and only know how long nothing may come.
    """
    if proxy is None:
        return Connections(sockets, tls, idle_seconds=_IDLE_SECONDS, most_idle=_IDLE_CONNECTIONS)
    by_socks = proxy.url.scheme.startswith("socks")
    return (httpcore.SOCKSProxy if by_socks else httpcore.HTTPProxy)(
        _core_url(proxy.url),
        proxy_auth=proxy.raw_auth,
        ssl_context=tls,
        max_connections=None,
        max_keepalive_connections=_IDLE_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=sockets if proxy.url.scheme == "http" else None,
    )


def _proxy(url: str) -> httpx.Proxy | None:
    address = proxy_for(url)
    try:
        return None if address is None else httpx.Proxy(address)
    except (httpx.InvalidURL, ValueError) as exc:
        scheme = str(address).partition("://")[0]  # what follows may be a password
        why = f"aqsync knows http, https and socks5, and not {scheme!r}"
        if scheme in {"http", "https", "socks5", "socks5h"} or not scheme.isalnum():
            why = "it is not written as HOST:PORT or http://HOST:PORT"
        raise ConfigError(
            f"the proxy that the environment names cannot be used: {why}",
            hint="look at http_proxy, https_proxy, all_proxy and no_proxy in the environment",
        ) from exc
