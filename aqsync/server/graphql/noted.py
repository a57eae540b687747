"""Notes what mutations do, for the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from aqsync.server.errors import NotAllowed, OperationRefused
from aqsync.server.graphql.types import Info


@contextmanager
def noted(
    info: Info, what: str, experiment: UUID | None = None, **more: object
) -> Iterator[dict[str, object]]:
    """Note a change, whether it is made or refused.

    Args:
        info: What a resolver gets.
        what: What is done.
        experiment: To which experiment.
        **more: What else is known of it.

    Yields:
        The note, for what is known later.
    """
    entry: dict[str, object] = {"what": what, "experiment": experiment, **more}
    info.context.audited.append(entry)
    try:
        yield entry
    except (OperationRefused, NotAllowed) as exc:
        entry["refused"] = str(exc)
        raise
