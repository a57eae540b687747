"""Requests that ask for too much are refused before anything of them is done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from graphql import GraphQLError

from aqsync.server.files.listing import FolderListing, ListingCache
from aqsync.server.graphql import limits
from aqsync.server.graphql.limits import check_variables
from aqsync.server.rights.who import ANYBODY
from aqsync.server.wire.graphql_api import schema

EXPERIMENT = 'experiment(experimentIdentifier: {type: EID, value: "x"})'
LIST = "experiments(offset: 0, limit: 1)"
SCHEMA = "fragment S on __Schema {types {name}}"
TWICE = "fragment F on Experiments {totalExperimentsCount totalExperimentsCount}"


def errors(query: str, context: object = None) -> list[str]:
    """What a request is answered; without a context, anything that is done of it fails."""
    result = schema.execute_sync(query, context_value=context)
    return [error.message for error in result.errors or []]


def chained_fragments(count: int, each: int) -> str:
    """Fragments of which each uses the next one several times, under other names."""
    parts = [
        f"fragment F{n} on ExperimentData {{{' '.join(f'a{m}: tasks {{experiment {{...F{n + 1}}}}}' for m in range(each))}}}"  # noqa: E501
        for n in range(count)
    ]
    return (
        f"{{{EXPERIMENT} {{...F0}}}} {' '.join(parts)} fragment F{count} on ExperimentData {{eid}}"
    )


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("{" + "#" * limits.MAX_TEXT + "\n__typename}", "characters of text"),
        ("{" + "__typename " * limits.MAX_TOKENS + "}", "tokens"),
        ("{" + " ".join(f"a{n}: __typename" for n in range(3000)) + "}", "aliases"),
        ("{" + "__typename " * 100 + "}", "one name at one place"),
        (f"{{{' '.join(f's{n}: __schema {{...S}}' for n in range(11))}}} {SCHEMA}", "the schema"),
        (f"{{{f'{LIST} {{totalExperimentsCount}} ' * 100}}}", "one name at one place"),
        (f"{{{f'{LIST} {{...F}} ' * 15}}} {TWICE}", "one name at one place"),
        (chained_fragments(8, 5), "aliases"),
        (
            "{...F0} "
            + " ".join(f"fragment F{n} on Query {{{f'...F{n + 1} ' * 9}}}" for n in range(9))
            + " fragment F9 on Query {__typename}",
            "one name at one place",
        ),
        ("{" + "... {" * 40 + "__typename" + "}" * 41, "levels deep"),
        ("{a" * 900 + "}" * 900, "too deep"),
    ],
)
def test_documents_that_ask_for_too_much(query: str, reason: str) -> None:
    [message] = errors(query)
    assert reason in message


def test_the_widest_document_is_refused_by_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SELECTIONS", 50)
    [message] = errors(f"{{{EXPERIMENT} {{{' '.join(f'f{n}' for n in range(60))}}}}}")
    assert "fields (50 at most" in message


def test_a_fragment_that_uses_itself_is_told_so() -> None:
    [message] = errors("{...A} fragment A on Query {...B} fragment B on Query {...A}")
    assert "within itself" in message


def test_a_hundred_experiments_with_all_their_fields_are_few() -> None:
    everything = (
        "uuid title eid description createdAt createdBy updatedAt tags"
        " files {name path modifiedAt} tasks {...T}"
    )
    task = (
        "fragment T on TaskData {uuid extensionName actionName createdBy receivedAt endedAt"
        " taskStatus stdOut stdErr resultCode parameters {value key {name dataType}}}"
    )
    asked = " ".join(f"e{n}: {EXPERIMENT} {{{everything}}}" for n in range(100))
    found = errors(f"{{{asked}}} {task}", SimpleNamespace(who=ANYBODY))
    # They come as far as the catalog, which is missing here.
    assert len(found) == 100
    assert all("catalog" in message for message in found)


def test_long_lists_are_not_given_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LISTED", 10)
    catalog = SimpleNamespace(tags=Mock(return_value=["a", "b", "c"]))
    context = SimpleNamespace(catalog=catalog, who=ANYBODY)
    assert not errors("{a: tags {tagsData} b: tags {tagsData} c: tags {tagsData}}", context)
    [message, *_] = errors(
        "{" + " ".join(f"a{n}: tags {{tagsData}}" for n in range(4)) + "}", context
    )
    assert "more than 10 items" in message


def test_long_texts_are_not_given_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_SHOWN_BYTES", 100)
    catalog = SimpleNamespace(tags=Mock(return_value=["a" * 30]))
    context = SimpleNamespace(catalog=catalog, who=ANYBODY)
    thrice = "{a: tags {tagsData} b: tags {tagsData} c: tags {tagsData}}"
    assert not errors(thrice, context)
    catalog.tags.return_value = ["\U0001f600" * 3]
    assert "MiB of text" in errors(thrice, context)[0]
    monkeypatch.setattr(limits, "MAX_SHOWN", 2)
    catalog.tags.return_value = ["a"]
    assert "more than 2 values" in errors(thrice, context)[0]


def test_files_are_not_listed_many_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(limits, "MAX_FILE_VALUES", 12)
    for number in range(5):
        (tmp_path / f"{number}").touch()
    experiment = Mock(tags=())
    listing = FolderListing(tmp_path, "x", ListingCache())
    context = SimpleNamespace(
        who=ANYBODY,
        catalog=SimpleNamespace(by_eid=Mock(return_value=experiment)),
        files=SimpleNamespace(listing=Mock(return_value=listing)),
    )
    assert not errors(f"{{{EXPERIMENT} {{files {{name path modifiedAt __typename}}}}}}", context)
    twice = "a: files {name modifiedAt} b: files {name modifiedAt}"
    assert "12 values of files" in errors(f"{{{EXPERIMENT} {{{twice}}}}}", context)[0]
    wide = " ".join(f"f{number}: name" for number in range(5))
    assert "12 values of files" in errors(f"{{{EXPERIMENT} {{files {{{wide}}}}}}}", context)[0]


def test_variables_with_too_many_values() -> None:
    check_variables(None)
    check_variables({"params": [["name", "x," * 100_000]] * 100})
    bombs: list[list[object]] = [
        [[]] * limits.MAX_VALUES,
        [[0] * 1000] * 30,
        [{str(n): n for n in range(30_000)}],
    ]
    for bomb in bombs:
        with pytest.raises(GraphQLError, match="values in the variables"):
            check_variables({"params": bomb})
