"""Execution of operations, with a short cut for long lists of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from aqsync.server.errors import OperationRefused
from aqsync.server.graphql.limits import MAX_LISTED
from aqsync.server.graphql.types import ExperimentFile
from aqsync.server.listing import FileListing

_NAME = "\0name"
_TIME = datetime.max.replace(tzinfo=UTC)


class FileListExecutor(StrawberryGraphQLCoreExecutionContext):
    """Completes one example file, and copies the result for every file of a `FileListing`.

    The items of all other lists are counted: a short request can ask for a long list many times.

    Strawberry makes several function calls for each field of each item, which takes seconds for a
    hundred thousand files. The example goes through Strawberry, so that any selection works
    (aliases, fragments, directives, ``__typename``).
    """

    _listed = 0

    def complete_list_value(self, *args: Any) -> Any:  # noqa: ANN401 - passed through
        """Complete a list; its value is the fifth argument."""
        complete: Callable[..., Any] = super().complete_list_value
        *before, value, after = args
        if not isinstance(value, FileListing):
            self._count(value)
            return complete(*args)
        sample = ExperimentFile(name=_NAME, path=value.path, modified_at=_TIME)
        (example,) = complete(*before, [sample], after)
        return _fill(example, value)

    def _count(self, items: object) -> None:
        self._listed += len(items) if isinstance(items, Sized) else 0
        if self._listed > MAX_LISTED:
            raise OperationRefused(
                f"The answer would list more than {MAX_LISTED} items. Ask for less at once."
            )


def _fill(example: dict[str, Any], listing: FileListing) -> list[dict[str, Any]]:
    time = _TIME.isoformat()
    names: Iterable[str]
    times: Iterable[str]
    if time in example.values():
        columns = listing.columns()
        names, times = columns.names, columns.times
    else:
        names = listing.names()
        times = repeat(time)
    sources = {_NAME: names, time: times}
    keys = tuple(example)
    values = [sources.get(value, repeat(value)) for value in example.values()]
    # The names end the loop, even if no field shows them.
    return [dict(zip(keys, row, strict=False)) for row in zip(*values, names, strict=False)]
