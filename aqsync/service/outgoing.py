"""Small requests to addresses that hold a secret: messages and signs of life.

No error names more of an address than its label, and none of httpx leaves this module.
"""

from __future__ import annotations

import ssl
from functools import cache

from aqsync import __version__
from aqsync.aqueduct.http_libraries import httpx
from aqsync.config.notify import Address
from aqsync.errors import NotSent

TIMEOUT_S = 10.0
"""For connecting, and for each part of an answer."""


def post(address: Address, content: bytes, kind: str) -> None:
    """Post something.

    Args:
        address: Where to.
        content: The body.
        kind: Its type: ``application/json``.

    Raises:
        NotSent: It was not taken.
    """
    _request(address, "POST", address.url.get_secret_value(), content, {"Content-Type": kind})


def get(address: Address) -> None:
    """Ask for an address; what it answers is not read.

    Raises:
        NotSent: It does not say that all is well.
    """
    _request(address, "GET", address.url.get_secret_value(), None, {})


def _request(
    address: Address, method: str, url: str, content: bytes | None, headers: dict[str, str]
) -> None:
    headers["User-Agent"] = f"aqsync/{__version__}"
    verify = _authorities() if url.lower().startswith("https") else False
    try:
        with (
            httpx.Client(verify=verify, timeout=TIMEOUT_S) as client,
            client.stream(method, url, content=content, headers=headers) as answer,
        ):
            status, is_good, moved = answer.status_code, answer.is_success, answer.is_redirect
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as exc:
        raise NotSent(
            f"{address.label} {_reason(exc)}",
            hint="see whether this machine reaches it, and whether the address is right",
        ) from None  # what httpx says may hold the address
    if not is_good:
        hint = "write the address that it leads to" if moved else "see whether the address is right"
        raise NotSent(f"{address.label} answers with the status {status}", hint=hint)


@cache
def _authorities() -> ssl.SSLContext:
    """The usual ones, and those of this machine, where a lab installs its own.

    Raises:
        NotSent: They cannot be read.
    """
    try:
        context = httpx.create_ssl_context()
        context.load_default_certs()
    except OSError as exc:
        raise NotSent(
            f"no certificates can be read: {exc.strerror or exc}",
            hint="see where the environment variables SSL_CERT_FILE and SSL_CERT_DIR lead",
        ) from exc
    return context


def _reason(exc: BaseException) -> str:
    """What happened, without the words of a library."""
    if isinstance(exc, httpx.TimeoutException):
        return f"does not answer within {TIMEOUT_S:g} s"
    if isinstance(exc, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return "is no address that can be asked"
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"is not to be trusted, or speaks no TLS ({cause.reason})"
        if isinstance(cause, OSError) and cause.strerror:
            return f"cannot be reached: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    return f"cannot be reached ({type(exc).__name__})"
