"""Who is told: addresses are read, and shown nowhere."""

from __future__ import annotations

import random
from datetime import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from aqsync.config import Config, parse_config
from aqsync.config.notify import DEFAULT_ON, On, labelled
from aqsync.errors import ConfigError
from tests.support.length import long_but

BASE = "server: {url: 'http://x'}\nmappings: [{name: a, directory: /a, experiment: 20261123-1}]\n"
S = "s3cret"


def read(text: str) -> Config:
    return parse_config(f"{BASE}{text}\n", Path("/etc/c.yaml"))


def test_nobody_is_told_by_default() -> None:
    found = read("notify:\nheartbeat:")
    assert not found.notify.is_wanted
    assert found.notify.on == DEFAULT_ON
    assert found.heartbeat is None
    assert found.notify.addresses() == []


def test_everything_that_can_stand_there() -> None:
    found = read(
        f"notify: {{urls: ['https://u:{S}@hook.example.com:8443/{S}', 'tgram://{S}/1',"
        f" 'https://hook.example.com:8443/b'], on: [stuck, daily], quiet_hours: '22:00-07:00',"
        f" daily: '08:30'}}\nheartbeat: {{url: 'https://hc.example.com/{S}', every: 2m}}"
    )
    notify, beat = found.notify, found.heartbeat
    assert beat is not None
    assert (notify.on, notify.daily, beat.every) == ((On.STUCK, On.DAILY), time(8, 30), 120)
    assert str(notify.quiet_hours) == "22:00-07:00"
    first, second, third = notify.addresses()
    assert first.label == "https://hook.example.com:8443"
    assert (second.label, third.label) == ("tgram://...", "https://hook.example.com:8443 (2)")
    assert [each.is_webhook for each in (first, second, third)] == [True, False, True]
    assert first.url.get_secret_value().endswith(f"/{S}")
    assert beat.address().label == "https://hc.example.com"
    for shown in (repr(found), str(found.model_dump()), str(first), found.model_dump_json()):
        assert S not in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://s3cret:12/34@host/x",
        "https://s3cret?x@host/",
        "https://s3cret#x@host",
        "https://a:s3cret@b@[::1]/s3cret",
        "https://s3cret/a@b",
    ],
)
def test_a_label_holds_no_part_of_a_password(url: str) -> None:
    """One that is not escaped ends the host too soon."""
    [address] = labelled([SecretStr(url)])
    assert "s3cret" not in address.label


def test_one_address_and_several_quiet_times() -> None:
    found = read("notify: {urls: 'https://a', quiet_hours: ['22:00-07:00', 'sun 00:00-24:00']}")
    assert len(found.notify.addresses()) == 1
    assert len(found.notify.quiet_hours) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"notify: {{urls: [{S}]}}", "this is not an address"),
        (f"notify: {{urls: ['http:// {S}']}}", "this is not an address"),
        (f"notify: {{urls: ['http://:80/{S}']}}", "names no host"),
        (f"notify: {{urls: ['https://a:b@[{S}']}}", "names no host"),
        (f"notify: {{urls: [{{'https://{S}': 1}}]}}", "this is a section"),
        (f"notify: https://{S}", "notify: this is text"),
        (f"notify: {{url: 'https://{S}'}}", "did you mean urls?"),
        (f"heartbeat: https://{S}", "heartbeat: this is text"),
        (f"heartbeat: https:{S}", "heartbeat: this is text"),
        (f"heartbeat: {{url: 'ftp://{S}'}}", "does not begin with http:// or https://"),
        ("heartbeat: {}", "exactly one of url and url_file"),
        ("heartbeat: {url: 'https://a', url_file: b}", "exactly one of url and url_file"),
        ("heartbeat: {url: 'https://a', every: 9s}", "9s is not allowed; expected a duration"),
        ("notify: {on: [needs_me]}", "expected a list of needs_you, stuck"),
        ("notify: {daily: '8'}", "is not a time of day"),
        ("notify: {daily: '25:00', on: [daily]}", "is not a time of day"),
        ("notify: {daily: '08:00'}", "daily says when, but `on` does not name daily"),
        ("notify: {quiet_hours: night}", "is not a window"),
    ],
)
def test_what_cannot_stand_there_is_named_without_its_secret(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as found:
        read(text)
    assert expected in found.value.message
    assert S not in found.value.message


@pytest.mark.parametrize("count", long_but(1, [300, 10_000]))
def test_a_configuration_with_slips_shows_no_secret(count: int) -> None:
    good = (
        f"{BASE}notify:\n  urls:\n    - https://hook.example.com/{S}-part\n"
        f"    - mailto://user:{S}-part@example.com\n    - 'tgram://{S}-part/12'\n"
        f"  on: [stuck]\nheartbeat:\n  url: https://hc.example.com/{S}-part\n  every: 1m\n"
    )
    chance, begin = random.Random(count), len(BASE)
    for _ in range(count):
        text = list(good)
        for _ in range(chance.randint(1, 3)):
            place, slip = (
                chance.randrange(begin, len(text)),
                chance.choice("\t\n:{}[]'\"@*&!%`#,|>?"),
            )
            text[place : place + chance.randint(0, 1)] = chance.choice(["", slip])
        try:
            parse_config("".join(text), Path("/etc/c.yaml"))
        except ConfigError as exc:
            assert S not in exc.message  # noqa: PT017 - most are refused, not all


def test_addresses_from_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.touch(mode=0o600)
    file.write_text(f"# ours\nhttps://a.example.com/{S}\n\n  json://b/{S}\n")
    found = read(f"notify: {{urls: ['https://c'], urls_file: {file}}}").notify
    assert [each.label for each in found.addresses()] == [
        *("https://c", "https://a.example.com", "json://..."),
    ]
    beat = read(f"heartbeat: {{url_file: {file}}}").heartbeat
    assert beat is not None
    with pytest.raises(ConfigError, match="does not hold one"):
        beat.address()
    file.write_text(f"https://a/{S}\n")
    assert beat.address().label == "https://a"


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        (0o640, "https://a", "other users can read"),
        (0o600, f"https://a\n{S}", "2: this is not an address"),
        (None, "", "does not exist"),
    ],
)
def test_a_file_that_cannot_be_used(
    tmp_path: Path, mode: int | None, text: str, expected: str
) -> None:
    file = tmp_path / "urls"
    if mode is not None:
        file.write_text(text)
        file.chmod(mode)
    with pytest.raises(ConfigError) as found:
        read(f"notify: {{urls_file: {file}}}").notify.addresses()
    assert expected in found.value.message
    assert S not in found.value.message


def test_such_a_file_is_not_uploaded() -> None:
    with pytest.raises(ConfigError, match="would be uploaded"):
        read("notify: {urls_file: /a/urls}")
    with pytest.raises(ConfigError, match="would be uploaded"):
        read("heartbeat: {url_file: /a/url}")
