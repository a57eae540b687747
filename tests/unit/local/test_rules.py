"""Which files are taken, where they go, and with which tags."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aqsync.config import MappingConfig, TagRule
from aqsync.errors import ConfigError
from aqsync.local.rules import Rules


def rules(root_ignore: str = "", **keys: object) -> Rules:
    values: dict[str, object] = {
        "name": "m",
        "directory": Path("/data"),
        "experiment": "20261123-1",
        "ignore": (),
        **keys,
    }
    return Rules(MappingConfig.model_validate(values), root_ignore)


IGNORED = [
    (["*.tmp"], "a.tmp", True),
    (["*.tmp"], "deep/er/a.tmp", True),
    (["*.tmp"], "a.tmp.csv", False),
    (["*.tmp"], "x.tmp/inside.csv", True),
    (["~$*"], "office/~$report.xlsx", True),
    ([".git/"], ".git/config", True),
    ([".git/"], "sub/.git/config", True),
    ([".git/"], ".git", False),  # a file: the pattern means directories
    (["/build"], "build/x", True),
    (["/build"], "sub/build/x", False),
    (["a/b"], "a/b/c", True),
    (["a/b"], "z/a/b", False),
    (["foo/**"], "foo/x", True),
    (["foo/**"], "foo", False),
    (["foo/**", "!foo/keep"], "foo/keep", False),
    (["foo/", "!foo/keep"], "foo/keep", True),  # nothing comes back out of an ignored directory
    (["*", "!*/", "!*.csv"], "a/b/x.csv", False),
    (["a*", "!ab", "tmp/"], "ab/tmp/x", True),
    (["*", "!*/", "!*.csv"], "a/b/x.txt", True),
    (["*.csv", "!keep.csv"], "x/keep.csv", False),
    (["!keep.csv", "*.csv"], "x/keep.csv", True),
    (["**/cache/**"], "a/cache/x", True),
    (["**/cache/**"], "cache/x", True),
    (["\\#7*"], "#7_name", True),
    (["\\!x"], "!x", True),
    (["[ab].csv"], "a.csv", True),
    (["[!ab].csv"], "a.csv", False),
    (["?.csv"], "µ.csv", True),
    (["foo"], "foo\n", False),
    (["foo*"], "foo\nbar", True),
    (["*.csv"], "new\nline.csv", True),
    (["*.csv"], "line\n/x.csv", True),
    (["a/**/z"], "a/\n/z", True),
    (["*.tmp"], "\udcff.tmp", True),
    (["x "], "x", True),  # blanks at the end do not count
    (["x\\ "], "x ", True),
    (["**"], "anything/at.all", True),
    (["*/"], "top.csv", False),
    (["*/"], "dir/x.csv", True),
]


@pytest.mark.parametrize(("ignore", "path", "ignored"), IGNORED)
def test_ignore(ignore: list[str], path: str, *, ignored: bool) -> None:
    by_mapping = rules(ignore=tuple(ignore))
    by_file = rules("\n".join(ignore))

    for made in (by_mapping, by_file):
        assert made.selects(path) is (not ignored)
        assert (made.explain(path) is not None) is ignored


INCLUDED = [
    (["**/*.csv", "**/*.hdf5"], "a/b.csv", True),
    (["**/*.csv", "**/*.hdf5"], "b.hdf5", True),
    (["**/*.csv", "**/*.hdf5"], "a/b.txt", False),
    (["*.csv"], "a/b.csv", True),
    (["/*.csv"], "a/b.csv", False),
    (["runs/"], "runs/1/x", True),
    (["runs/", "!runs/old/"], "runs/old/x", False),
    (["runs/", "!runs/old/"], "runs/older/x", True),
    (["!runs/old/", "runs/"], "runs/old/x", True),
    (["*.csv"], "x.csv\n", False),
    (["!b.csv"], "a.csv", False),  # nothing is taken, so there is nothing to take back
    (["!b.csv"], "b.csv", False),
    ([], "anything", True),
]


@pytest.mark.parametrize(("include", "path", "included"), INCLUDED)
def test_include(include: list[str], path: str, *, included: bool) -> None:
    made = rules(include=tuple(include))

    assert made.selects(path) is included
    assert (made.explain(path) is None) is included


def test_the_ignore_file_has_the_last_word_and_is_never_uploaded() -> None:
    made = rules("\ufeff# mine\r\n!keep.tmp\r\nsecret/\r\n", ignore=("*.tmp",))

    assert made.selects("keep.tmp")
    assert not made.selects("other.tmp")
    assert not made.selects("secret/x")
    assert not made.selects(".aqsyncignore")
    assert made.selects("sub/.aqsyncignore")


def test_the_ignore_file_may_be_written_on_windows() -> None:
    """The first line is a pattern too, though a mark comes before it."""
    made = rules("\ufeff*.tmp\r\n/old\r\n")

    assert made.selects("a.tmp") is False
    assert made.selects("old") is False
    assert made.selects(".aqsyncignore") is False


def test_without_an_ignore_file_every_name_is_taken() -> None:
    mapping = MappingConfig.model_validate(
        {"name": "m", "directory": Path("/data"), "experiment": "20261123-1", "ignore": ()}
    )

    assert Rules(mapping).selects("X")


def test_whole_directories_are_left_out() -> None:
    made = rules("keep/out\n", ignore=("*.tmp", "scratch/"))

    assert [
        d for d in ("", "a", "scratch", "a/scratch", "a/scratch/b", "x.tmp") if made.enters(d)
    ] == [
        "",
        "a",
    ]
    assert made.enters("keep")
    assert not made.enters("keep/out")


def test_explanations_name_the_pattern_and_where_it_stands() -> None:
    made = rules("\nraw/\n", ignore=("*.tmp",), include=("*.csv",))

    assert made.explain("a.tmp") == "the pattern *.tmp (ignore) leaves it out"
    assert made.explain("a/raw/b/x.csv") == (
        "the pattern raw/ (.aqsyncignore, line 2) leaves out the directory a/raw"
    )
    assert made.explain("a.txt") == "no pattern of include matches it"
    assert rules(ignore=("**",)).explain("a") == "the pattern ** (ignore) leaves it out"
    assert made.explain(".aqsyncignore") == ".aqsyncignore holds patterns and is never uploaded"


def test_a_line_that_is_no_pattern_is_named() -> None:
    named = r"^\.aqsyncignore, line 2: this is no pattern: \S"
    with pytest.raises(ConfigError, match=named):
        rules("*.tmp\nx\\\n")
    with pytest.raises(ConfigError, match=r"\.aqsyncignore, line 1: .*is no pattern"):
        rules("[z-a]\n")


def test_no_more_patterns_are_looked_at_than_are_allowed() -> None:
    with pytest.raises(ConfigError, match="more than 1000 patterns"):
        rules("a\n" * 1001 + "x\\\n")


def test_a_path_deeper_than_any_stack() -> None:
    deep = "/".join(["d"] * 3000)

    assert rules(ignore=("*.tmp",)).selects(f"{deep}/x.csv")
    assert not rules(ignore=("/d/d/d/",)).selects(f"{deep}/x.csv")


EXPERIMENTS = [
    ("{eid}", "{eid}_*/**", "20261123-7_spectroscopy/iq.csv", "20261123-7"),
    ("{eid}", "{eid}_*/**", "20261123-71_a/b/c.csv", "20261123-71"),
    ("{eid}", "{eid}_*/**", "20261123-7_spectroscopy", None),  # a file, not in such a folder
    ("{eid}", "{eid}_*/**", "sub/20261123-7_x/iq.csv", None),
    ("{eid}", "{eid}_*/**", "notes.txt", None),
    ("{eid}", "{eid}*/**", "20261123-71/x", "20261123-71"),
    ("{eid}", "*{eid}*/**", "120261123-7/x", None),  # nine digits are no day
    ("{eid}", "*{eid}*/**", "run_20261123-71_x/x", "20261123-71"),
    ("{eid}", "**/{eid}/**", "a/b/20261123-7/x", "20261123-7"),
    ("{eid}", "{eid}_*/**", "20261123-7_a\nb/x\n", "20261123-7"),
    ("{eid}", "{eid}.csv", "sub/20261123-7.csv\n", None),
    ("{day}-{n}", "{day}/run{n}_*/**", "20261123/run7_x/y.csv", "20261123-7"),
    ("{day}-{n}", "{day}/run{n}_*/**", "today/run7_x/y.csv", None),
    ("{day}-{n}", "{day}/{day}_{n}/**", "20261123/20261123_4/y.csv", "20261123-4"),
    ("{day}-{n}", "{day}/{day}_{n}/**", "20261123/20261124_4/y.csv", None),
    ("20261123-{n}", "run{n}/**", "run12/y.csv", "20261123-12"),
]


@pytest.mark.parametrize(("experiment", "path", "file", "eid"), EXPERIMENTS)
def test_experiment(experiment: str, path: str, file: str, eid: str | None) -> None:
    assert rules(experiment=experiment, path=path).experiment_of(file) == eid


def test_a_fixed_experiment_takes_all() -> None:
    assert rules().experiment_of("any/thing") == "20261123-1"


TAGS = [
    ("cooldown-*/**", ["cooldown"], "cooldown-3/a/b.csv", ("cooldown",)),
    ("cooldown-*", ["cooldown"], "cooldown-3/a/b.csv", ("cooldown",)),
    ("cooldown-*/**", ["cooldown"], "x/cooldown-3/b.csv", ()),
    ("{qubit}/t1_*.csv", ["qubit:{qubit}"], "q1/t1_3.csv", ("qubit:q1",)),
    ("{qubit}/t1_*.csv", ["qubit:{qubit}"], "q1/t2_3.csv", ()),
    ("{q}_{kind}.csv", ["{kind}", "on:{q}"], "a/q1_t1.csv", ("t1", "on:q1")),
    ("{x}.csv", ["{x}"], "µ ä#.csv", ("----",)),
    ("{x}.csv", ["{x}"], "\udcff\n.csv", ("--",)),
    ("{x}.csv", ["v:{x}"], f"{'long' * 30}.csv", (f"v:{'long' * 30}"[:64],)),
    ("{x}_{y}.csv", ["{x}", "{y}"], "Abc_aBC.csv", ("Abc",)),
    ("\\{x\\}", ["brace"], "{x}", ("brace",)),
    ("*.csv", ["csv"], "x.csv\n", ()),
]


@pytest.mark.parametrize(("match", "add", "path", "tags"), TAGS)
def test_tags(match: str, add: list[str], path: str, tags: tuple[str, ...]) -> None:
    rule = TagRule(match=match, add=tuple(add))

    assert rules(tags=(rule,)).tags_of(path) == tags


def test_every_rule_that_matches_adds_its_tags() -> None:
    made = rules(
        tags=(
            TagRule(match="*.csv", add=("csv", "data")),
            TagRule(match="*.txt", add=("text",)),
            TagRule(match="{run}/**", add=("run:{run}", "data")),
        )
    )

    assert made.tags_of("r1/x.csv") == ("csv", "data", "run:r1")


def test_fingerprints_change_with_what_they_stand_for() -> None:
    base = rules(ignore=("*.a",))
    assert base.selection_fingerprint == rules(ignore=("*.a",)).selection_fingerprint

    for other in (
        rules(ignore=("*.b",)),
        rules(ignore=("*.a",), include=("*.c",)),
        rules("x", ignore=("*.a",)),
        rules(ignore=(), include=("*.a",)),
    ):
        assert other.selection_fingerprint != base.selection_fingerprint
        assert other.target_fingerprint == base.target_fingerprint
        assert other.tags_fingerprint == base.tags_fingerprint
    for other in (
        rules(experiment="20261123-2"),
        rules(prefix="p"),
        rules(experiment="{eid}", path="{eid}/**"),
    ):
        assert other.target_fingerprint != base.target_fingerprint
    tagged = rules(ignore=("*.a",), tags=(TagRule(match="*", add=("t",)),))
    assert tagged.tags_fingerprint != base.tags_fingerprint
    assert tagged.selection_fingerprint == base.selection_fingerprint


def test_fingerprints_stay_as_they_are() -> None:
    """Another one in the next release would have all files judged again."""
    made = rules("x", ignore=("*.a",), include=("*.c",), prefix="p")

    assert made.selection_fingerprint == "f0d9d055fd3a9f1666061331f604d360"
    assert made.target_fingerprint == "2d49f6dd332088a8efa9681ebead1f8d"
    assert made.tags_fingerprint == "cf1cbb66a638b4860a516671fb74850e"


OWN = (".aqsync-0123456789abcdef.part", ".aqsync-freeing-0123456789abcdef.tmp")


@pytest.mark.parametrize("path", [*OWN, f"a/{OWN[0]}", f"b/{OWN[1]}"])
def test_no_pattern_takes_what_aqsync_makes_itself(path: str) -> None:
    made = rules(f"!{path}\n!*", ignore=(), include=(path, "*", "**"))

    assert not made.selects(path)
    assert "aqsync itself" in str(made.explain(path))
    assert made.selects(f"{path}/below")


@pytest.mark.parametrize("name", [f"{OWN[0]}x", f"x{OWN[1]}", ".aqsync-mine.part"])
def test_names_that_are_only_like_it_are_taken(name: str) -> None:
    assert rules(ignore=()).selects(name)


NAMES = ("a", "b", "ab", "a.c", "b.c")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Files at three depths in a git working tree, to ask git itself."""
    root = tmp_path_factory.mktemp("tree")
    git(root, "init", "--quiet")
    files = []
    for first in NAMES:
        if "." in first:
            files.append(first)
            continue
        for second in NAMES:
            below = [f"{first}/{second}/{third}" for third in NAMES]
            files += [f"{first}/{second}"] if "." in second else below
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root, files


