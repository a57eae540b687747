"""A configuration file gives models, or one error that lists everything wrong with its lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from aqsync.config import (
    Config,
    Cron,
    MappingConfig,
    Schedule,
    ServerConfig,
    Transfer,
    Windows,
    load_config,
    parse_config,
    parse_cron,
    parse_window,
)
from aqsync.config.junk import DEFAULT_IGNORE
from aqsync.errors import ConfigError, ExitCode

HERE = Path("/etc/aqsync/config.yaml")
EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"
GOOD = """\
server: {url: "http://127.0.0.1:8000"}
mappings:
  - name: fridge-1
    directory: /data/fridge-1
    experiment: 20261123-1
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, HERE)
    assert caught.value.exit_code == ExitCode.USAGE
    lines = caught.value.message.split("\n")
    assert all(line.startswith(f"{HERE}:") for line in lines)
    return [line.removeprefix(f"{HERE}:") for line in lines]


def with_mapping(*lines: str) -> str:
    """The good configuration with more lines in its mapping, from line 6 on."""
    return GOOD + "".join(f"    {line}\n" for line in lines)


def mapping(*lines: str) -> MappingConfig:
    return parse_config(with_mapping(*lines), HERE).mappings[0]


def test_the_example_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")

    config = load_config(EXAMPLE)

    assert config.path == EXAMPLE
    assert config.server == ServerConfig(
        url="http://127.0.0.1:8000",
        token_file=Path("/home/anna/.config/aqsync/token"),
        timeout=30.0,
        stall_timeout=60.0,
    )
    assert config.journal == Path("/home/anna/.local/state/aqsync/journal.db")
    assert config.transfer == Transfer(
        windows=Windows(map(parse_window, ["22:00-06:00", "sat,sun 00:00-24:00"])),
        rate=20.0 * 1024**2,
    )
    assert config.schedule == Schedule()  # it names the values that apply anyway
    fridge, by_folder, own = config.mappings
    assert fridge.directory == Path("/data/fridge-1")
    assert (fridge.experiment, fridge.prefix, fridge.settle) == ("20261123-1", "fridge-1", 5.0)
    assert fridge.include == ("**/*.csv", "**/*.hdf5")
    assert fridge.ignore == DEFAULT_IGNORE
    assert [(rule.match, rule.add) for rule in fridge.tags] == [
        ("cooldown-*/**", ("cooldown",)),
        ("{qubit}/t1_*.csv", ("qubit:{qubit}",)),
    ]
    assert (by_folder.experiment, by_folder.path) == ("{eid}", "{eid}_*/**")
    assert by_folder.on_local_delete == "keep"
    assert (own.makes_experiments, own.title) == (True, "{date} {name}")


def test_the_least_configuration_has_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")

    config = parse_config(GOOD, HERE)

    assert config.journal == Path("/state/aqsync/journal.db")
    assert config.server.token_file is None
    assert config.server.timeout == pytest.approx(30)
    assert config.mappings[0].settle == pytest.approx(5)
    assert config.mappings[0].include == ()
    assert config.mappings[0].remove_share == pytest.approx(0.5)
    assert (config.transfer.windows, config.transfer.rate) == ((), None)
    assert config.schedule == Schedule(
        rescan=900.0,
        rescan_without_events=60.0,
        mirror=900.0,
        housekeeping=parse_cron("30 3 * * *"),
        keep_history=90 * 86400.0,
    )


