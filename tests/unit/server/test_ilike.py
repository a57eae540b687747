"""Patterns of ILIKE, beside the rule of PostgreSQL's manual written as one regular expression."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqsync.server.catalog.ilike import fits, literally

TEXTS = st.text("aB%_\\é\n", max_size=8)


def by_the_manual(pattern: str, text: str) -> bool:
    written, escaped = "", False
    for character in pattern.lower():
        if escaped or character not in "%_\\":
            written += re.escape(character)
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            written += ".*" if character == "%" else "."
    if escaped:
        written += r"\\"
    return re.fullmatch(written, text.lower(), re.DOTALL) is not None


@given(TEXTS, TEXTS)
def test_as_the_manual_says(pattern: str, text: str) -> None:
    assert fits(pattern, text) == by_the_manual(pattern, text)


@given(TEXTS, TEXTS, TEXTS)
def test_a_text_taken_literally_is_found(before: str, text: str, after: str) -> None:
    assert fits(f"%{literally(text)}%", before + text + after)


@given(TEXTS, TEXTS)
def test_nothing_else_is_found(text: str, other: str) -> None:
    assert fits(f"%{literally(text)}%", other) == (text.lower() in other.lower())


@pytest.mark.parametrize("pattern", ["%a" * 32, "%_" * 32, "%a_" * 21 + "%"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """A regular expression with as many ``.*`` would take longer than the world is old."""
    assert not fits(pattern + "b", "a" * 256)
