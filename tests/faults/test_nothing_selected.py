"""Patterns over which nothing goes up must not look fine."""

from __future__ import annotations

import pytest

from tests.support.project import Project


@pytest.fixture
def slip(project: Project) -> Project:
    """The letters of the pattern are of the wrong case."""
    for number in range(12):
        project.write(f"run/{number}.csv", "data")
    project.configure(include=["*.CSV"])
    return project


@pytest.mark.parametrize("command", [("check",), ("push",), ("push", "--dry-run"), ("status",)])
def test_a_pattern_that_selects_nothing_is_said(slip: Project, command: tuple[str, ...]) -> None:
    ran = slip.run(*command)
    assert "12 files, none selected by `include`" in ran.out
    assert "`include` pattern *.CSV matches no file" in ran.out
    assert "upper from lower case" in ran.out


def test_it_is_in_the_json_too(slip: Project) -> None:
    notes = slip.push().json["notes"]
    assert notes[0] == "main: 12 files, none selected by `include`"
    mapping = slip.run("status", "--json").json["mappings"]["main"]
    assert (mapping["left_out"], mapping["unmatched_patterns"]) == (12, ["`include` pattern *.CSV"])
    slip.configure(include=["*.csv"])
    assert slip.pushed()["notes"] == []
    mapping = slip.run("status", "--json").json["mappings"]["main"]
    assert (mapping["left_out"], mapping["unmatched_patterns"]) == (0, [])


def test_what_is_left_out_on_purpose_is_only_counted(slip: Project) -> None:
    slip.configure(include=["/run/1*.csv"])
    assert slip.pushed()["notes"] == []
    told = slip.run("status").out
    assert "9 not selected by `include`" in told
    assert "hint" not in told
    assert "note" not in slip.run("check").out
