"""The unit files, as systemd itself judges them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aqsync.service.unit import Unit

UNITS = Path(__file__).parents[3] / "systemd"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("aqsync.service", []),
        ("aqsync-failed.service", []),
        ("aqsync-user.service", ["--user"]),
        ("aqsync-user-failed.service", ["--user"]),
        ("aqsync-push.service", []),
        ("aqsync-push.timer", []),
    ],
)
def test_systemd_finds_nothing_wrong(name: str, options: list[str], tmp_path: Path) -> None:
    for unit in UNITS.glob("aqsync*"):  # the timer wants its service
        text = unit.read_text()
        # It must name a program that exists here.
        text = re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", *options, "--man=no", "verify", tmp_path / name],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "info"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


@pytest.mark.parametrize(
    "name",
    ["aqsync.service", "aqsync-failed.service", "aqsync-push.service", "confined.service"],
)
def test_little_is_exposed(name: str, tmp_path: Path) -> None:
    unit = Unit("aqsync", ["/bin/true"], Path("/etc/c"), "aqsync", sees=[Path("/data")])
    confined = tmp_path / "confined.service"
    confined.write_text(unit.render())
    file = confined if name == confined.name else UNITS / name
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", file],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"exposure level for \S+: ([0-9.]+)", ran.stdout)
    assert found
    assert float(found[1]) <= 2.0
