"""What pages tell people to type is typed: in order, in a clean home, and it ends as they say."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from aqsync.aqueduct.client import Client
from docs.generate import HERE
from tests.support.embedded import EmbeddedServer
from tests.support.pages import PAGES, TOP, Block, blocks, configuration, named
from tests.support.terminal import Terminal, Typed

EIDS = ("20261123-1", "20261123-2", "20261123-7")
URL = "http://127.0.0.1:8000"
COMMAND = r"(aqsync|curl|make|pip|python3?|sudo|systemctl|\.venv\S+) "
LANGUAGES = {"sh", "text", "yaml", "python", "ini", "nginx"}
FILES = {
    "measurements/run7/iq.csv": "i,q\n1,2\n",
    "data/fridge-1/q3/t1_0415.csv": "t\n1\n",
    "data/fridge-1/run7/iq.csv": "i,q\n3,4\n",
    f"data/runs/{EIDS[2]}_spectroscopy/iq.csv": "i,q\n5,6\n",
}
"""What lies in a home before a page is typed, and is mapped."""
README, QUICK_START = TOP / "README.md", HERE / "quick-start.md"
DAEMON = """aqsync run > daemon.log 2>&1 &
until [ -S ~/.local/state/aqsync/journal.db.control/socket ]; do
    kill -0 $! || break
    sleep 0.02
done
"""
BEFORE = {
    "databases.md": """touch ~/measurements/experiments.db
touch -d '1 hour ago' ~/measurements/experiments.db
aqsync push""",
    "experiments-that-make-themselves.md": """mkdir -p ~/measurements/rabi
mkdir -p ~/data/runs/2026-11-24/rabi
echo 1 | tee ~/data/runs/2026-11-24/rabi/iq.csv > ~/measurements/rabi/iq.csv""",
    "get-data-back.md": "echo '{}' > ~/measurements/run7/fit.json\naqsync push",
    "move-from-pyaqueduct.md": "echo 'from pyaqueduct import API' > script.py",
    "network-disks.md": "aqsync push",
    "restore-the-server.md": f"""aqsync push
aqsync files remove {EIDS[1]} 'q3~t1_0415.csv' --yes --url {URL}""",
    "see-whether-all-is-well.md": "aqsync push\n" + DAEMON,
    "control.md": DAEMON,
    "talk-to-the-daemon-with-curl.md": DAEMON,
    "use-a-server-from-the-shell.md": "printf 'delay,population\\n1,0.9\\n2,0.7\\n' > t1.csv",
    "when-a-file-differs.md": f"""aqsync push
echo theirs > theirs
aqsync files put {EIDS[0]} theirs --name 'run7~iq.csv' --overwrite --url {URL}""",
    "whole-measurements.md": """mkdir -p ~/measurements/2026-11-30/run_7
