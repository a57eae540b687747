"""Starts the process that reads a file, and hears its answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress

from aqsync.config.metadata import MetadataFormat
from aqsync.local.metadata.limits import ANSWER, SECONDS

PATIENCE_S = SECONDS + 5.0
"""By the clock on the wall."""
_KILLED_S = 2.0
"""How long a killed process may take to end; one that a disk holds up is left behind."""
_KEPT = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT")
"""The variables that a Python may need; what else is in ours, a token perhaps, is not given on."""


class ReadingFailed(Exception):
    """Nothing was learned; the message says why."""


def read(file: int, form: MetadataFormat, paths: Mapping[str, str]) -> dict[str, list[str]]:
    """What the paths find in an open file, read from its beginning.

    Args:
        file: Its descriptor.
        form: How it is read.
        paths: JSONPaths, by what each is for.

    Raises:
        ReadingFailed: Nothing can be learned of it.
        OSError: No process can be started.
    """
    command = [sys.executable, "-P", "-X", "utf8", "-m", "aqsync.local.metadata"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    variables = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with tempfile.TemporaryFile() as answer:
        process = subprocess.Popen(  # noqa: S603 - this program itself
            [*command, form.value, json.dumps(paths)],
            stdin=file,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            env=variables | threads,
            cwd="/",
            start_new_session=True,
        )
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise ReadingFailed(f"reading it took more than {PATIENCE_S:g} s") from None
        finally:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_KILLED_S)
        if code != 0:
            raise ReadingFailed(_ending(code))
        answer.seek(0)
        return _heard(answer.read(ANSWER + 1))


def _ending(code: int) -> str:
    if code == -_signal("SIGXCPU"):
        return f"reading it took more than {SECONDS} s of the processor"
    what = f"with signal {-code}" if code < 0 else f"with exit code {code}"
    return f"the process that read it ended {what}"


def _signal(name: str) -> int:
    return int(getattr(signal, name, 0))  # not every system has each


def _heard(answer: bytes) -> dict[str, list[str]]:
    """The answer, which is believed no more than the file."""
    try:
        said = json.loads(answer)
        if "failed" in said:
            raise ReadingFailed(str(said["failed"]))
        return {
            str(name): [str(each) for each in values] for name, values in said["values"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise ReadingFailed("the process that read it gave no answer") from exc
