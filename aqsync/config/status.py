"""Where the status page is served: the section ``status``."""

from __future__ import annotations

import ipaddress
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer

from aqsync.config.section import Section

EXPECTED = "an address of this machine alone with its port, such as 127.0.0.1:8384, or null"
_HIGHEST_PORT = 65_535


class Listen(NamedTuple):
    """An address on loopback."""

    host: str
    port: int
    """0: any that is free."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def with_port(self, port: int) -> Listen:
        """The same with another port."""
        return self._replace(port=port)


def parse_listen(text: str) -> Listen:
    """Read such an address.

    Raises:
        ValueError: It is none, or others could reach it.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise ValueError(f"{text!r} is not an address and a port")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        is_own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise ValueError(f"{text!r} could be reached by others; take 127.0.0.1")
    return Listen(host, int(port))


def _listen(value: object) -> object:
    return parse_listen(value) if isinstance(value, str) else value


class StatusConfig(Section):
    """The status page."""

    listen: Annotated[InstanceOf[Listen], BeforeValidator(_listen), PlainSerializer(str)] | None = (
        Field(default=Listen("127.0.0.1", 8384), description=EXPECTED)
    )
