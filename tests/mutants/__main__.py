"""``python -m tests.mutants [MODULE ...]``: how many mutants the tests catch.

Ends with 1 if they catch less than they should of any module, not counting those mutants that
do what the program does (`equivalent.py`).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.mutations import mutants
from tests.mutants.plugin import NAME, SOURCE

SHARE = 0.9
"""Of each module's mutants that must be caught."""
LIMIT_S = 120.0
"""A mutant that never ends is caught too."""
MOST_MEMORY = 4 << 30
TESTS = {
    **{
        f"aqsync.sync.{name}": [
            "tests/unit/sync/test_planner.py",
            "tests/unit/sync/test_decisions_lead_to_rest.py",
        ]
        for name in ("planner", "backoff", "size_rules")
    },
    "aqsync.sync.growing_rules": ["tests/unit/sync/test_growing_rules.py"],
    "aqsync.sync.measurements": ["tests/unit/sync/test_measurements.py"],
    "aqsync.sync.unfinished_rules": ["tests/unit/sync/test_unfinished.py"],
    **{
        f"aqsync.local.formats.{name}": ["tests/unit/local/formats"]
        for name in ("footers", "gzip_stream", "hdf5", "png", "tdms", "view", "zip_archive")
    },
    "aqsync.layout.names": ["tests/unit/layout/test_names.py"],
    "aqsync.local.rules": ["tests/unit/local/test_rules.py"],
    "aqsync.local.reader": ["tests/unit/local/test_reader.py", "tests/unit/sync/test_uploader.py"],
}


def say(line: str) -> None:
    """At once: the next line may take minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def is_caught(module: str, source: str) -> bool:
    """Whether a test fails with this source in the module's place."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
        file.write(source)
        file.flush()
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "tests.mutants.plugin"]
        command += ["-p", "no:randomly", "-p", "no:xdist", "--hypothesis-profile=mutants"]
        try:
            done = subprocess.run(
                [*command, *TESTS[module]],
                env=os.environ | {NAME: module, SOURCE: file.name},
                capture_output=True,
                timeout=LIMIT_S,
                preexec_fn=_limit_memory,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True
    return done.returncode != 0


def _limit_memory() -> None:
    """A mistake may take all there is."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def judge(module: str, jobs: int) -> bool:
    """Try every mutant of a module; tells those that nobody noticed."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    began = time.monotonic()
    known = EQUIVALENT.get(module, {})
    source = Path(spec.origin).read_text(encoding="utf-8")
    assert not is_caught(module, source), "the tests fail without any mistake"
    every = list(mutants(source))
    tried = [mutant for mutant in every if mutant.change not in known]
    caught = 0
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda mutant: is_caught(module, mutant.source), tried)
        for mutant, found in zip(tried, results, strict=True):
            caught += found
            if not found:
                say(f"{module}:{mutant.line}: {mutant.change}")
    share = caught / len(tried)
    say(
        f"{module}: {caught} of {len(tried)} mutants caught ({share:.1%}),"
        f" {len(every) - len(tried)} do the same as the program,"
        f" {time.monotonic() - began:.0f} s",
    )
    for change in known.keys() - {mutant.change for mutant in every}:
        say(f"{module}: no longer a mutant: {change}")
    return share >= SHARE


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("modules", nargs="*", default=sorted(TESTS), help="which ones; all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args()
    good = [judge(module, options.jobs) for module in options.modules]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
