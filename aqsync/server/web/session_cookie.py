"""The cookie that carries a session's id: pure functions of one server's name for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The cookie that carries a session's id.

    Browsers send a cookie to every port of a host, so another server there can read it. With TLS
    the name begins with ``__Host-``, so that no other server can set it.

    Args:
        name: Its name.
    """

    name: str

    def id_in(self, cookies: str | None, *, secure: bool) -> str | None:
        """Return the id that a request's ``Cookie`` header holds."""
        wanted = self._name(secure=secure)
        for part in (cookies or "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == wanted:
                return value
        return None

    def header(self, session: str | None, *, secure: bool) -> tuple[bytes, bytes]:
        """Return the header that gives a browser an id, or with None takes it away.

        Args:
            session: The id.
            secure: Whether the browser may send it over HTTPS only.
        """
        value = f"{self._name(secure=secure)}={session or ''}; Path=/; HttpOnly; SameSite=Strict"
        value += "; Secure" if secure else ""
        value += "; Max-Age=0" if session is None else ""
        return b"set-cookie", value.encode()

    def _name(self, *, secure: bool) -> str:
        return f"__Host-{self.name}" if secure else self.name
