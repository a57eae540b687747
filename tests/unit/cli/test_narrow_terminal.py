"""A name must not break a command on a terminal that cannot show it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.patience import HANG_S


def test_what_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    root = tmp_path / "5 µs 冷"
    root.mkdir()
    config = tmp_path / "aqsync.yaml"
    config.write_text(
        f"""\
server: {{url: "http://127.0.0.1:8000"}}
journal: journal.db
mappings: [{{name: main, directory: "{root.name}", experiment: 20261123-1}}]
""",
        encoding="utf-8",
    )

    done = subprocess.run(
        [sys.executable, "-m", "aqsync", "check", "--config", config],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )

    assert done.returncode == 0, done.stderr
    assert r"5 \xb5s \u51b7 -> 20261123-1" in done.stdout
