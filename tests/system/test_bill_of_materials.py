"""`make sbom`: what an installation by the lock consists of, all of it and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from aqsync import __version__

TOP = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.skipif(
    not (TOP / ".venv-sbom" / ".installed").exists(),
    reason="`make test-long` installs what it needs",
)
def test_it_lists_what_the_lock_installs(tmp_path: Path) -> None:
    made = tmp_path / "folder" / "aqsync.cdx.json"
    subprocess.run(["make", "sbom", f"SBOM={made}"], cwd=TOP, check=True, capture_output=True)
    found = json.loads(made.read_text())
    assert (found["bomFormat"], found["metadata"]["component"]["version"]) == (
        "CycloneDX",
        __version__,
    )
    lock = (TOP / "requirements" / "install.lock").read_text()
    locked = re.findall(r"^([a-z0-9-]+)==([^ ]+) (.*)\\$", lock, re.MULTILINE)
    everywhere = {(name, version) for name, version, marker in locked if not marker}
    listed = {(canonicalize_name(c["name"]), c["version"]) for c in found["components"]}
    assert everywhere <= listed <= {(name, version) for name, version, _ in locked}
