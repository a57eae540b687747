from __future__ import annotations

import pytest

from aqsync.aqueduct.address import is_readable_on_the_way, proxy_for, server_url, token_bytes
from aqsync.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://host:8000", "http://host:8000"),
        (" http://host:8000/ ", "http://host:8000"),
        ("https://host/lab/aqueduct//", "https://host/lab/aqueduct"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_a_server_url_is_taken_as_people_write_it(written: str, url: str) -> None:
    assert server_url(written) == url


@pytest.mark.parametrize(
    "written",
    [
        "",
        "host:8000",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://host:0",
        "http://host/?x=1",
        "http://host/#x",
        "http://ho st",
        "http://[::1",
        "http://host/\n",
        "http://host/a\x00b",
    ],
)
def test_what_is_no_server_url_is_refused_with_advice(written: str) -> None:
    if written == "http://host/\n":  # blanks around it are forgiven
        assert server_url(written) == "http://host"
        return
    with pytest.raises(ConfigError) as caught:
        server_url(written)
    assert "http://HOST:PORT" in caught.value.hint


@pytest.mark.parametrize(
    "written",
    [
        "http://me:secret@host",
        "http://me:secret@host:port",
        "http://me:sec/ret:secret@host",
        "me:secret@host",
        "http://me:secret@[::1",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        server_url(written)
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("token", ["", "two words", "line\n", "schlüssel", "tab\t"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        token_bytes(token)
    assert not token or token not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("http://lab:8000", {}, None),
        ("http://lab:8000", {"http_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ("http://lab:8000", {"http_proxy": "proxy:3128"}, "http://proxy:3128"),
        ("https://lab", {"http_proxy": "http://proxy:3128"}, None),
        ("https://lab", {"all_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ("http://lab:8000", {"http_proxy": "http://proxy:3128", "no_proxy": "lab"}, None),
        ("http://lab:8000", {"http_proxy": "http://proxy:3128", "no_proxy": "lab:8000"}, None),
        ("http://a.lab.org", {"http_proxy": "http://proxy:3128", "no_proxy": ".lab.org"}, None),
        ("http://10.1.2.3:80", {"http_proxy": "http://p", "no_proxy": "x, 10.0.0.0/8"}, None),
        ("http://10.1.2.3:80", {"http_proxy": "http://p", "no_proxy": "10.9.9.9/8"}, None),
        ("http://11.1.2.3", {"http_proxy": "http://p", "no_proxy": "10.0.0.0/8"}, "http://p"),
        ("http://lab", {"http_proxy": "http://p", "no_proxy": "0.0.0.0/0,::/0"}, "http://p"),
        ("http://[fd00::7]:80", {"http_proxy": "http://p", "no_proxy": "fd00::/8"}, None),
        ("http://[fd00::7]:80", {"http_proxy": "http://p", "no_proxy": "[fd00::7]"}, None),
        ("http://lab", {"all_proxy": "socks://p:1080/"}, "socks5://p:1080/"),
        ("http://lab", {"all_proxy": "socks5h://p:1080"}, "socks5h://p:1080"),
        ("http://127.0.0.1:8000", {"http_proxy": "http://proxy:3128"}, None),
        ("http://127.9.9.9", {"all_proxy": "http://proxy:3128"}, None),
        ("http://localhost:8000", {"http_proxy": "http://proxy:3128"}, None),
        ("http://[::1]:8000", {"http_proxy": "http://proxy:3128"}, None),
    ],
)
def test_the_environment_names_the_proxy_but_never_for_loopback(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], proxy: str | None
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("url", "readable"),
    [
        ("http://aqueduct.lab:8000", True),
        ("http://192.0.2.1", True),
        ("https://aqueduct.lab", False),
        ("http://localhost:8000", False),
        ("http://127.0.0.2:8000", False),
        ("http://[::1]:8000", False),
    ],
)
def test_who_can_read_what_is_sent(url: str, readable: bool) -> None:  # noqa: FBT001 - a column
    assert is_readable_on_the_way(url) is readable
