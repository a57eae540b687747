"""A text file that a command makes: it stands under its name only when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aqsync.aqueduct.local_files import begun


@contextmanager
def written_whole(place: Path) -> Iterator[Callable[[str], None]]:
    """Begin the file before the work for it is done, which must not be in vain.

    Args:
        place: Its path.

    Yields:
        What writes it. Until then, an earlier file of this name is as it was.

    Raises:
        LocalError: It cannot be written.
    """

    def write(text: str) -> None:
        partial.fill([text.encode("utf-8", "backslashreplace")])
        partial.finish(replace=True)

    with begun(place) as partial:
        yield write
