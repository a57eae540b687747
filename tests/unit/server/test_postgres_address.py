"""The URL of a PostgreSQL database, which may hold a password that nobody must see."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from aqsync.server.catalog.postgres_address import PostgresAddress
from aqsync.server.errors import ServerStartError
from aqsync.server.settings import StorageSettings

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://lab@db.lab.org/aqueduct", "aqueduct on db.lab.org"),
        (f"postgres://lab:{SECRET}@db.lab.org:5433/aqueduct", "aqueduct on db.lab.org:5433"),
        ("postgresql:///aqueduct?host=/run/postgresql", "aqueduct on /run/postgresql"),
        ("postgresql:///aqueduct", "aqueduct on this machine"),
        (f"postgresql://a,b/aqueduct?password={SECRET}", "aqueduct on a,b"),
    ],
)
def test_as_a_text_it_has_no_password(url: str, shown: str) -> None:
    address = PostgresAddress(url)
    assert str(address) == shown
    assert SECRET not in repr(address)
    given = conninfo_to_dict(address.conninfo())
    assert given.get("password") == (SECRET if SECRET in url else None)
    assert given["application_name"] == "aqsync serve"


def test_what_the_url_says_comes_before_the_defaults() -> None:
    given = conninfo_to_dict(PostgresAddress("postgresql:///x?connect_timeout=60").conninfo())
    assert given["connect_timeout"] == "60"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://lab:{SECRET}@db/x",
        f"host=db password={SECRET}",
        f"postgresql://lab:%zz{SECRET}@db/x",
        f"postgresql://lab:half@{SECRET}@db/x",
        f"postgresql://lab:half/{SECRET}@db/x",
        f"postgresql://lab@db:{SECRET}/x",
        f"postgresql://lab@db/x?{SECRET}",
        f"postgresql://lab@db/x?no_such_option={SECRET}",
        "",
    ],
)
def test_what_cannot_be_read_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ServerStartError) as caught:
        PostgresAddress(url)
    assert "postgresql://USER@HOST:PORT/DATABASE" in caught.value.hint
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.__cause__ is None


def test_what_the_engine_says_is_told_without_the_password() -> None:
    address = PostgresAddress(f"postgresql://lab:{SECRET}@db/x")
    assert address.without_secrets(f"no\n  {SECRET} here") == "no *** here"


def test_settings_show_no_url(tmp_path: Path) -> None:
    assert SECRET not in repr(StorageSettings(tmp_path, f"postgresql://lab:{SECRET}@db/x"))
