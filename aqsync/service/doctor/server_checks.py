"""The server, and what lies between."""

from __future__ import annotations

import os
from collections.abc import Iterator

from aqsync.config.token import read_token
from aqsync.errors import AccessDenied, HeaderDropped
from aqsync.model import SECOND_NS
from aqsync.service.doctor import token_rights
from aqsync.service.doctor.findings import Result, fault, faults_of, ok, warning
from aqsync.service.doctor.subject import CannotLook, Subject
from aqsync.wording import seconds_text

_DATED_BEFORE_S = 2.0
"""A date is cut to whole seconds, and some servers renew it only once a second."""
_NOTED_S, _WRONG_S = 5.0, 60.0


def look_at_server(subject: Subject) -> Iterator[Result]:
    """Whether an Aqueduct server answers."""
    refusal = subject.refusal
    if refusal is None or isinstance(refusal, AccessDenied):
        yield ok(f"{subject.section.url} answers")
    else:
        yield from faults_of(refusal)


def look_at_access(subject: Subject) -> Iterator[Result]:
    """Whether it lets this user in."""
    refusal = subject.refusal
    subject.require_own_eyes()
    if isinstance(refusal, AccessDenied):
        yield from faults_of(refusal)
    elif refusal is not None:
        raise CannotLook("the server cannot be asked")
    else:
        yield ok("the server lets this user in")


def look_at_rights(subject: Subject) -> Iterator[Result]:
    """Whether the token may do what a PC needs, and no more."""
    subject.require_own_eyes()
    if read_token(subject.section.token_file, os.environ) is None:
        yield ok("no token is configured, so none is asked about")
        return
    rights = subject.answering_server.rights()
    if said := token_rights.too_little(rights):
        yield fault(said, token_rights.CURE)
    elif said := token_rights.too_much(rights):
        yield warning(said, token_rights.CURE)
    elif rights.scope is None:
        yield ok("the server does not tell what the token may do")
    else:
        yield ok(token_rights.ENOUGH)


def look_at_header(subject: Subject) -> Iterator[Result]:
    """Whether uploads can arrive, by an upload to an experiment that cannot exist."""
    try:
        subject.answering_server.check_file_name_header()
    except HeaderDropped as exc:
        yield from faults_of(exc)
    else:
        yield ok("uploads can arrive: their header `file_name` survives the way")


def look_at_experiments(subject: Subject) -> Iterator[Result]:
    """Whether the experiments that mappings name are there."""
    eids = sorted({m.one_experiment for m in subject.config.mappings if m.one_experiment})
    for eid, found in subject.answering_server.resolve(eids).items():
        if found is None:
            yield fault(f"the server knows no experiment {eid}")
        else:
            yield ok(f"{eid}: {found.title}")


def look_at_clock(subject: Subject) -> Iterator[Result]:
    """Whether this machine and the server agree on the time."""
    if not isinstance(subject.refusal, AccessDenied | None):
        raise CannotLook("the server cannot be asked")
    before = subject.clock.now_ns() / SECOND_NS
    shown = subject.server.server_time()
    after = subject.clock.now_ns() / SECOND_NS
    if shown is None:
        raise CannotLook("the server's answers have no date")
    yield clock_result(shown.timestamp(), before, after)


def clock_result(shown: float, before: float, after: float) -> Result:
    """What a date in an answer says of the two clocks.

    Args:
        shown: The date, in seconds since 1970.
        before: When it was asked for, by the clock here.
        after: When it came, by the same clock.
    """
    ahead, behind = shown - after, before - (shown + _DATED_BEFORE_S)
    surely = max(ahead, behind, 0.0)
    if surely <= _NOTED_S:
        return ok("the server's clock and this machine's agree")
    which = "ahead of" if ahead > behind else "behind"
    message = f"the server's clock is {seconds_text(surely)} {which} this machine's"
    return (fault if surely > _WRONG_S else warning)(message)
