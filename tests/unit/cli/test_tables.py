"""Tables in plain columns; on a terminal: test_terminal.py."""

from __future__ import annotations

import pytest

from aqsync.cli.tables import aligned, say_fields, say_table, time_text


def test_columns_are_aligned_by_what_is_seen() -> None:
    rows = [["NAME", "B", "C"], ["温度", "", "x"], ["e\u0301", "long", ""]]
    assert aligned(rows) == ["NAME  B     C", "温度        x", "e\u0301     long"]


def test_a_table_without_rows_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("A", "B"), [])
    assert capsys.readouterr().out == ""


def test_cells_stay_on_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("A", "B"), [("two\nlines", "\x1b[31m")])
    assert capsys.readouterr().out == "A           B\ntwo\\nlines  \\x1b[31m\n"


def test_fields(capsys: pytest.CaptureFixture[str]) -> None:
    say_fields([("a", "1"), ("longer", "x\n\ny"), ("b", "")])
    assert capsys.readouterr().out == "a:       1\nlonger:  x\n\n         y\nb:\n"


def test_no_time_is_no_text() -> None:
    assert time_text(None) == ""