def test_when_things_happen() -> None:
    config = parse_config(
        "transfer: {windows: [mon-fri 18:00-07:00], rate: 16 KiB/s}\n"
        "schedule: {rescan: 1h 30m, mirror: '*/10  8-18 * * 1', housekeeping: 1h 30 min}\n" + GOOD,
        HERE,
    )

    [window] = config.transfer.windows
    assert isinstance(config.transfer.windows, Windows)
    assert (window.text, window.start, window.end) == ("mon-fri 18:00-07:00", 1080, 1860)
    assert config.transfer.rate == pytest.approx(16 * 1024)
    assert config.schedule.rescan == pytest.approx(5400)
    assert isinstance(config.schedule.mirror, Cron)
    assert config.schedule.mirror.text == "*/10 8-18 * * 1"
    assert config.schedule.housekeeping == pytest.approx(5400.0)
    assert '"windows":["mon-fri 18:00-07:00"]' in config.model_dump_json()
    assert '"mirror":"*/10 8-18 * * 1","housekeeping":5400.0' in config.model_dump_json()


@pytest.mark.parametrize("section", ["transfer", "schedule"])
def test_a_section_whose_keys_are_all_commented_out(section: str) -> None:
    config = parse_config(f"{section}:\n  # nothing\n{GOOD}", HERE)

    assert config == parse_config(GOOD, HERE)


def test_a_mapping_overrides_the_defaults() -> None:
    defaults = (
        "defaults:\n  settle: 1m\n  ignore: [a]\n  include: [b]\n  on_local_delete: remove\n"
        "  remove_share: 10%\n  tags: [{match: '*', add: [t]}]\n"
    )

    inherited = parse_config(GOOD + defaults, HERE).mappings[0]
    own = parse_config(
        with_mapping("settle: 2s", "ignore: []", "on_local_delete: keep", "tags: []") + defaults,
        HERE,
    ).mappings[0]

    assert (inherited.settle, inherited.ignore, inherited.include) == (60.0, ("a",), ("b",))
    assert inherited.on_local_delete == "remove"
    assert inherited.remove_share == pytest.approx(0.1)
    assert inherited.tags[0].add == ("t",)
    assert (own.settle, own.ignore, own.include) == (2.0, (), ("b",))
    assert own.on_local_delete == "keep"
    assert own.tags == ()
    assert parse_config(GOOD + "defaults:\n", HERE).mappings[0].settle == pytest.approx(5)


def test_paths_start_at_the_files_folder_or_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    file = tmp_path / "lab" / "aqsync.yaml"
    file.parent.mkdir()
    file.write_text(
        "server: {url: 'https://lab/aq/', token_file: ~/token, ca_file: ./ca.pem}\n"
        "journal: ../state/j.db\n"
        "mappings: [{name: a, directory: data/x/, experiment: 20261123-1}]\n"
    )
    monkeypatch.chdir(file.parent)

    for path in (file, Path("aqsync.yaml")):
        config = load_config(path)

        assert config.server.url == "https://lab/aq"
        assert config.server.token_file == Path("/home/anna/token")
        assert config.server.ca_file == tmp_path / "lab" / "ca.pem"
        assert config.journal == tmp_path / "state" / "j.db"
        assert config.mappings[0].directory == tmp_path / "lab" / "data" / "x"
        assert config.path == file


def test_models_are_frozen_and_can_be_made_in_code() -> None:
    config = Config(
        server=ServerConfig(url="http://127.0.0.1:1"),
        journal=Path("/j.db"),
        mappings=(
            MappingConfig(name="a", directory=Path("/d"), experiment="20261123-1", settle=0),
        ),
        path=Path("/c.yaml"),
    )

    with pytest.raises(ValidationError, match="frozen"):
        config.journal = Path("/other")


