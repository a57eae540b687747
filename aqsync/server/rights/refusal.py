"""The refusals that follow from the decision about rights."""

from __future__ import annotations

from aqsync.server.catalog.catalog import CHANGED_MISSING
from aqsync.server.errors import NotAllowed, OperationRefused
from aqsync.server.rights.decision import Operation, Thing, may
from aqsync.server.rights.who import Who


def require(who: Who, operation: Operation | None, thing: Thing | None = None) -> None:
    """Refuse what may not be done.

    Args:
        who: Who asks.
        operation: What they ask for; None: something that has no rule.
        thing: What it is done to, as in `may`.

    Raises:
        NotAllowed: It may not be done, and the client may know that.
        OperationRefused: For this client the thing is not there.
    """
    refused = may(who, operation, thing)
    if refused is None:
        return
    if refused.hidden:
        raise OperationRefused(CHANGED_MISSING)
    raise NotAllowed(refused.reason)
