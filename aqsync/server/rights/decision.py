"""The one decision about rights: who may do what. Pure.

Each operation has a rule; one without is refused to everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from aqsync.server.rights.who import Scope, Who


class Operation(Enum):
    """What can be done on a server, in words that follow *to*."""

    SEE = "see data"
    CREATE_EXPERIMENT = "create experiments"
    ADD_TAGS = "add tags"
    CHANGE_EXPERIMENT = "change experiments"
    REMOVE_TAG = "remove tags"
    REMOVE_EXPERIMENT = "remove experiments"
    UPLOAD = "upload files"
    REPLACE_FILE = "replace files"
    REMOVE_FILE = "remove files"
    RUN_ACTION = "run actions"
    CANCEL_TASK = "cancel tasks"


@dataclass(frozen=True, slots=True)
class Thing:
    """What an operation is done to.

    Args:
        experiment: The experiment that it is, or belongs to.
        file: The name of the file; None if it is none.
        owner: Whose it is; None if nobody is known.
    """

    experiment: UUID
    file: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something may not be done.

    Args:
        reason: For a person, with a full stop.
        hidden: Whether the answer must be that of a thing that does not exist.
    """

    reason: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which scope is enough.

    Args:
        any_owner: For what belongs to any owner, or to nobody known.
        own: For what belongs to the token's owner, if that takes less.
    """

    any_owner: Scope
    own: Scope | None = None


RULES = {
    Operation.SEE: _Rule(Scope.READ),
    Operation.CREATE_EXPERIMENT: _Rule(Scope.UPLOAD),
    Operation.ADD_TAGS: _Rule(Scope.UPLOAD),
    Operation.CHANGE_EXPERIMENT: _Rule(Scope.WRITE, own=Scope.UPLOAD),
    Operation.REMOVE_TAG: _Rule(Scope.WRITE, own=Scope.UPLOAD),
    # It removes the files of everybody.
    Operation.REMOVE_EXPERIMENT: _Rule(Scope.ADMIN),
    Operation.UPLOAD: _Rule(Scope.UPLOAD),
    Operation.REPLACE_FILE: _Rule(Scope.WRITE, own=Scope.UPLOAD),
    Operation.REMOVE_FILE: _Rule(Scope.WRITE, own=Scope.UPLOAD),
    Operation.RUN_ACTION: _Rule(Scope.UPLOAD),
    Operation.CANCEL_TASK: _Rule(Scope.WRITE, own=Scope.UPLOAD),
}


def may(who: Who, operation: Operation | None, thing: Thing | None = None) -> Refused | None:
    """Decide whether something may be done.

    Args:
        who: Who asks.
        operation: What they ask for; None: something that has no rule.
        thing: What it is done to; None: whether it may be done to anything at all. Only what is
            allowed both with and without is allowed.

    Returns:
        Why not; None if it may be done.
    """
    rule = None if operation is None else RULES.get(operation)
    if operation is None or rule is None:
        return Refused("Nobody may do this: the server has no rule for it.")
    if who.scope < (rule.any_owner if rule.own is None else rule.own):
        return _too_little(who, operation, rule)
    if operation is Operation.CREATE_EXPERIMENT and who.experiments is not None:
        return Refused(
            f"The token {who.name!r} is bound to some experiments, so it creates no others."
        )
    if thing is None:
        return None
    if not who.sees(thing.experiment):
        return Refused("There is no such experiment.", hidden=True)
    if thing.file is not None and not who.sees_name(thing.file):
        return _out_of_prefix(who, operation)
    if who.scope < rule.any_owner and thing.owner != who.owner:
        whose = "nobody that is known" if thing.owner is None else f"the owner {thing.owner!r}"
        what = "this" if thing.file is None else f"the file {thing.file!r} that is there"
        return Refused(
            f"The token {who.name!r} of {who.owner!r} may {operation.value} of its own owner only,"
            f" and {what} belongs to {whose}."
        )
    return None


def _too_little(who: Who, operation: Operation, rule: _Rule) -> Refused:
    needed = rule.any_owner if rule.own is None else rule.own
    return Refused(
        f"The token {who.name!r} has the scope {who.scope.word!r}, which does not let it"
        f" {operation.value}; that needs {needed.word!r}."
    )


def _out_of_prefix(who: Who, operation: Operation) -> Refused:
    if operation is Operation.SEE:
        return Refused("There is no such file.", hidden=True)
    allowed = " or ".join(map(repr, who.prefixes))
    return Refused(
        f"The token {who.name!r} is bound to files whose names begin with {allowed}, so it may not"
        f" {operation.value} of another name."
    )