ONE_PROBLEM = [
    ("", "1: the file is empty"),
    ("# nothing\n", "1: the file is empty"),
    ("- a\n", "1: this is a list; expected a section with the keys server and mappings"),
    ("text", "1: this is text; expected a section"),
    ("a: [\n", "1: this is not YAML, at its end: while parsing a flow node"),
    ("a: b\n\tc: d\n", "2: this is not YAML, column 1: "),
    ("a: b\n---\nc: d\n", "2: this is not YAML, column 1: "),
    ("a: *x\n", "1: this is not YAML, column 4: put quotes around `*x` (found undefined alias)"),
    ("a: b\nc: \x07\n", "2: the character '\\x07' cannot stand in YAML"),
    ("[" * 50, "1: it is nested more than 20 deep"),
    ("[" * 5000, "1: "),
    ("a: &a [*a]\n", "1: it is nested more than 20 deep"),
    ("&a {b: *a}\n", "1: it is nested more than 20 deep"),
    (GOOD + "jornal: x\n", "6: jornal: unknown key; did you mean journal?"),
    (GOOD + "path: x\n", "6: path: unknown key; it belongs into mappings"),
    (GOOD + "attempts: 3\n", "6: attempts: unknown key; expected one of server, journal, tra"),
    (GOOD + "server: {url: 'http://b'}\n", "6: server: it stands in line 1 already"),
    (GOOD + "on: 1\n", "6: on: unknown key; it belongs into notify"),
    (GOOD + "? [a]\n: b\n", "6: a list or a section cannot be a key"),
    (GOOD + "<<: {}\n", "6: the key << means nothing here"),
    (GOOD + "defaults: {prefix: x}\n", "6: defaults.prefix: unknown key; it belongs into mappings"),
    (GOOD + "defaults: 5\n", "6: defaults: 5 is a number; expected a section with the keys incl"),
    (GOOD + "defaults: {settle: x}\n", "6: defaults.settle: 'x' is not a duration; expected a dur"),
    (GOOD + "journal: !!python/name:os.system x\n", "6: journal: the YAML tag !!python/name..."),
    (GOOD + "journal:\n", "6: journal: this is no value; expected the path of the journal, a file"),
    (
        GOOD + "journal: /data/fridge-1/j.db\n",
        "6: journal: /data/fridge-1/j.db lies in the directory of mapping f",
    ),
    (
        GOOD + "transfer: 5\n",
        "6: transfer: 5 is a number; expected a section with the keys windows",
    ),
    (GOOD + "transfer: {rates: 1}\n", "6: transfer.rates: unknown key; did you mean rate?"),
    (GOOD + "windows: []\n", "6: windows: unknown key; it belongs into transfer"),
    (GOOD + "transfer: {windows: 22:00-06:00}\n", "6: transfer.windows: 22:00-06:00 is text; exp"),
    (GOOD + "transfer: {windows: [5]}\n", "6: transfer.windows[0]: YAML takes 5 for a number (in"),
    (GOOD + "transfer: {windows: [22:00]}\n", "6: transfer.windows[0]: YAML takes 22:00 for a nu"),
    (GOOD + "transfer: {windows: [x]}\n", "6: transfer.windows[0]: 'x' is not a window; expected"),
    (GOOD + "transfer: {rate: 20}\n", "6: transfer.rate: the number has no unit; expected bytes"),
    (GOOD + "transfer: {rate: 20 MiB}\n", "6: transfer.rate: '20 MiB' is not a number of bytes p"),
    (
        GOOD + "transfer: {rate: 16383 B/s}\n",
        "6: transfer.rate: 16383 B/s is not allowed; expected",
    ),
    (GOOD + "transfer: {rate: on}\n", "6: transfer.rate: on is true or false; expected bytes per"),
    (GOOD + "schedule: []\n", "6: schedule: this is a list; expected a section with the keys resc"),
    (GOOD + "schedule: {rescan: 0s}\n", "6: schedule.rescan: 0s is not allowed; expected a durat"),
    (GOOD + "schedule: {rescan: '* * * * *'}\n", "6: schedule.rescan: '* * * * *' is not a durati"),
    (GOOD + "schedule: {mirror: often}\n", "6: schedule.mirror: 'often' is not a duration; expec"),
    (GOOD + "schedule: {mirror: 15}\n", "6: schedule.mirror: the number has no unit; expected a"),
    (GOOD + "schedule: {mirror: 31d}\n", "6: schedule.mirror: 31d is not from 1s to 30d; expecte"),
    (GOOD + "schedule: {mirror: 3 * * *}\n", "6: schedule.mirror: '3 * * *' has 4 fields and not"),
    (GOOD + "schedule: {mirror: [15m]}\n", "6: schedule.mirror: this is a list; expected a durat"),
    (GOOD + "schedule: {mirror: no}\n", "6: schedule.mirror: YAML takes no for true or false (in"),
    (GOOD + "schedule: {keep_history: 9}\n", "6: schedule.keep_history: the number has no unit;"),
    (GOOD.replace("http:", "ftp:"), "1: server.url: 'ftp://127.0.0.1:8000' does not begin with"),
    (GOOD.replace(":8000", ":80000"), "1: server.url: 'http://127.0.0.1:80000' is not an addres"),
    (GOOD.replace("127", "me:pw@127"), "1: server.url: the address holds a user or password;"),
    (GOOD.replace("127", "me:12/pw@127"), "1: server.url: the address holds a user or password;"),
    (GOOD.replace("127", "me:p/w@127"), "1: server.url: this is not an address;"),
    (GOOD.replace("http://127", "me:pw@127"), "1: server.url: this does not begin with http"),
    (GOOD.replace("8000", "8000/?a=b"), "1: server.url: 'http://127.0.0.1:8000/?a=b' holds more"),
    (GOOD.replace('url: "http://127.0.0.1:8000"', ""), "1: server.url: missing; expected the ser"),
    (GOOD.replace("}", ", timeout: 0s}", 1), "1: server.timeout: 0s is not allowed; expected a"),
    (GOOD.replace("}", ", stall_timeout: 9}", 1), "1: server.stall_timeout: the number has no u"),
    (
        GOOD.replace("}", ", token_file: /data/fridge-1/t}", 1),
        "1: server.token_file: /data/fridge-1/t lies in",
    ),
    (GOOD.replace("}", ', ca_file: "a\\0b"}', 1), "1: server.ca_file: the path holds a NUL"),
    ("server: {url: 'http://a'}\n", "1: mappings: missing; expected a list of mappings"),
    ("server: {url: 'http://a'}\nmappings: []\n", "2: mappings: this list is empty; expected a l"),
    ("server: {url: 'http://a'}\nmappings: {a: b}\n", "2: mappings: this is a section; expected"),
    (GOOD + "  - 5\n", "6: mappings[1]: 5 is a number; expected a section with the keys"),
    (GOOD.replace("fridge-1\n    d", "a b\n    d"), "3: mappings[0].name: 'a b' is not such a n"),
    (GOOD.replace("name: fridge-1", "name: on"), "3: mappings[0].name: YAML takes on for true or"),
    (GOOD.replace("name: fridge-1", "name: 1:30"), "3: mappings[0].name: YAML takes 1:30 for a"),
    (GOOD.replace("/data/fridge-1", "5"), "4: mappings[0].directory: YAML takes 5 for a number"),
    (GOOD.replace("/data/fridge-1", '""'), "4: mappings[0].directory: the path is empty; expect"),
    (GOOD.replace("/data/fridge-1", "~no-one/x"), "4: mappings[0].directory: the home folder in"),
    (GOOD.replace("    directory: /data/fridge-1\n", ""), "3: mappings[0].directory: missing; exp"),
    (GOOD.replace("1123-1", "1123"), "5: mappings[0].experiment: YAML takes 20261123 for a numbe"),
    (GOOD.replace("20261123-1", "2026-11-23"), "5: mappings[0].experiment: YAML takes 2026-11-2"),
    (GOOD.replace("20261123-1", "x" * 99), "5: mappings[0].experiment: 'xxx"),
    (GOOD.replace("20261123-1", "9" * 5000), "5: mappings[0].experiment: YAML takes 99"),
    (GOOD.replace("20261123-1", '"{eid}"'), "3: mappings[0].path: experiment is '{eid}', and no"),
    (GOOD.replace("20261123-1", '"exp-{n}"'), "5: mappings[0].experiment: 'exp-{n}' is not, and"),
    (with_mapping("path: 'x/**'"), "6: mappings[0].path: experiment is 20261123-1, so path has"),
    (with_mapping("settle: 5"), "6: mappings[0].settle: the number has no unit; expected a dura"),
    (with_mapping("settle: 1:30"), "6: mappings[0].settle: the number has no unit"),
    (with_mapping("settle: -1s"), "6: mappings[0].settle: '-1s' is not a duration"),
    (with_mapping("settle: 31d"), "6: mappings[0].settle: 31d is not allowed; expected a durati"),
    (with_mapping("settle: yes"), "6: mappings[0].settle: yes is true or false; expected a dura"),
    (with_mapping("on_local_delete: no"), "6: mappings[0].on_local_delete: no is not allowed; e"),
    (with_mapping("remove_share: .nan"), "6: mappings[0].remove_share: .nan is not allowed; exp"),
    (with_mapping("remove_share: 50"), "6: mappings[0].remove_share: 50 is not allowed; expecte"),
    (with_mapping("ignore: '*.tmp'"), "6: mappings[0].ignore: *.tmp is text; expected a list of"),
    (with_mapping("ignore:", "  - '*.a'", "  - 5"), "8: mappings[0].ignore[1]: YAML takes 5 for"),
    (with_mapping("ignore: ['#7_*']"), "6: mappings[0].ignore[0]: '#7_*' is a comment to gitign"),
    (with_mapping("ignore: [' ']"), "6: mappings[0].ignore[0]: the pattern is empty"),
    (with_mapping("ignore: ['/']"), "6: mappings[0].ignore[0]: '/' matches nothing"),
    (with_mapping('ignore: ["a\\nb"]'), "6: mappings[0].ignore[0]: 'a\\nb' has more than one li"),
    (with_mapping("ignore: ['[ab']"), "6: mappings[0].ignore[0]: '[ab' matches nothing (a brack"),
    (with_mapping("ignore: ['[z-a]']"), "6: mappings[0].ignore[0]: '[z-a]' is no pattern: it ca"),
    (with_mapping("ignore: ['[[:alpha:]]']"), "6: mappings[0].ignore[0]: '[[:alpha:]]' has a cl"),
    (with_mapping("ignore: ['a\\']"), "6: mappings[0].ignore[0]: 'a\\\\' is no pattern"),
    (with_mapping("include: ['*.{a,b}']"), "6: mappings[0].include[0]: '*.{a,b}' lists choices"),
    (with_mapping("include: ['{a}/x']"), "6: mappings[0].include[0]: '{a}/x' has a name in brac"),
    (with_mapping("prefix: a/b"), "6: mappings[0].prefix: 'a/b' is not one path part; expected"),
    (with_mapping("prefix: '..'"), "6: mappings[0].prefix: '..' is not one path part"),
    (with_mapping("prefix: ''"), "6: mappings[0].prefix: '' is not one path part"),
    (with_mapping(f"prefix: {'é' * 33}"), "6: mappings[0].prefix: 'éé"),
    (with_mapping("prefx: a"), "6: mappings[0].prefx: unknown key; did you mean prefix?"),
    (
        with_mapping("tags: [cooldown]"),
        "6: mappings[0].tags[0]: 'cooldown' has no match, which only",
    ),
    (with_mapping("tags:", "- match: '*'"), "7: mappings[0].tags[0].add: missing; expected a li"),
]


