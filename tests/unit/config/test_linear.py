"""Patterns match what pathspec says they match, and no name keeps them busy."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from aqsync.config import patterns
from aqsync.config.linear import linear

NAMES = {"1": "(?P<one>[^/]+?)", "2": "(?P<two>[^/]+?)", "3": r"(?<![0-9])[7-9]-[7-9]+(?![0-9])"}
"""What the digits in a pattern stand for."""
PARTS = st.one_of(
    st.just("**"),
    st.text("ab*?12", min_size=1, max_size=7),
    st.sampled_from(["*", "[ab]", "a*b*", "*a*b", "*1a*2b", "1_2", "*_1", "3_*", "[!a]*b*b"]),
)
LINES = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
PATHS = st.lists(st.text("ab_7-8", min_size=1, max_size=7), min_size=1, max_size=6).map("/".join)


@given(LINES, st.lists(PATHS, min_size=1, max_size=30))
@example("*a*b*1a*2b", ["xaxbxaxb", "aabbaab", "abab_ab"])
@example("**/a/**/1/**/b", ["a/a/a/b/b", "b/a/b/b", "a/b", "a/x/b"])
@example("*_1", ["a_b_c", "_", "__", "a_"])
@example("*1*2", ["abcd", "ab", "abc/d"])
def test_a_rewritten_expression_finds_the_same(line: str, paths: list[str]) -> None:
    twice = [digit for digit in "123" if line.count(digit) > 1]
    for digit in twice:  # repeats are not rewritten
        line = line.replace(digit, "x")
    found, _ = GitIgnoreSpecPattern.pattern_to_regex(line)
    assert found is not None
    found = found.replace("(?P<ps_d>/)", "/").replace("(?:/|$)", r"(?:/|\Z)")
    as_before = found.replace("[a", "(?!/)[a").replace("[^a", "(?!/)[^a")
    for digit, group in NAMES.items():
        as_before = as_before.replace(digit, group)

    before, now = re.compile(as_before, re.DOTALL), re.compile(linear(found, NAMES), re.DOTALL)

    for path in (each for plain in paths for each in (plain, f"{plain}/")):
        one, other = before.search(path), now.search(path)
        assert (one and one.groupdict()) == (other and other.groupdict()), (line, path)
        assert (before.fullmatch(path) is None) == (now.fullmatch(path) is None), (line, path)


HOSTILE = [
    ("*a*a*a*a*a*a*a*a*a*a*b", "a" * 255),
    ("*?*?*?*?*?*?*?*?*?*?*b", "a" * 255),
    ("x*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*/y", f"x{'a' * 254}/z"),
    ("**/a/**/a/**/a/**/a/**/a/**/b", "a/" * 2000 + "c"),
    ("**/*a*a*a*b/**/*a*a*a*b/**/c", f"{'a' * 250}/" * 16 + "d"),
]


@pytest.mark.parametrize(("line", "path"), HOSTILE)
def test_no_name_keeps_a_pattern_busy(line: str, path: str) -> None:
    """It would take longer than anybody lives."""
    entry, inside = patterns.entry_regex(line), patterns.inside_regex(line)

    assert entry is not None
    assert inside is not None
    assert patterns.compile_regex(entry[0]).fullmatch(path) is None
    assert inside[0].search(path) is None


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("{a}_{b}_{c}_{d}_{e}_{f}_{g}.csv", "_" * 255),
        ("*_*_*_*_{a}_*_*_{b}_*_{c}.csv", "_" * 255),
        ("**/{a}_{b}/**/{c}_{d}/**/{e}_{f}/**/g", "_____/" * 600 + "h"),
        ("{a}_{b}_{c}/{a}_{b}_{c}.csv", f"{'_' * 255}/{'_' * 255}"),
    ],
)
def test_no_name_keeps_a_pattern_with_names_busy(line: str, path: str) -> None:
    assert patterns.compile_path_pattern(line).search(path) is None


def test_a_name_may_be_repeated_among_a_few_wildcards_only() -> None:
    assert patterns.compile_path_pattern("{a}_{b}_{c}/{a}_{b}_{c}.csv").search("1_2_3/1_2_3.csv")
    with pytest.raises(ValueError, match=r"no pattern: a name stands in it twice, and it has more"):
        patterns.compile_path_pattern("{a}_{b}_{c}_{d}_{e}/{a}.csv")


def test_a_bracket_is_no_slash() -> None:
    """As in git."""
    found = patterns.inside_regex("a[!b]c")
    assert found is not None
    assert found[0].search("a/c") is None
    assert found[0].search("axc") is not None


@pytest.mark.parametrize("piece", ["*", "*?", "*a", "a/**/", "*a/**/", "[", "*[a-z]", "{a", "**a"])
def test_a_pattern_that_fills_an_ignore_file_is_refused_at_once(piece: str) -> None:
    """It would take minutes to translate, or more stack than there is."""
    with pytest.raises(ValueError, match="more than 1024 characters"):
        patterns.entry_regex(piece * (65536 // len(piece)))
    with pytest.raises(ValueError, match="more than 1024 characters"):
        patterns.compile_path_pattern("x" * 1025)
