"""``python -m bench``: run the benchmarks, and print the table of each as soon as it has ended."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from aqsync.errors import AqsyncError
from bench.asking import asking
from bench.burst import burst
from bench.crowded import crowded
from bench.daemon_idle import daemon_idle
from bench.database import database
from bench.department import department
from bench.figures import Figure, table
from bench.large_file import large_file
from bench.latency import latency
from bench.manifest import manifest
from bench.measurements import measurements
from bench.no_change import no_change
from bench.page import page
from bench.processes import BenchError
from bench.processor_time import processor_time
from bench.pull import pull
from bench.server_uploads import server_uploads
from bench.small_files import small_files
from bench.stage import Stage, embedded_server
from bench.window import window

BENCHMARKS: dict[str, Callable[[Stage], Iterator[Figure]]] = {
    "small": small_files,
    "server": server_uploads,
    "large": large_file,
    "pull": pull,
    "cpu": processor_time,
    "no-change": no_change,
    "daemon": daemon_idle,
    "latency": latency,
    "burst": burst,
    "asking": asking,
    "crowded": crowded,
    "window": window,
    "measurements": measurements,
    "database": database,
    "manifest": manifest,
    "page": page,
    "department": department,
}
USUAL = (
    "small",
    "server",
    "large",
    "cpu",
    "no-change",
    "daemon",
    "latency",
    "burst",
    "measurements",
)
"""The others measure what hardly changes, for the documentation."""
ROUNDS = 5
QUICK_ROUNDS = 2


_INTERRUPTED = 130


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    verdicts = list[bool]()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory("-bench", "aqsync-", given.folder))
        )
        data = None if given.url else folder / "server"
        module = "bench.archived" if given.archived else "aqsync.server"
        url = given.url or stack.enter_context(embedded_server(folder / "server", module))
        rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
        stage = Stage(url.rstrip("/"), folder, given.quick, rounds, data, given.before)
        for name in given.only or USUAL:
            verdicts.append(_measured(stage, name))
            if stage.broken_off.is_set():
                return _INTERRUPTED
    return 0 if all(verdicts) else 1


def _measured(stage: Stage, name: str) -> bool:
    """Run a benchmark and print what it has, also where it fails or is broken off.

    Returns:
        Whether it has come to its end and met its targets.
    """
    figures, ended = list[Figure](), False
    try:
        for figure in BENCHMARKS[name](stage):
            figures.append(figure)
        ended = True
    except KeyboardInterrupt:
        stage.broken_off.set()
    except (AqsyncError, BenchError) as exc:
        stage.say(f"error: {name}: {exc}")
    if figures:
        print(table(figures), end="\n\n", flush=True)
    return ended and all(figure.passed is not False for figure in figures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench",
        description="Measure aqsync beside other tools. Exit status 1: a target was missed.",
    )
    parser.add_argument(
        "--url",
        help="measure against this server, with the token in AQSYNC_API_TOKEN or API_TOKEN;"
        " else against the embedded one",
    )
    parser.add_argument(
        "--archived",
        action="store_true",
        help="let the embedded server answer as the archived one, which checks no conditions",
    )
    parser.add_argument(
        "--before",
        type=Path,
        metavar="PYTHON",
        help="compare `small` and `cpu` with the checkout in whose environment this Python is",
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="only this one; may be repeated"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"how often to measure ({ROUNDS}, or {QUICK_ROUNDS} with --quick)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="far less work, in less than four minutes; shows that it runs, not how fast",
    )
    parser.add_argument(
        "--folder", type=Path, help="where to put files for the time being; else the usual place"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AqsyncError, BenchError) as exc:
        sys.exit(f"error: {exc}")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