@pytest.mark.parametrize(("text", "expected"), ONE_PROBLEM)
def test_one_problem_is_named_with_its_line(text: str, expected: str) -> None:
    (found,) = [
        line for line in problems(text) if not re.search(r"(server|mappings): missing", line)
    ] or problems(text)

    assert found[: len(expected)] == expected


TAG_RULES = [
    ("*", "two words", "the server would refuse the tag 'two words'"),
    ("*", "", "the server would refuse the tag ''"),
    ("*", "café", "the server would refuse the tag 'café'"),
    ("*", "x" * 65, "the tag 'xxx"),
    ("{a}", "x" * 64 + "{a}", "the tag 'xxx"),
    ("{a}", "{b}", "{b} in '{b}' does not stand in match"),
    ("{a}", "{a", "'{a' has a brace without its partner"),
    ("{a}", "{a,b}", "'{a,b}' lists choices in braces"),
    ("{a}", "{0}", "{0} in '{0}' is not a name of letters, digits and _"),
    ("{a b}", "x", "{a b} in '{a b}' is not a name"),
    ("{a", "x", "'{a' has a brace without its partner"),
    ("!x", "x", "'!x' begins with !, which has no meaning"),
    ("[{a}]", "x", "'[{a}]' has a name in braces inside [ ]"),
    ("#x", "x", "'#x' is a comment to gitignore"),
    ("[z-a]{a}", "x", "'[z-a]?' is no pattern"),
]


