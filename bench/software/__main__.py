"""``python -m bench.software``: write as one package does, or open versions with it.

    python -m bench.software write NAME FOLDER SCALE TRUTH
    python -m bench.software read

The latter takes lines of JSON, ``{"name": ..., "path": ...}``, and answers each with one:
``{"rows": ..., "whole": ...}`` or ``{"error": ...}``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType

from bench.software.pace import Pace


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.software.{name}")


def _write(name: str, folder: str, scale: str, truth: str) -> None:
    _module(name).write(Path(folder), Pace(float(scale), Path(truth)))


def _read() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what packages print must not come between
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = _module(asked["name"]).read(Path(asked["path"]))._asdict()
        except Exception as exc:  # noqa: BLE001 - whatever a package raises: it does not open
            answer = {"error": f"{type(exc).__name__}: {exc}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        _write(*sys.argv[2:])
    else:
        _read()
