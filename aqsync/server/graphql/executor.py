"""Execution of operations, with a short cut for long lists of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from aqsync.server.files.store import FileListing
from aqsync.server.graphql.limits import AnswerSize
from aqsync.server.graphql.types import ExperimentFile

_NAME = "\0name"
_TIME = datetime.max.replace(tzinfo=UTC)


class FileListExecutor(StrawberryGraphQLCoreExecutionContext):
    """Completes one example file, and copies the result for every file of a `FileListing`.

    Strawberry makes several function calls for each field of each item, which takes seconds for a
    hundred thousand files. The example goes through Strawberry, so that any selection works
    (aliases, fragments, directives, ``__typename``).
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(*args, **options)
        self._size = AnswerSize()

    def complete_leaf_value(  # type: ignore[override]  # called by way of `self` only
        self,
        *args: Any,  # noqa: ANN401 - passed through
    ) -> Any:  # noqa: ANN401 - passed through
        """Complete a value that is no object and no list."""
        value = super().complete_leaf_value(*args)
        self._size.add_value(value)
        return value

    def complete_list_value(self, *args: Any) -> Any:  # noqa: ANN401 - passed through
        """Complete a list; its value is the fifth argument."""
        complete: Callable[..., Any] = super().complete_list_value
        *before, value, after = args
        if not isinstance(value, FileListing):
            self._size.add_list(value)
            return complete(*args)
        sample = ExperimentFile(name=_NAME, path=value.path, modified_at=_TIME)
        (example,) = complete(*before, [sample], after)
        return _fill(example, value, self._size)


def _fill(example: dict[str, Any], listing: FileListing, size: AnswerSize) -> list[dict[str, Any]]:
    size.add_files(len(example))
    time = _TIME.isoformat()
    names: list[str]
    times: Iterable[str]
    if time in example.values():
        columns = listing.columns()
        names, times = columns.names, columns.times
    else:
        names = listing.names()
        times = repeat(time)
    size.add_files(len(example), len(names))
    sources = {_NAME: names, time: times}
    keys = tuple(example)
    values = [sources.get(value, repeat(value)) for value in example.values()]
    # The names end the loop, even if no field shows them.
    return [dict(zip(keys, row, strict=False)) for row in zip(*values, names, strict=False)]