@pytest.mark.parametrize(("match", "tag", "expected"), TAG_RULES)
def test_a_tag_rule_that_cannot_work(match: str, tag: str, expected: str) -> None:
    rule = yaml.safe_dump([{"match": match, "add": [tag]}], default_flow_style=True, width=999)

    (found,) = problems(with_mapping(f"tags: {rule.strip()}"))

    assert expected in found
    assert found.startswith("6: mappings[0].tags[0].")


def test_good_tag_rules() -> None:
    rules = mapping(
        "tags:",
        "  - {match: '{a}/{b}_[xy].csv', add: ['{a}', 'n:{b}/A-z_0', 'plain']}",
        f"  - {{match: '*', add: ['{'x' * 64}']}}",
    ).tags

    assert rules[0].add == ("{a}", "n:{b}/A-z_0", "plain")


def test_every_problem_is_listed_in_the_order_of_the_file() -> None:
    text = (
        "server: {url: x, tokn: y}\n"
        "mappings:\n"
        "  - {name: a b, directory: /a, experiment: 1}\n"
        "  - {name: c, directory: /c, experiment: 20261123-1}\n"
        "  - {name: C, directory: /c/d, experiment: 20261123-1}\n"
        "yes: 1\n"
    )

    starts = [
        found[0]
        for found in map(re.compile(r"\d+: (?:[\w.\[\]]+:)?").match, problems(text))
        if found
    ]

    assert starts == [
        "1: server.tokn:",
        "1: server.url:",
        "3: mappings[0].experiment:",
        "3: mappings[0].name:",
        "5: mappings[2].directory:",
        "5: mappings[2].name:",
        "5: mappings[2].prefix:",
        "6: yes:",
    ]


def test_a_problem_with_an_inherited_value_points_at_the_defaults() -> None:
    text = "defaults:\n  tags: [{match: '*', add: [x, X]}]\n" + GOOD

    assert problems(text) == [
        "2: mappings[0].tags[0].add[1]: the server takes X for x; expected one spelling"
    ]


def test_aliases_are_welcome_and_bombs_are_not() -> None:
    shared = "journal: &j /j\n" + GOOD.replace("/data/fridge-1", "&d /data/fridge-1")
    config = parse_config(shared + "    include: &i ['*.csv']\n    ignore: *i\n", HERE)
    assert config.mappings[0].ignore == ("*.csv",)

    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
    )
    assert problems(bomb) == ["1: it holds more than 100000 values"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        load_config(file)
    assert "aqsync init" in caught.value.hint
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
    file.write_bytes(b"server:\n  url: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"c\.yaml:2: this is not UTF-8"):
        load_config(file)
    file.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(ConfigError, match=r"c\.yaml:1: this is not UTF-8"):
        load_config(file)
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="holds more than 1048576 bytes"):
        load_config(file)
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_config(file).mappings[0].name == "fridge-1"
