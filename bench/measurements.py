"""Real software measures; aqsync and two simple programs send what it writes, all at once.

Every version that the server ever had is opened with the package that wrote it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from bench.figures import Figure, columns
from bench.judging import Judge, Verdict
from bench.laboratory import AQSYNC_NAME, Evidence, Laboratory
from bench.measuring import INSTALLED, SOFTWARE, Opener, Software
from bench.stage import Stage

QUICK_SCALE = 0.1
"""12 seconds instead of two minutes."""
MOST_OPENED, QUICK_MOST_OPENED = 400, 15
_HEAD = ("software", "sent by", "versions", "unreadable", "too early", "whole", "bytes / final")

Verdicts = dict[tuple[Software, str], Verdict]


def measurements(stage: Stage) -> Iterator[Figure]:
    if sys.platform != "linux" or not INSTALLED.exists():
        made = f"{INSTALLED.parent.name}/.installed"
        stage.say(f"measurements: left out, for it needs Linux and `make {made}`")
        return
    laboratory = Laboratory(stage, QUICK_SCALE if stage.quick else 1.0)
    evidence = laboratory.run()
    stage.say("measurements: opening every version")
    with Opener(laboratory.home) as opener:
        verdicts = _judged(stage, evidence, opener)
    print(_table(verdicts), end="\n\n", flush=True)
    ours = [verdict for (_, how), verdict in verdicts.items() if how == AQSYNC_NAME]
    counted = {
        "states that do not open": _all(verdict.unreadable for verdict in ours),
        "called whole too early": _all(verdict.early for verdict in ours),
        "not whole in the end": _all(verdict.missing for verdict in ours),
        "entries of the folders touched": evidence.touched,
    }
    for what, count in counted.items():
        yield Figure(f"measurements: {what}", [count], at_most=0)
    compared = sum(verdict.compared for verdict in ours)
    yield Figure("measurements: snapshots that rows were due in", [compared], at_least=1)
    sent = evidence.broken_off + sum(verdict.sent for verdict in ours)
    all_in_all = sent / max(1, sum(verdict.final for verdict in ours))
    yield Figure("measurements: bytes sent / final size, all and what was broken off", [all_in_all])
    for (software, how), verdict in verdicts.items():
        if how == AQSYNC_NAME:
            # How often things settle depends on how busy a machine is that measures so quickly.
            most = None if stage.quick else software.most
            name = f"measurements: bytes sent / final size: {software.name}"
            yield Figure(name, [verdict.ratio], at_most=most)


def _judged(stage: Stage, evidence: Evidence, opener: Opener) -> Verdicts:
    verdicts = {}
    for software in SOFTWARE:
        for how in evidence.experiments:
            most = QUICK_MOST_OPENED if stage.quick else MOST_OPENED
            judge = Judge(software, evidence, opener, stage.room(), most)
            verdict = judge.judge(how)
            verdicts[software, how] = verdict
            if how == AQSYNC_NAME:  # so that it can be mended
                for line in (*verdict.unreadable, *verdict.early, *verdict.missing)[:5]:
                    stage.say(f"  {software.name}: {line}")
    return verdicts


def _all(lists: Iterable[list[str]]) -> int:
    return sum(map(len, lists))


def _table(verdicts: Verdicts) -> str:
    rows: list[Sequence[str]] = [_HEAD]
    for (software, how), verdict in verdicts.items():
        speaks = software.marker or (how == AQSYNC_NAME and "measurement" in software.mapping(1))
        rows.append(
            (
                software.name,
                how,
                str(verdict.versions),
                str(len(verdict.unreadable)),
                str(len(verdict.early)) if speaks else "-",
                "no" if verdict.missing else "yes",
                f"{verdict.ratio:.1f}",
            )
        )
    return columns(rows, 2)
