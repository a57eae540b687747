"""The pages that people write: links, lengths, forms, and the files that they name."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync import __version__
from aqsync.config.actions import ActionConfig
from aqsync.config.fleet import FleetConfig
from aqsync.config.measurement import Completion, Measurement
from aqsync.config.metadata import Metadata
from aqsync.config.models import MappingConfig, ServerConfig, TagRule, known_keys
from aqsync.config.notify import HeartbeatConfig, NotifyConfig
from aqsync.config.timing import Schedule, Transfer
from aqsync.journal.schema import migrate
from docs.generate import HERE

TOP = HERE.parent
PAGES = sorted([*TOP.glob("*.md"), *HERE.rglob("*.md"), *(TOP / "systemd").glob("*.md")])
RECORDS = sorted((HERE / "decisions").glob("[0-9]*.md"))
PAGE_OF_WORDS = 450
"""About what fits on a printed page."""


def named(page: Path) -> str:
    return str(page.relative_to(TOP))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> Iterator[str]:
    """What links may name after a ``#``, as forges make it from headings."""
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", heading.lower())
        yield kept.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", prose(page)):
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            assert anchor in set(anchors(found)), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_and_folders_that_are_named_exist(page: Path) -> None:
    for path in re.findall(r"`((?:[a-z]\w*/)*(?:\w+\.py|[a-z]\w*/))`", prose(page)):
        places = (TOP, TOP / "aqsync", page.parent)
        assert any((place / path).exists() for place in places), path


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [TOP / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        for target in re.findall(r"\]\((?!https?:)([^)#]+\.md)", prose(page)):
            found = (page.parent / target).resolve()
            if found not in reached:
                ahead.append(found)
    assert set(PAGES) - reached == set()


def test_the_readme_is_short() -> None:
    assert len((TOP / "README.md").read_text().splitlines()) <= 110


def test_the_architecture_is_read_in_one_go() -> None:
    text = (HERE / "explanation" / "architecture.md").read_text()
    assert len(text.split()) <= 4 * PAGE_OF_WORDS
    assert len(text.splitlines()) <= 4 * 45


def test_the_glossary_defines_each_term_once() -> None:
    page = (HERE / "glossary.md").read_text()
    terms = re.findall(r"^- \*\*(.+?)\*\*", page, re.MULTILINE)
    assert len(terms) == page.count("\n- ")
    assert len(terms) == len(set(terms))


def test_every_key_of_the_configuration_is_described() -> None:
    page = (HERE / "reference" / "configuration.md").read_text()
    described = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) | {"match", "add"}
    sections = (ServerConfig, Transfer, Schedule, MappingConfig, TagRule, Measurement, Completion)
    sections_of_keys = (
        *sections,
        ActionConfig,
        Metadata,
        NotifyConfig,
        HeartbeatConfig,
        FleetConfig,
    )
    assert described == {key for section in sections_of_keys for key in known_keys(section)}


def test_every_table_of_the_journal_is_described() -> None:
    page = (HERE / "reference" / "journal.md").read_text()
    rows = re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE)
    connection = sqlite3.connect(":memory:")
    migrate(connection, now_ns=0)
    found = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
    ).fetchall()
    connection.close()
    assert {name for row in rows for name in re.findall(r"\w+", row)} == {name for (name,) in found}


def test_the_changelog_ends_its_unreleased_part_at_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", __version__]


def test_decisions_have_numbers_without_gaps_and_one_form() -> None:
    for number, record in enumerate(RECORDS, start=1):
        assert record.name.startswith(f"{number:04}-")
        title, *headings = re.findall(r"^#+ .+$", record.read_text(), re.MULTILINE)
        assert title.startswith(f"# {number}. ")
        assert headings == ["## Context", "## Decision", "## Consequence"], record.name


def test_the_index_of_decisions_lists_each_once() -> None:
    index = (HERE / "decisions" / "README.md").read_text()
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", index, re.MULTILINE)
    titles = [(each.read_text().splitlines()[0].removeprefix("# "), each.name) for each in RECORDS]
    assert sorted(listed, key=lambda entry: entry[1]) == titles
