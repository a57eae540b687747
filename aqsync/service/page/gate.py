"""Who gets at the page: this machine's browsers with the cookie, and nobody else's web pages.

Any web page can make a browser send requests to this machine, and can point its own host name at
it. So `Host` must be an address of this machine with our port, and what changes something must come
from our own page, with a token that only our page knows.
"""

from __future__ import annotations

from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from aqsync.service.page.render import page
from aqsync.service.page.secret import derived, same

FORM_HEADER = "x-aqsync-form"
ENTER = "/enter"
_OPEN = frozenset({"/metrics", "/healthz", "/readyz"})
_STATIC = "/static/"
_SAFE = frozenset({"GET", "HEAD"})
_LASTS_S = 30 * 86_400


class Gate:
    """Refuses what does not come from this machine's own pages.

    Args:
        app: What answers the requests that pass.
        token: What `aqsync open` hands over.
        port: On which the page is served.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._cookie = f"aqsync-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        answer: ASGIApp = self._refusal(Request(scope, receive)) or self._app
        await answer(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        # Not `request.url`: it and the routes read a path with an escaped "?" differently.
        host, path = request.headers.get("host", "").lower(), str(request.scope["path"])
        if host not in self._hosts:
            return _refused("This page is served to this machine alone, under its own address.")
        if request.method in _SAFE and (path in _OPEN or path.startswith(_STATIC)):
            return None
        if path == ENTER and request.method in _SAFE:
            return self._enter(request)
        if not self._has_cookie(request):
            return _refused("Run `aqsync open` on this machine: it opens this page.")
        if request.method in _SAFE:
            return None
        own = request.headers.get("origin", "").lower() == f"http://{host}"
        if not own or not same(request.headers.get(FORM_HEADER, ""), form_token(self._token)):
            return _refused("This came from another web page, and was not done.")
        return None

    def _has_cookie(self, request: Request) -> bool:
        try:
            found = SimpleCookie(request.headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return found is not None and same(found.value, derived(self._token, "cookie"))

    def _enter(self, request: Request) -> Response:
        given = parse_qs(request.url.query).get("token", [""])[0]
        if not same(given, self._token):
            return _refused("This address is no longer valid. Run `aqsync open` again.")
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            self._cookie,
            derived(self._token, "cookie"),
            max_age=_LASTS_S,
            httponly=True,
            samesite="strict",
        )
        return answer


def form_token(token: str) -> str:
    """What our page sends with every change."""
    return derived(token, "form")


def _refused(why: str) -> Response:
    return page("refused.html", {"why": why, "back": False}, HTTPStatus.FORBIDDEN)
