"""The contenders of this machine."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.contender import Contender
from bench.daemon import Aqsync
from bench.lsyncd import Lsyncd
from bench.stage import Stage
from bench.syncthing import Syncthing

_OTHERS = (Syncthing, Lsyncd)


def contenders(stage: Stage, name: str, place: Path) -> Iterator[Contender]:
    """Each with an empty root of its own; what one has left is removed before the next.

    Args:
        stage: Where.
        name: Of the benchmark.
        place: Where the roots are made.
    """
    if sys.platform != "linux" or stage.data is None:
        stage.say(f"{name}: left out, for it needs Linux and the embedded server")
        return
    with _root(place) as root, stage.experiment() as experiment:
        yield Aqsync(stage, stage.data, experiment, root)
    for other in _OTHERS:
        if shutil.which(other.program) is None:
            stage.say(f"{name}: without {other.name}; on Debian: apt-get install {other.packages}")
            continue
        with _root(place) as root, _root(stage.folder) as copy:
            yield other(stage, root, copy)


@contextmanager
def _root(place: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory("-bench", "aqsync-", place) as name:
        yield Path(name)
