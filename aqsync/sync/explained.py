"""What is decided for a file, why, and what happens next, in words for people."""

from __future__ import annotations

from collections.abc import Iterator

from aqsync.config import MappingConfig
from aqsync.journal.remote import NOT_MADE
from aqsync.model import (
    SECOND_NS,
    Compare,
    Decision,
    FileRecord,
    Hold,
    InSync,
    Problem,
    Recheck,
    RemoveRemote,
    State,
    Upload,
    Wait,
)
from aqsync.sync.measured import Standing
from aqsync.wording import age_text, counted, seconds_text


def told(
    mapping: MappingConfig, file: FileRecord, step: Decision, doubt: Problem | None, now_ns: int
) -> Iterator[tuple[str, str]]:
    """All that is to be said of a file, each with what it is called.

    Args:
        mapping: Whose.
        file: Which file.
        step: What is decided for it.
        doubt: Why nothing of its place can be believed.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    failure, synced = file.failure, file.synced
    age = age_s(step, now_ns)
    for_so_long = f"{step.state}, for {seconds_text(age)}"
    provisional = step.state is State.PROVISIONAL
    yield "state", state_text(step.state, age) if provisional else for_so_long
    yield "reason", step.message
    yield "next", next_of(mapping, file, step, now_ns)
    if hint := hint_of(step):
        yield "hint", hint
    if failure is not None and failure.why != step.why:
        yield "last try", f"failed {age_text(failure.at_ns, now_ns)}: {failure.message}"
        if failure.hint:
            yield "hint", failure.hint
    if doubt is not None and doubt.why != step.why:
        yield "in doubt", doubt.message
        yield "hint", doubt.hint
    if file.eid is not None:
        yield "goes to", f"{file.eid_shown or NOT_MADE} as {file.remote_name}"
    if synced is not None:
        yield "synced", age_text(synced.at_ns, now_ns)
        if synced.unfinished is not None:
            yield "unfinished", f"its writer had not closed it then ({synced.unfinished})"


def state_text(state: State, *ages: float | None) -> str:
    """A state; of provisional versions also how old they are: ``provisional, 4 min old``."""
    if state is not State.PROVISIONAL:
        return state
    up_to = "" if len(ages) == 1 else "up to "
    return f"{state}, {up_to}{seconds_text(max(age or 0.0 for age in ages))} old"


def standing_text(standing: Standing) -> str:
    """How one measurement stands, why, and how much of it is to come."""
    missing = ""
    if standing.not_there:
        missing = f"; {standing.not_there} of {counted(standing.files, 'file')} to come"
    return f"{standing.state} ({standing.words}){missing}"


def hint_of(step: Decision) -> str:
    """What a person can do; empty: nothing."""
    return step.hint if isinstance(step, Hold | Wait) else ""


def age_s(step: Decision, now_ns: int) -> float:
    """Since when it has been so, in seconds."""
    return max(0, now_ns - step.since_ns) / SECOND_NS


def next_of(mapping: MappingConfig, file: FileRecord, step: Decision, now_ns: int) -> str:
    """What happens next to this file: one that is in sync may have to be checked again."""
    synced = file.synced
    again = mapping.recheck and synced is not None and synced.recheck_at_ns is not None
    if isinstance(step, InSync) and again and file.local is not None:
        return "the daemon, or the next push after that time, checks it again"
    if step.state is State.FREED and not mapping.makes_experiments:
        return f"nothing; `aqsync pull {file.eid_shown} {mapping.directory}` brings it back"
    return _next_step(step, now_ns)


def _next_step(step: Decision, now_ns: int) -> str:
    """What happens next, for a person."""
    match step:
        case InSync():
            return "nothing, until the file changes"
        case Recheck():
            return "it is read again, and sent if its content is not what was sent"
        case Upload():
            return _uploaded(step)
        case Compare():
            return "its content is compared with the server's; it is sent only if it may be"
        case RemoveRemote():
            return "its copy is removed from the server"
        case Wait():
            return _decided_again(step, now_ns)
        case Hold(next_ns=int(next_ns)):
            return _tried_again(next_ns, now_ns, sooner_by_push=step.sooner_by_push)
        case Hold(state=State.HELD | State.DIFFERS):
            return "nothing, until somebody decides or the file changes"
        case _:
            return "nothing"


def _uploaded(step: Upload) -> str:
    if step.makes:
        return "its folder's experiment is made, if it is not there, and the file is uploaded"
    if step.provisional:
        return "it is read, and sent up to there if it still begins as it did before"
    return "it is uploaded and replaces our earlier version" if step.replaces else "it is uploaded"


def _decided_again(step: Wait, now_ns: int) -> str:
    until_ns = step.until_ns
    if step.goes_ns is not None:
        seconds = seconds_text(max(0, step.goes_ns - now_ns) / SECOND_NS)
        return f"a version goes in {seconds}, and the whole file as soon as it has settled"
    if until_ns is None:
        return "the daemon goes on once this has changed; without one, the next push does"
    return f"it is looked at again in {seconds_text(max(0, until_ns - now_ns) / SECOND_NS)}"


def _tried_again(next_ns: int, now_ns: int, *, sooner_by_push: bool) -> str:
    """Of what holds many files; without a daemon only a push tries again."""
    if not sooner_by_push:
        return f"it is tried again in {seconds_text(max(0, next_ns - now_ns) / SECOND_NS)}"
    if next_ns <= now_ns:
        return "what holds it is looked into again by the next push, or at once by a daemon"
    seconds = seconds_text((next_ns - now_ns) / SECOND_NS)
    return f"what holds it is looked into again in {seconds}, or by the next push"
