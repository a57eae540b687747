"""TLS with a certificate from files, which may be renewed while the server runs."""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path

from aqsync.server.errors import ServerStartError

LOOK_SECONDS = 5.0
"""How often the files are looked at."""
_OTHERS = 0o077
_log = logging.getLogger(__name__)


class Certificate:
    """The certificate that new connections get; those that stand keep theirs.

    Args:
        certificate: A file with the certificate and those that lead to a known authority.
        key: A file with its key, without a passphrase.

    Attributes:
        context: What connections are made with.

    Raises:
        ServerStartError: They cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        try:
            self._seen = self._stamp()
            self.context = self._loaded()
        except OSError as exc:
            raise ServerStartError(
                f"the certificate {certificate} with the key {key} cannot be used: {_why(exc)}",
                "Name files in PEM format: the certificate, then the chain; and its key, without"
                " a passphrase.",
            ) from exc
        # OpenSSL asks for each connection, also if the client names no server.
        self._newest = self.context
        self.context.sni_callback = self._give_newest
        if key.stat().st_mode & _OTHERS:
            _log.warning("%s can be read by others than the user of this server", key)

    def look(self) -> None:
        """Take the files again if they have changed; if they cannot be used, keep what was there.

        Both need not change in one moment: what does not fit is looked at again at each change.
        """
        try:
            seen = self._stamp()
            if seen == self._seen:
                return
            self._seen = seen
            self._newest = self._loaded()
        except OSError as exc:
            _log.warning(
                "the certificate %s was not renewed, and the one before it is still shown: %s",
                self._files[0],
                _why(exc),
            )
        else:
            _log.info("the certificate %s was renewed", self._files[0])

    def _give_newest(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext
    ) -> None:
        connection.context = self._newest

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate, key = self._files
        # With an empty passphrase OpenSSL does not ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
        return context

    def _stamp(self) -> tuple[tuple[int, ...], ...]:
        facts = [os.stat(file) for file in self._files]  # noqa: PTH116 - links are followed
        return tuple(
            (each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns)
            for each in facts
        )


def _why(exc: OSError) -> str:
    if not isinstance(exc, ssl.SSLError):
        return f"{exc.strerror or exc}"
    if exc.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    # OpenSSL says little else that a person could use.
    return "one of them is not whole, or the key has a passphrase"
