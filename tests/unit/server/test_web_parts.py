"""The page's pure parts."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import escape

from aqsync.server.catalog.database import Database
from aqsync.server.catalog.sqlite import SqliteDatabase
from aqsync.server.errors import FileRefused
from aqsync.server.web import sessions as sessions_module
from aqsync.server.web.file_view import text_of
from aqsync.server.web.formats import counted, link, size
from aqsync.server.web.paging import Paging, number_of
from aqsync.server.web.session_cookie import SessionCookie
from aqsync.server.web.sessions import IDLE_SECONDS, TLS, Sessions
from aqsync.server.web.templates import Page, message, render
from aqsync.server.wire.exchange import Exchange
from aqsync.server.wire.form_reader import FormReader, PartBegins, PartEnds
from aqsync.server.wire.request_origin import is_rebound, sent_by_own_page

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (MIB - 1, "1 MiB"),
        (4 * 1024 * MIB, "4 GiB"),
        (5000 * 1024 * 1024 * MIB, "5000 TiB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


def test_counts() -> None:
    assert [counted(n, "file") for n in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_links_carry_any_name() -> None:
    name = 'a/b?c#d%e"f µ'
    assert link("experiments", "1-1", name) == "/experiments/1-1/a%2Fb%3Fc%23d%25e%22f%20%C2%B5"
    assert link("", q="a&b", tag="", page=2) == "/?q=a%26b&page=2"


HOSTILE = "<script>alert(1)</script>'\"&{{ 7 * 7 }}{% raw %}</pre></title>"


def test_whatever_a_template_is_given_is_escaped() -> None:
    page = render(message(404, HOSTILE))
    assert str(escape(HOSTILE)) in page
    assert "<script>alert" not in page
    assert "49" not in page
    login = render(Page("login.html", {"problem": HOSTILE, "next": HOSTILE}))
    assert login.count(str(escape(HOSTILE))) == 2
    assert login.count("<script") == 1


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render(Page("login.html", {"problem": ""}))


def test_values_in_attributes_stand_in_quotes() -> None:
    templates = list((files("aqsync.server.web") / "templates").iterdir())
    assert len(templates) > 5
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"=\s*\{\{", text), template.name
        for inside in re.findall(r"<[a-z][^>]*\{\{.*?\}\}[^>]*>", text):
            outside_quotes = re.sub(r'"(?:\{\{.*?\}\}|[^"])*"', "", inside)
            assert "{{" not in outside_quotes, template.name
        # Nothing that turns escaping off, and nothing that the content policy would stop.
        assert not re.search(r"\|\s*safe|autoescape|Markup", text), template.name
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)", text), template.name


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "²", "1.5", "9" * 10, "1e3"])
def test_what_is_no_page_is_the_first(text: str) -> None:
    assert number_of(text) == 1


def test_pages_of_a_list() -> None:
    assert Paging(1, 50, 0).last == 1
    paging = Paging(7, 50, 101)
    assert (paging.number, paging.last, paging.start) == (3, 3, 100)


@pytest.mark.parametrize(
    ("data", "whole", "text"),
    [
        (b"", True, ""),
        ("µ\n".encode(), True, "µ\n"),
        ("aµ".encode()[:-1], False, "a"),
        ("aµ".encode()[:-1], True, "aÂ"),
        ("µ".encode("latin-1"), True, "µ"),
        (codecs.BOM_UTF8 + b"a", True, "a"),
        ("a€".encode("utf-16"), True, "a€"),
        ("a€".encode("utf-32"), True, "a€"),
        (codecs.BOM_UTF16_BE + "a€".encode("utf-16-be"), True, "a€"),
        (codecs.BOM_UTF16_LE + b"a\0b", True, "a\ufffd"),
        (b"\x7fELF\0\0", True, None),
    ],
)
def test_bytes_as_text(data: bytes, whole: bool, text: str | None) -> None:  # noqa: FBT001 - a table
    assert text_of(data, whole=whole) == text


def test_a_form_in_pieces_of_any_length() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="replace"\r\n\r\nyes\r\n'
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a\\b;%22 \xc2\xb5.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n\r\n--b-\r\n--b--\r\n"
    )
    for length in (1, 2, 7, len(body)):
        form = FormReader('multipart/form-data; boundary="b"')
        pieces = (body[at : at + length] for at in range(0, len(body), length))
        events = [event for piece in pieces for event in form.feed(piece)]
        assert form.ended
        assert [event for event in events if not isinstance(event, bytes)] == [
            PartBegins(b"replace", None),
            PartEnds(),
            PartBegins(b"file", b"a\\b;%22 \xc2\xb5.txt"),
            PartEnds(),
        ]
        data = b"".join(event for event in events if isinstance(event, bytes))
        assert data == b"yes" + b"\r\n--b-"


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "multipart/form-data", f"multipart/form-data; boundary={'b' * 999}"],
)
def test_no_form(kind: str | None) -> None:
    with pytest.raises(FileRefused):
        FormReader(kind)


HERE = "192.0.2.1"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = SqliteDatabase(tmp_path / "catalog.db")
    yield database
    database.close()


def test_a_session_is_bound_to_where_it_began(database: Database) -> None:
    sessions = Sessions(database)
    plain, encrypted = sessions.begin(HERE, "t"), sessions.begin(TLS, "t")
    assert sessions.token_of(plain, HERE) == "t"
    # What another server on the same host has read is worth nothing to it.
    assert sessions.token_of(plain, "192.0.2.2") is None
    assert sessions.token_of(plain, TLS) is None
    assert sessions.token_of(encrypted, HERE) is None
    assert sessions.token_of(plain, HERE) == "t"


def test_sessions_end(database: Database) -> None:
    now = 0.0
    sessions = Sessions(database, lambda: now)
    first, second = sessions.begin(HERE, "t"), sessions.begin(HERE, "t")
    assert first != second
    assert sessions.token_of(None, HERE) is None
    assert sessions.token_of("", HERE) is None
    now = IDLE_SECONDS
    assert sessions.token_of(first, HERE) == "t", "use keeps it open"
    now += 1
    assert sessions.token_of(first, HERE) == "t"
    assert sessions.token_of(second, HERE) is None
    sessions.end(first)
    assert sessions.token_of(first, HERE) is None


def test_all_servers_of_a_database_know_a_session(database: Database) -> None:
    session = Sessions(database).begin(HERE, "t")
    assert Sessions(database).token_of(session, HERE) == "t"
    with database.reading() as connection:
        kept = connection.execute("SELECT * FROM session").fetchall()
    assert session not in str(kept)


def test_sessions_do_not_grow_without_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(sessions_module, "_MOST_SESSIONS", 2)
    sessions = Sessions(database, lambda: now)
    first, second = sessions.begin(HERE, "t"), sessions.begin(HERE, "t")
    now += 100
    assert sessions.token_of(first, HERE) == "t"
    third = sessions.begin(HERE, "t")
    found = [sessions.token_of(one, HERE) for one in (first, second, third)]
    assert found == ["t", None, "t"]


def test_the_cookie_of_a_session() -> None:
    name, value = SessionCookie("c").header("id", secure=True)
    assert (name, value) == (
        b"set-cookie",
        b"__Host-c=id; Path=/; HttpOnly; SameSite=Strict; Secure",
    )
    assert SessionCookie("c").header(None, secure=False)[1].endswith(b"; Max-Age=0")


def test_the_id_in_a_cookie() -> None:
    both = "other=1; c=plain; cc=x; __Host-c=encrypted; d=2"
    assert SessionCookie("c").id_in(both, secure=False) == "plain"
    assert SessionCookie("c").id_in(both, secure=True) == "encrypted"
    assert SessionCookie("c").id_in("cc=x", secure=False) is None


def request(server: str, **headers: str) -> Exchange:
    fields = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]

    async def nothing(*_: object) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "headers": fields, "server": (server, 8000)}
    return Exchange(scope, nothing, nothing)  # type: ignore[arg-type]  # never awaited


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, None),
        ({"origin": "http://lab:8000"}, True),
        ({"origin": "http://LAB:8000"}, True),
        ({"origin": "https://lab:8000"}, True),
        ({"origin": "http://lab:8001"}, False),
        ({"origin": "http://lab"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://["}, False),
        ({"origin": ""}, False),
        ({"sec_fetch_site": "same-origin", "origin": "https://proxied"}, True),
        ({"sec_fetch_site": "same-site", "origin": "http://lab:8000"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "none"}, False),
    ],
)
def test_whose_page_sent_it(headers: dict[str, str], own: bool | None) -> None:  # noqa: FBT001 - a table
    assert sent_by_own_page(request("127.0.0.1", host="lab:8000", **headers)) is own


@pytest.mark.parametrize(
    ("server", "host", "rebound"),
    [
        ("127.0.0.1", "127.0.0.1:8000", False),
        ("127.0.0.1", "localhost:8000", False),
        ("127.0.0.1", "aqsync.localhost", False),
        ("127.0.0.1", "labpc:8000", False),
        ("127.0.0.1", "", False),
        ("::1", "[::1]:8000", False),
        ("127.0.0.1", "evil.example:8000", True),
        ("127.0.0.1", "127.0.0.1.evil.example", True),
        ("127.0.0.1", "localhost.evil.example.", True),
        ("::1", "evil.example:8000", True),
        ("::ffff:127.0.0.1", "evil.example:8000", True),
        ("192.168.1.5", "192.168.1.5:8000", False),
        ("192.168.1.5", "allowed.lab.example:8000", False),
        ("192.168.1.5", "Allowed.Lab.Example.", False),
        ("192.168.1.5", "fridge.lab.example:8000", True),
        ("192.168.1.5", "x.allowed.lab.example", True),
    ],
)
def test_names_that_are_not_this_machine_s(server: str, host: str, rebound: bool) -> None:  # noqa: FBT001 - a table
    assert is_rebound(request(server, host=host), frozenset({"allowed.lab.example"})) is rebound
