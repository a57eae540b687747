"""What people often write instead of YAML, of a path or of an address, is told in their terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.aqueduct.address import server_url
from aqsync.config import parse_config
from aqsync.errors import ConfigError

GOOD = """\
server:
  url: http://127.0.0.1:8000
journal: /state/journal.db
defaults:
  ignore: ["*.tmp"]
mappings:
  - name: main
    directory: /data
    experiment: 20261123-1
"""


def refusal(old: str, new: str) -> str:
    """What is said of the good configuration with one thing changed."""
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD.replace(old, new), Path("/lab/aqsync.yaml"))
    return caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "line", "advice"),
    [
        ('["*.tmp"]', "[*.csv, a]", 5, "put quotes around `*.csv`"),
        ('["*.tmp"]', "\n    - *.csv", 6, "put quotes around `*.csv`"),
        ('["*.tmp"]', "[*csv]", 5, "put quotes around `*csv`"),
        ('["*.tmp"]', "[a, !*.csv]", 5, "put quotes around `!*.csv`"),
        ('["*.tmp"]', "[@x]", 5, "put quotes around `@x`"),
        ("20261123-1", "'{eid}'\n    path: {eid}_*/**", 10, "put quotes around `{eid}_*/**`"),
        ("  ignore", "\tignore", 5, "use spaces, a tab cannot stand here"),
        ("    directory", "\tdirectory", 8, "use spaces, a tab cannot stand here"),
        ("/data", r'"C:\data"', 8, "use single quotes, or /"),
        ("/data", "/data: x", 8, "put quotes around a text that holds a colon"),
        ("name: main", "name:main", 8, "put a space after the colon"),
        ("url: http", "url:http", 1, "put a space after the colon in url:http"),
        ("20261123-1", "{eid}", 9, "YAML takes {eid} for a section (in quotes it is text)"),
        ("    directory", "   directory", 8, "it must begin below the first letter"),
        ("    directory", "      directory", 8, "it must begin below the first letter"),
        ('"]', '"', 6, "after the `[`, a comma or its `]` is missing"),
        ("/data", '"/data', 9, 'the text that begins with `"` has no `"` at its end'),
        ("/data", "{/data", 9, "after the `{`, a comma or its `}` is missing"),
    ],
)
def test_yaml(old: str, new: str, line: int, advice: str) -> None:
    said = refusal(old, new)
    assert said.startswith(f"/lab/aqsync.yaml:{line}: ")
    assert advice in said


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ("/data", "$HOME/data", "$HOME is not filled in here: write the whole path, or ~"),
        ("/data", "${HOME}/data", "${HOME} is not filled in here"),
        ("/data", '"%USERPROFILE%/data"', "%USERPROFILE% is not filled in here"),
        ("/data", r"C:\data", r"C:\data is a path of Windows"),
        ("/data", "c:/data", "c:/data is a path of Windows"),
        ("/data", r"'\\host\share'", "is a path of Windows"),
        ("/state/journal.db", "$HOME/journal.db", "$HOME is not filled in"),
        (":8000", ":8000/api/graphql", "which is added: write http://127.0.0.1:8000"),
        (":8000", ":8000/lab/api/graphql/", "which is added: write http://127.0.0.1:8000/lab"),
    ],
)
def test_paths_and_addresses(old: str, new: str, advice: str) -> None:
    assert advice in refusal(old, new)


@pytest.mark.parametrize("path", ["/data/$HOME", "/data/C:/x", "./$HOME", "/a/100%b%"])
def test_a_real_directory_may_have_such_a_name(path: str) -> None:
    config = parse_config(GOOD.replace("/data", path), Path("/lab/aqsync.yaml"))
    assert config.mappings[0].directory == Path("/lab", path)


def test_the_client_says_the_same_of_an_address() -> None:
    with pytest.raises(ConfigError, match="which is added") as caught:
        server_url("http://lab:8000/api/graphql")
    assert caught.value.hint == "write http://lab:8000"
