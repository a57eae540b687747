"""Python's logging: a line a second into a file that stays open."""

from __future__ import annotations

import logging
from pathlib import Path

from bench.software.pace import Pace, Seen

FILE = "cooldown.log"
RUN_S = 110.0
LINE_S = 1.0


def write(folder: Path, pace: Pace) -> None:
    log = logging.getLogger("cooldown")
    log.addHandler(logging.FileHandler(folder / FILE, encoding="utf-8"))
    log.setLevel(logging.INFO)
    for number in pace.points(LINE_S, RUN_S):
        log.info("%d mixing chamber at %.1f mK, still µ-heated", number, 20 + number / 10)
    pace.note(FILE, number + 1)


def read(file: Path) -> Seen:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    numbers = [int(line.partition(" ")[0]) for line in lines]
    return Seen(len(lines), numbers == list(range(len(lines))) and lines[-1].endswith("\n"))