echo 1 | tee ~/measurements/2026-11-30/run_7/{iq.csv,__complete__.tag}
touch -d '1 hour ago' ~/measurements/2026-11-30/run_7/*
aqsync push""",
}
"""What has happened before a page is opened."""
FAILS = {
    "experiments-that-make-themselves.md": {
        "1 aqsync push --dry-run",
        "1 aqsync why /data/runs/2026-11-24/rabi/iq.csv",
        f"1 aqsync experiment merge {EIDS[0]} --into {EIDS[0]}",
    },
    "quick-start.md": {"1 aqsync push --dry-run"},
    "restore-the-server.md": {"1 aqsync push"},
    "tags-and-experiments-from-paths.md": {
        "1 aqsync push --dry-run",
        "1 aqsync why /data/runs/20261123-7_spectroscopy/iq.csv",
    },
    "when-a-file-differs.md": {"1 cmp /tmp/theirs/run7~iq.csv ~/measurements/run7/iq.csv"},
}
"""Commands that do not end with 0: something is not in sync yet, or differs, as the page says."""


class Home:
    """Where a page is typed: in its places and times for those that the page has made up."""

    def __init__(self, folder: Path, url: str, eids: Iterable[str] = EIDS) -> None:
        self.folder = folder
        self._url = url
        self._real = {
            URL: url,
            **dict(zip(EIDS, eids, strict=True)),
            "/data/": f"{folder}/data/",
            "/tmp/": f"{folder}/tmp/",
            "/home/anna": str(folder),
            "/home/you": str(folder),
            "/some/folder": f"{folder}/some",
            "aqsync serve --data": f"aqsync serve --port {url.rpartition(':')[2]} --data",
        }

    def real(self, text: str) -> str:
        """What a page says, as it is to be typed."""
        made_up = "|".join(map(re.escape, self._real))
        return re.sub(rf"(?<![\w~])(?:{made_up})", lambda found: self._real[found[0]], text)

    def made_up(self, text: str) -> str:
        """What was said, as the page would put it."""
        text = text.replace(str(self.folder / "tmp"), "/tmp").replace(self._url, URL)
        text = text.replace(str(self.folder / "data"), "/data")
        text = text.replace(str(self.folder), "/home/you")
        known = {real: made_up for made_up, real in self._real.items() if made_up in EIDS}
        return re.sub(r"(?<!\d)\d{8}-\d+", lambda found: known.get(found[0], EIDS[0]), text)

    def configure(self, number: int, configuration: Mapping[str, Any]) -> str:
        """Write a configuration down; return what puts it into its place."""
        text = self.real(yaml.safe_dump(dict(configuration)))
        for mapping in yaml.safe_load(text)["mappings"]:
            place = mapping["directory"].replace("~", str(self.folder))
            Path(place).mkdir(parents=True, exist_ok=True)
        path = self.folder / f".aqsync-{number}.yaml"
        path.write_text(text)
        return f"cp {path} aqsync.yaml"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_is_of_a_kind_that_is_tested(page: Path) -> None:
    for block in blocks(page):
        drawn = block.language == "" and not re.match(rf"\s*{COMMAND}", block.text)
        assert block.language in LANGUAGES or drawn, block.text
    assert not re.search(rf"\n\n {{4}}{COMMAND}", page.read_text()), "put it between fences"


def port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def prepare(home: Home) -> None:
    folder = home.folder
    for name, text in FILES.items():
        path = folder / home.real(name)
        path.parent.mkdir(parents=True)
        path.write_text(text)
    for name in ("docs", "requirements", "systemd"):
        (folder / name).symlink_to(TOP / name)


def check(page: Path, shown: list[Block], typed: Typed, home: Home) -> None:
    """Compare what was said with the text below each block."""
    outputs = iter(typed.outputs)
    said = ""
    for block in shown:
        if block.language == "sh":
            said = home.made_up(next(outputs))
        elif block.language == "text":
            pattern = re.escape(block.text.strip())
            for gap, anything in (("\n...\n", "\n.*"), ("...", ".*")):
                pattern = pattern.replace(re.escape(gap), anything)
            assert re.fullmatch(pattern, said.strip(), re.DOTALL), said
    failures = set(map(home.made_up, typed.failures))
    assert failures == FAILS.get(page.name, set()), "\n".join(typed.outputs)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short path: that of the daemon's socket below it may have 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    data = tmp_path_factory.mktemp("server") / "data"
    with EmbeddedServer(data, extensions=HERE / "examples" / "extensions") as running:
        yield running


def typable(block: Block, home: Home) -> Iterator[Block]:
    if block.is_run:
        yield block._replace(text=home.real(block.text))
    elif block.language == "text":
        yield block


def steps(page: Path, home: Home) -> Iterator[Block]:
    """What is typed of a page: its commands, and what puts its configurations into their place."""
    base: dict[str, Any] = {
        "server": {"url": URL},
        "defaults": {"settle": "0s"},
        "mappings": [
            {"name": "measurements", "directory": "~/measurements", "experiment": EIDS[0]},
            {"name": "fridge-1", "directory": "/data/fridge-1", "experiment": EIDS[1]},
        ],
    }
    yield Block("sh", home.configure(0, base) + "\n" + home.real(BEFORE.get(page.name, "")))
    for number, block in enumerate(blocks(page), start=1):
        if block.language == "yaml":
            base |= configuration(block.text)
            yield Block("sh", home.configure(number, base))
        else:
            yield from typable(block, home)


TYPED = [
    page for page in PAGES if page != QUICK_START and any(block.is_run for block in blocks(page))
]


@pytest.mark.parametrize("page", TYPED, ids=named)
def test_it_ends_as_the_page_says(page: Path, server: EmbeddedServer, tmp_path: Path) -> None:
    with Client(server.url) as client:
        eids = [client.create_experiment(page.name, "").eid for _ in EIDS]
    serves = any("aqsync serve --data" in block.text for block in blocks(page))
    home = Home(tmp_path / "home", f"http://127.0.0.1:{port()}" if serves else server.url, eids)
    with Terminal(home.folder) as terminal:
        prepare(home)
        shown = list(steps(page, home))
        typed = terminal.type([block.text for block in shown if block.language == "sh"])
    check(page, shown, typed, home)


def install_and_quick_start(home: Home) -> list[Block]:
    [install] = [b for b in blocks(README) if "requirements/install.lock" in b.text]
    return [each for b in [install, *blocks(QUICK_START)] for each in typable(b, home)]


def test_the_quick_start_follows_the_installation(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", f"http://127.0.0.1:{port()}")
    with Terminal(home.folder) as terminal:
        (home.folder / "requirements").symlink_to(TOP / "requirements")
        shown = install_and_quick_start(home)
        commands = [block.text for block in shown if block.language == "sh"]
        typed = terminal.type(commands, finds_aqsync=False)
    check(QUICK_START, shown, typed, home)


@pytest.mark.long
@pytest.mark.skipif("AQSYNC_PACKAGE_INDEX" not in os.environ, reason="`make first-hour` runs it")
def test_the_first_hour_with_what_pip_installs(tmp_path: Path) -> None:
    """README and quick start with nothing put in anybody's place; it needs a package index."""
    home = Home(tmp_path / "home", f"http://127.0.0.1:{port()}")
    clone = home.folder / "clone"
    with Terminal(home.folder, real=True) as terminal:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=TOP, check=True, capture_output=True, text=True
        )
        for name in listed.stdout.split("\0")[:-1]:
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, clone / name)
        (home.folder / "some").mkdir()
        (home.folder / "some" / "notes.txt").write_text("of before")
        [demo] = [b.text for b in blocks(README) if "make demo" in b.text]
        demo = home.real("\n".join(line for line in demo.splitlines() if "make demo" in line))
        shown = install_and_quick_start(home)
        commands = [block.text for block in shown if block.language == "sh"]
        typed = terminal.type([f"cd clone\n{demo}", *commands], finds_aqsync=False)
    assert typed.outputs[0].count("different: 0") == 2, typed.outputs[0]
    check(QUICK_START, shown, typed._replace(outputs=typed.outputs[1:]), home)
