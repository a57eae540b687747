"""Runs one command and writes what it took to a file descriptor.

Run as ``python -I -S launcher.py DESCRIPTOR COMMAND...``.

Linux counts the peak memory of the process that starts a command to the command's own peak, so
the starter must be small: this file imports next to nothing and is a process of its own.
"""

import os
import sys
import time


def main() -> None:
    report_to, *command = sys.argv[1:]
    before = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - before
    figures = (seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
    with os.fdopen(int(report_to), "w") as report:
        report.write(" ".join(map(str, (os.waitstatus_to_exitcode(status), *figures))))


main()
