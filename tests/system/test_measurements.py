"""What laboratories measure with, for real; the table is `make bench BENCH="--only measurements"`.

Eight packages write beside the daemon, in some seconds instead of two minutes, and every version
that was ever on the server is opened with the package that wrote it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ.get("MEASUREMENTS_VENV", ".venv-measurements")


@pytest.mark.long
@pytest.mark.skipif(
    not (ROOT / ENVIRONMENT / ".installed").exists(),
    reason=f"make {ENVIRONMENT}/.installed has not been run, or not with success",
)
def test_whatever_was_on_the_server_opens(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--only", "measurements", "--quick"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("do not open", "too early", "not whole", "touched"):
        assert any(kind in line and line.endswith("pass") for line in done.stdout.splitlines())
