"""pyaqueduct 0.1.0 itself drives the embedded server, and its script runs on aqsync.

The old client is in an environment of its own, which ``make`` makes before it runs the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ.get("PYAQUEDUCT_VENV", ".venv-pyaqueduct")
OLD_PYTHON = ROOT / ENVIRONMENT / "bin" / "python"
SCRIPT = Path(__file__).with_name("script.py")
EXTENSIONS = ROOT / "docs" / "examples" / "extensions"
TOKEN = "s3cret-token"  # not a secret: for a server on loopback, for the length of a test

CHANGED_IMPORTS = {
    "aqsync": {
        "from pyaqueduct import API": "from aqsync import API",
        "from pyaqueduct.exceptions import": "from aqsync.errors import",
        "from pyaqueduct.experiment import Experiment": "from aqsync import Experiment",
    },
    "aqsync.aqueduct": {"from pyaqueduct": "from aqsync.aqueduct"},
}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        sys.version_info >= (3, 12),
        reason="pyaqueduct 0.1.0 does not install on Python 3.12 or newer",
    ),
]


def output(python: Path, script: Path, folder: Path) -> str:
    """Run a script against a server of its own and return what it prints."""
    work = folder / "work"
    work.mkdir()
    quiet = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with EmbeddedServer(folder / "data", token=TOKEN, extensions=EXTENSIONS) as server:
        done = subprocess.run(
            [python, "-W", "ignore", script, server.url, work],
            env={**quiet, "API_TOKEN": TOKEN, "PYTHONPATH": "", "PYTHONUTF8": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def old_output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the script prints with the old client."""
    assert OLD_PYTHON.exists(), f"run: make {ENVIRONMENT}/.installed"
    return output(OLD_PYTHON, SCRIPT, tmp_path_factory.mktemp("old"))


def test_the_old_client_is_the_old_one() -> None:
    asked = "from importlib.metadata import version; print(version('pyaqueduct'))"
    done = subprocess.run([OLD_PYTHON, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "0.1.0\n"


def test_the_old_client_drives_the_server(old_output: str) -> None:
    lines = old_output.splitlines()
    for line in (
        "created: ['1', '2'] True Cooldown 7",
        "changed: Cooldown 8 'two\\nlines: µ, 漢' True",
        "newest first: ['2', '1']",
        "tags: ['Cold', 'qubit:3']",
        "by tag: ['1']",
        "files: ['array.npy', 'empty', 'iq data.csv'] True",
        "array.npy: True",
        "action: plot | Draw one column over another.",
        "no experiment: ['PyAqueductError', 'RemoteOperationError']",
        "gone: [] ['PyAqueductError', 'RemoteOperationError']",
    ):
        assert line in lines


@pytest.mark.parametrize("home", CHANGED_IMPORTS)
def test_its_script_prints_the_same_on_aqsync(old_output: str, home: str, tmp_path: Path) -> None:
    text = SCRIPT.read_text()
    for old, new in CHANGED_IMPORTS[home].items():
        assert old in text
        text = text.replace(old, new)
    assert "from pyaqueduct" not in text
    (tmp_path / "script.py").write_text(text)

    assert output(Path(sys.executable), tmp_path / "script.py", tmp_path) == old_output
