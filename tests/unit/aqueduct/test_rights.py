"""What a server says of the rights of a token."""

from __future__ import annotations

import pytest

from aqsync.aqueduct.graphql import rights_of
from aqsync.aqueduct.records import UserRights
from aqsync.errors import BadAnswer
from aqsync.service.doctor.token_rights import too_little, too_much

ARCHIVED = ["experiment::view::all", "experiment::delete::all", "job::create"]


def told(scopes: object, username: object = "ada") -> UserRights:
    return rights_of({"getCurrentUserInfo": {"username": username, "scopes": scopes}}, "asked")


def test_an_archived_server_says_nothing_that_is_believed() -> None:
    rights = told(ARCHIVED)
    assert rights.scope is None
    assert too_little(rights) == too_much(rights) == ""


@pytest.mark.parametrize(
    ("scope", "little", "much"),
    [
        ("read", "only read", ""),
        ("upload", "", ""),
        ("write", "", "others"),
        ("admin", "", "everything"),
        ("later-release", "", ""),
    ],
)
def test_the_embedded_server_tells_the_scope(scope: str, little: str, much: str) -> None:
    rights = told([*ARCHIVED, f"aqsync::scope::{scope}"])
    assert rights == UserRights("ada", scope)
    for said, words in ((too_little(rights), little), (too_much(rights), much)):
        assert (words in said) if words else said == ""


@pytest.mark.parametrize("scopes", [None, "all", [1], {}])
def test_what_no_server_says(scopes: object) -> None:
    with pytest.raises(BadAnswer):
        told(scopes)