def git(root: Path, *arguments: str) -> str:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
    done = subprocess.run(
        ["git", *arguments], cwd=root, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


segments = st.sampled_from(["a", "b", "ab", "a*", "*", "**", "*.c", "?", "[ab]", "[!a]", "a.?"])
lines = st.builds(
    lambda negated, root, parts, directory: (
        "!" * negated + "/" * root + "/".join(parts) + "/" * directory
    ),
    st.booleans(),
    st.booleans(),
    st.lists(segments, min_size=1, max_size=3),
    st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ignore=st.lists(lines, min_size=1, max_size=4))
def test_ignoring_is_what_git_does(tree: tuple[Path, list[str]], ignore: list[str]) -> None:
    root, files = tree
    patterns = root / ".git" / "patterns"
    patterns.write_text("\n".join(ignore) + "\n")
    kept = git(root, "ls-files", "--others", "-z", f"--exclude-from={patterns}").split("\0")

    made = rules("\n".join(ignore))

    assert [file for file in files if made.selects(file)] == [f for f in files if f in set(kept)]
    for file in files:
        directory = file.rpartition("/")[0]
        assert made.enters(directory) or not made.selects(file)


@settings(max_examples=200, deadline=None)
@given(
    path=st.lists(
        st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=1, max_size=4
    ).map("/".join)
)
def test_any_path_has_an_answer(path: str) -> None:
    made = rules(
        "*.x\n!a\n",
        ignore=("~$*", ".git/", "a/**"),
        include=("*", "!*.y"),
        experiment="{eid}",
        path="{eid}_*/**",
        tags=(TagRule(match="{a}*", add=("t:{a}",)),),
    )

    assert made.selects(path) is (made.explain(path) is None)
    assert made.experiment_of(path) is None or path.startswith("20")
    for tag in made.tags_of(path):
        assert 1 <= len(tag) <= 64
        assert tag.isascii()
