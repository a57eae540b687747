"""Who is told how things stand: the sections ``notify`` and ``heartbeat``.

Addresses hold secrets. They are shown nowhere; `Address.label` is what people see of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetPydanticSchema,
    SecretStr,
    model_validator,
)

from aqsync.config.private_file import read_private_file
from aqsync.config.section import A_DURATION, Duration, LocalPath, Section
from aqsync.config.timing import windows_schema
from aqsync.config.windows import Windows
from aqsync.errors import ConfigError

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,63})://\S+")
_WEB = frozenset({"http", "https"})
_TIME = re.compile(r"(\d\d?):(\d\d)", re.ASCII)
_MOST_ADDRESSES = 20
LEAST_EVERY_S = 10.0


class On(StrEnum):
    """What a message is about."""

    NEEDS_YOU = "needs_you"
    """Something goes on only once a person has done something."""
    STUCK = "stuck"
    """Something waits longer than it should."""
    SERVER_AWAY = "server_away"
    DISK_LOW = "disk_low"
    """The journal's disk is nearly full."""
    STOPPED = "stopped"
    """The daemon has ended."""
    RECOVERED = "recovered"
    """What had been told is over."""
    DAILY = "daily"
    """How everything stands, once a day."""


class Address(NamedTuple):
    """Where messages go."""

    label: str
    """What people see of it, without its secret; each has another."""
    url: SecretStr
    is_webhook: bool
    """It is posted JSON; else apprise knows what it means."""


def checked_address(url: SecretStr) -> SecretStr:
    """An address as it can stand among ``urls``.

    Raises:
        ValueError: It is none; the message does not show it.
    """
    text = url.get_secret_value()
    if not _ADDRESS.fullmatch(text) or not text.isprintable():
        raise ValueError("this is not an address (it is not shown, as it may hold a secret)")
    if _scheme(text) in _WEB:
        _require_host(text)
    return url


def _web_address(url: SecretStr) -> SecretStr:
    checked_address(url)
    if _scheme(url.get_secret_value()) not in _WEB:
        raise ValueError("this does not begin with http:// or https://")
    return url


def _scheme(text: str) -> str:
    return text.partition("://")[0].lower()


def _require_host(text: str) -> None:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it is what checks it
        there = bool(parts.hostname)
    except ValueError:
        there = False
    if not there:
        raise ValueError("this address names no host (it is not shown, as it may hold a secret)")


def labelled(urls: Iterable[SecretStr]) -> list[Address]:
    """Addresses with the names that people see of them.

    Of a web address that is its host; of others the scheme alone, as what stands in the place of
    a host may be the secret.
    """
    found: list[Address] = []
    for url in urls:
        text = url.get_secret_value()
        scheme = _scheme(text)
        is_webhook = scheme in _WEB
        shown = f"{scheme}://{_host(text) if is_webhook else '...'}"
        same = sum(each.label == shown or each.label.startswith(f"{shown} (") for each in found)
        found.append(Address(f"{shown} ({same + 1})" if same else shown, url, is_webhook))
    return found


def _host(text: str) -> str:
    """Host and port, without user and password."""
    parts = urlsplit(text)
    # A password that holds a "/" makes the user look like the host.
    is_doubtful = "@" in f"{parts.path}{parts.query}{parts.fragment}"
    return "..." if is_doubtful else parts.netloc.rpartition("@")[2]


def _some(value: object) -> object:
    """One of them may stand without a list."""
    return (value,) if isinstance(value, str) else value


def _time_of_day(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = _TIME.fullmatch(value.strip())
    try:
        return time(int(parts[1]), int(parts[2])) if parts else time.fromisoformat("")
    except ValueError:
        raise ValueError(f"{value!r} is not a time of day") from None


def _on(value: object) -> object:
    return On(value) if isinstance(value, str) and value in set(On) else value


Secret = Annotated[SecretStr, AfterValidator(checked_address)]
QuietHours = Annotated[Windows, GetPydanticSchema(windows_schema), BeforeValidator(_some)]
DEFAULT_ON = tuple(on for on in On if on is not On.DAILY)


class NotifyConfig(Section):
    """Messages to people."""

    urls: Annotated[tuple[Secret, ...], BeforeValidator(_some)] = Field(
        default=(),
        max_length=_MOST_ADDRESSES,
        description="a list of addresses: http:// and https:// are posted JSON, apprise knows all"
        " others",
    )
    urls_file: LocalPath | None = Field(
        default=None, description="the path of a private file with an address a line, or null"
    )
    on: tuple[Annotated[On, BeforeValidator(_on)], ...] = Field(
        default=DEFAULT_ON, description="a list of " + ", ".join(On)
    )
    quiet_hours: QuietHours = Field(
        default=Windows(), description='a time such as "22:00-07:00", or a list of such'
    )
    """What happens in them is told when they end, if it is not over by then."""
    daily: Annotated[time, BeforeValidator(_time_of_day)] = Field(
        default=time(8), description='a time of day such as "08:00"'
    )
    """When the daily message is sent, in local time."""

    @model_validator(mode="after")
    def _check_daily(self) -> Self:
        if "daily" in self.model_fields_set and On.DAILY not in self.on:
            raise ValueError("daily says when, but `on` does not name daily")
        return self

    @property
    def is_wanted(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.on and (self.urls or self.urls_file is not None))

    def addresses(self) -> list[Address]:
        """Where messages go, read at each call.

        Raises:
            ConfigError: The file of addresses is missing, unreadable, open to others, or holds
                something else.
        """
        from_file = () if self.urls_file is None else _read_addresses(self.urls_file)
        return labelled([*self.urls, *from_file])


class HeartbeatConfig(Section):
    """A sign of life for a service that misses it when it does not come."""

    url: Annotated[SecretStr, AfterValidator(_web_address)] | None = Field(
        default=None, description="an http:// or https:// address"
    )
    url_file: LocalPath | None = Field(
        default=None, description="the path of a private file with the address, or null"
    )
    every: Duration = Field(
        default=60.0, ge=LEAST_EVERY_S, description=A_DURATION + ", from 10s to 30d"
    )
    """Seconds from one to the next."""

    @model_validator(mode="after")
    def _check_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("exactly one of url and url_file says where it goes")
        return self

    def address(self) -> Address:
        """Where it goes, read at each call.

        Raises:
            ConfigError: As `NotifyConfig.addresses`.
        """
        if self.url is not None:
            return labelled([self.url])[0]
        assert self.url_file is not None  # noqa: S101 - `_check_url`
        found = _read_addresses(self.url_file)
        if len(found) != 1 or _scheme(found[0].get_secret_value()) not in _WEB:
            raise ConfigError(f"the file {self.url_file} does not hold one http(s):// address")
        return labelled(found)[0]


def _read_addresses(path: Path) -> list[SecretStr]:
    text = read_private_file(path, "file of addresses")
    if text is None:
        raise ConfigError(
            f"the file of addresses {path} does not exist",
            hint="write an address a line into it (mode 600)",
        )
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if (url := line.strip()) and not url.startswith("#"):
            try:
                found.append(checked_address(SecretStr(url)))
            except ValueError as exc:
                raise ConfigError(f"{path}:{number}: {exc}") from exc
    return found
