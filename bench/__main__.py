"""``python -m bench``: run the benchmarks and print the table."""

from __future__ import annotations

import argparse
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
from bench.figures import Figure, table
from bench.large_file import large_file
from bench.latency import latency
from bench.no_change import no_change
from bench.processes import BenchError
from bench.server_uploads import server_uploads
from bench.small_files import small_files
from bench.stage import Stage, embedded_server
from bench.window import window

BENCHMARKS: dict[str, Callable[[Stage], Iterator[Figure]]] = {
    "small": small_files,
    "server": server_uploads,
    "large": large_file,
    "no-change": no_change,
    "daemon": daemon_idle,
    "latency": latency,
    "burst": burst,
    "asking": asking,
    "crowded": crowded,
    "window": window,
}
USUAL = ("small", "server", "large", "no-change", "daemon", "latency", "burst")
"""The others measure what hardly changes, for the documentation."""


def main() -> int:
    given = _arguments()
    figures: list[Figure] = []
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory("-bench", "aqsync-", given.folder))
        )
        data = None if given.url else folder / "server"
        url = given.url or stack.enter_context(
            embedded_server(folder / "server", archived=given.archived)
        )
        stage = Stage(url.rstrip("/"), folder, given.quick, given.rounds, data, given.before)
        for name in given.only or USUAL:
            figures += BENCHMARKS[name](stage)
    print(table(figures))
    return 1 if any(figure.passed is False for figure in figures) else 0


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
        help="compare `small` with the checkout in whose environment this Python is",
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="only this one; may be repeated"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often to measure (%(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="far less work; shows that it runs, not how fast"
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
