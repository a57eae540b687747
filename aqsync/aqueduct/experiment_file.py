"""A file of an experiment, as scripts and notebooks see it in ``Experiment.files``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self, TypeAlias

RemoteName: TypeAlias = str | tuple[str, datetime]
"""How scripts name a file of an experiment: by its name, or as it stands in its list."""


class ExperimentFile(tuple[str, datetime]):  # noqa: SLOT001 - a tuple with parts of its own cannot
    """The name of a file and the time its upload finished: a tuple, with names for its parts.

    Args:
        name: Its name in the experiment.
        uploaded_at: When its upload finished, by the server's clock.
        size_of: Asks the server for the size in bytes of the file of this name.
    """

    _fields = ("name", "uploaded_at")  # the columns that pandas makes of a list of them

    def __new__(
        cls, name: str, uploaded_at: datetime, size_of: Callable[[str], int | None]
    ) -> Self:
        """Make the tuple."""
        made = super().__new__(cls, (name, uploaded_at))
        made._size_of = size_of
        made._size = None
        return made

    _size_of: Callable[[str], int | None]
    _size: int | None

    @property
    def name(self) -> str:
        """Its name in the experiment."""
        return self[0]

    @property
    def uploaded_at(self) -> datetime:
        """When its upload finished, by the server's clock."""
        return self[1]

    @property
    def size(self) -> int | None:
        """Its size in bytes; None if the server does not tell.

        Lists have no sizes, so the server is asked at the first access, once for each file.

        Server operation: ``GET /api/files/UUID/NAME``, of which only the head is read.
        """
        if self._size is None:
            self._size = self._size_of(self[0])
        return self._size

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Let it be copied and pickled, as the plain tuple that it is without its server."""
        return tuple, (tuple(self),)


def name_in(experiment_file: RemoteName) -> str:
    """Return the name that a file has in its experiment."""
    return experiment_file if isinstance(experiment_file, str) else experiment_file[0]
