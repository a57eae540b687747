"""One large file: ``aqsync push`` beside curl."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from bench.environment import token
from bench.figures import Figure
from bench.processes import BenchError, Run, run
from bench.stage import Stage

SIZE_MIB = 1024
QUICK_MIB = 64
NAME = "scan.bin"


def large_file_below(stage: Stage) -> Path:
    """A large file, written once, alone in its directory."""
    place = stage.folder / "large" / NAME
    if not place.exists():
        place.parent.mkdir()
        with place.open("wb") as file:
            for _ in range(QUICK_MIB if stage.quick else SIZE_MIB):
                file.write(os.urandom(1 << 20))
    return place


def large_file(stage: Stage) -> Iterator[Figure]:
    curl = shutil.which("curl")
    if curl is None:
        raise BenchError("curl, beside which a large file is measured, is not installed")
    place = large_file_below(stage)
    root, mib = place.parent, place.stat().st_size >> 20

    def pushed() -> Run:
        with stage.experiment() as experiment:
            return stage.push(root, experiment.eid).run()

    def curled() -> Run:
        with stage.experiment() as experiment:
            return run(curl_command(curl, stage, experiment.uuid, place))

    push, bare = stage.alternately(f"one file of {mib} MiB", pushed, curled)
    yield Figure("large file: push", [r.seconds for r in push], "s")
    yield Figure("large file: curl", [r.seconds for r in bare], "s")
    ratios = [p.seconds / b.seconds for p, b in zip(push, bare, strict=True)]
    yield Figure("large file: time of push / curl", ratios, at_most=1.1)
    yield Figure("large file: peak memory of push", [r.peak_mb for r in push], "MB", at_most=80)


def curl_command(curl: str, stage: Stage, uuid: UUID, file: Path) -> list[str]:
    """What sends a file as a web form does."""
    command = [curl, "--silent", "--show-error", "--fail", "--output", os.devnull]
    command += ["--form", f"file=@{file};type=application/octet-stream"]
    command += ["--header", f"file_name: {file.name}"]
    return [*command, *header_options(stage), f"{stage.url}/api/files/{uuid}"]


def header_options(stage: Stage) -> list[str]:
    """The options by which curl shows the token, if there is one."""
    known = token()
    if not known:
        return []
    # By way of a file, for the process list shows a command to everybody.
    headers = stage.folder / "curl-headers"
    headers.touch(mode=0o600)
    headers.write_text(f"Authorization: Bearer {known}\n")
    return ["--header", f"@{headers}"]
