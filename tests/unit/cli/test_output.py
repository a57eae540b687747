"""Sizes, ages and lines as people read them."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.cli.output import complain, report_error, say, say_json
from aqsync.cli.summaries import SHOWN_PROBLEMS, report_problems
from aqsync.errors import ConfigError
from aqsync.model import State
from aqsync.sync.summary import FileProblem
from aqsync.wording import age_text, printable, seconds_text, size_text
from tests.support.reasons import said

SECOND = 1_000_000_000
KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (KIB, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (10 * KIB, "10.0 KiB"),
        (MIB - 1, "1.0 MiB"),
        (MIB, "1.0 MiB"),
        (20 * MIB, "20.0 MiB"),
        (GIB - 1, "1.0 GiB"),
        (GIB, "1.0 GiB"),
        (1023.9 * GIB, "1023.9 GiB"),
        (TIB, "1.0 TiB"),
        (5000 * TIB, "5000.0 TiB"),
        (250.4, "250 B"),
    ],
)
def test_sizes(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.25, "0.2 s"),
        (1, "1 s"),
        (42.4, "42 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3600, "60 min"),
        (7200, "2 h"),
        (36 * 3600, "36 h"),
        (48 * 3600, "2 days"),
        (400 * 86_400, "400 days"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (None, "never"),
        (1000 * SECOND, "0.0 s ago"),
        (958 * SECOND, "42 s ago"),
        (2000 * SECOND, "0.0 s ago"),  # the clock was set back
        (0, "17 min ago"),
    ],
)
def test_ages(then: int | None, text: str) -> None:
    assert age_text(then, 1000 * SECOND) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain a.csv", "plain a.csv"),
        ("µ 温度 é", "µ 温度 é"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("tab\there", "tab\\there"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        (os.fsdecode(b"bad-\xff"), "bad-\\udcff"),
        ("lone \ud800", "lone \\ud800"),
    ],
    ids=ascii,
)
def test_any_text_on_one_line(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_what_is_printed_can_be_printed(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert printable(shown) == shown


def test_answers_and_complaints_have_a_stream_each(capsys: pytest.CaptureFixture[str]) -> None:
    say("an\nswer")
    complain("complaint \udcff")
    assert capsys.readouterr() == ("an\\nswer\n", "complaint \\udcff\n")


def test_json_keeps_names_that_are_no_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"bad-\xff\n\xc2\xb5")
    say_json({"path": name})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"path": name}


def test_an_error_has_a_line_for_each_of_its_own_and_its_hint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report_error(ConfigError("first\nsecond", hint="mend it"))
    report_error(ConfigError("alone"))
    assert capsys.readouterr().err.splitlines() == [
        "error: first",
        "error: second",
        "  hint: mend it",
        "error: alone",
    ]


def problems(count: int) -> list[FileProblem]:
    return [
        FileProblem(f"/d/{n}", State.HELD, said("why", "do" if n else "")) for n in range(count)
    ]


def test_problems_come_with_their_hints(capsys: pytest.CaptureFixture[str]) -> None:
    report_problems(problems(2))
    assert capsys.readouterr().out.splitlines() == [
        "held: /d/0: why",
        "held: /d/1: why",
        "  hint: do",
    ]


def test_of_many_problems_the_first_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    many = [p._replace(path=f"experiment {p.path}") for p in problems(SHOWN_PROBLEMS + 3)]
    report_problems(many)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("held") for line in lines) == SHOWN_PROBLEMS
    assert lines[-1].startswith("... and 3 more")
    report_problems(many, everything=True)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("held") for line in lines) == len(many)
    assert not lines[-1].startswith("...")
