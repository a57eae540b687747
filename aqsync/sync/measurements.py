"""Whether a measurement is complete: a pure rule.

It is complete when any (or all) of the named conditions holds, and nothing in it has changed for
the settle time. So a late change makes it incomplete until that has settled, and what holds then
is asked anew: a sentinel or a newer folder that is still there is enough.
"""

from __future__ import annotations

from typing import NamedTuple

from aqsync.model import (
    SECOND_NS,
    Completeness,
    Conditions,
    EntryKind,
    Explanation,
    MeasurementView,
    Named,
    Needs,
    Reason,
)
from aqsync.wording import duration

LOOKED_AT_NS = 5 * SECOND_NS
"""How soon a measurement is judged again of which not everything was looked at yet."""
ASKED_AGAIN_NS = 10 * SECOND_NS
"""How soon the system is asked again which files are open: a file may be closed without a sign."""


_NO_FILES = {
    EntryKind.SYMLINK: "a symbolic link",
    EntryKind.SPECIAL: "a FIFO, socket or device",
    EntryKind.OTHERS: "a file of another user",
}


class _Condition(NamedTuple):
    met: bool
    words: str
    """What holds, or what is missing."""
    until_ns: int | None = None
    """When it may be met though nothing changes; None: only something new can meet it."""


def completeness(view: MeasurementView, conditions: Conditions, now_ns: int) -> Completeness:
    """Whether a measurement is complete.

    Args:
        view: What is observed of it.
        conditions: What makes it complete.
        now_ns: The wall clock, nanoseconds since 1970.
    """
    folder = view.folder
    # A change "in the future": the clock was set back since.
    changed_ns = min(view.changed_ns, now_ns)

    def incomplete(why: Explanation, words: str, until_ns: int | None = None) -> Completeness:
        return Completeness(
            complete=False, why=why, since_ns=changed_ns, until_ns=until_ns, words=words
        )

    if (trouble := view.trouble) is not None:
        why = Reason.MEASUREMENT_UNREADABLE.explain(
            folder=folder, said=trouble.message, advice=trouble.hint
        )
        return incomplete(why, trouble.message)
    if view.partly:
        why = Reason.MEASUREMENT_CHANGING.explain(folder=folder)
        return incomplete(why, "not all of it has been looked at yet", now_ns + LOOKED_AT_NS)
    settled_ns = changed_ns + conditions.settle_ns
    if now_ns < settled_ns:
        why = Reason.MEASUREMENT_CHANGING.explain(folder=folder)
        return incomplete(why, "something in it has just changed", settled_ns)
    found = _found(view, conditions, changed_ns, now_ns)
    met = [each for each in found if each.met]
    missing = [each for each in found if not each.met]
    if not missing or (met and conditions.needs is Needs.ANY):
        words = "; ".join(each.words for each in met)
        why = Reason.MEASUREMENT_COMPLETE.explain(met=words)
        return Completeness(complete=True, why=why, since_ns=changed_ns, words=words)
    words = "; ".join(each.words for each in missing)
    why = Reason.MEASUREMENT_INCOMPLETE.explain(folder=folder, missing=words)
    return incomplete(why, words, _until(missing, conditions.needs))


def _found(
    view: MeasurementView, conditions: Conditions, changed_ns: int, now_ns: int
) -> list[_Condition]:
    found = []
    if conditions.sentinel:
        found.append(_sentinel(view.sentinel, conditions.sentinel))
    if conditions.newer_sibling:
        newer = view.followed_by is not None
        words = f"{view.followed_by} is newer" if newer else "no folder beside it is newer"
        found.append(_Condition(newer, words))
    if conditions.quiet_ns is not None:
        quiet_s, at_ns = conditions.quiet_ns / SECOND_NS, changed_ns + conditions.quiet_ns
        quiet = now_ns >= at_ns
        words = f"quiet for {'' if quiet else 'less than '}{duration(quiet_s)}"
        found.append(_Condition(quiet, words, at_ns))
    if conditions.closed:
        found.append(_closed(view, changed_ns, now_ns))
    return found


def _sentinel(named: Named | None, names: str) -> _Condition:
    if named is None:
        return _Condition(met=False, words=f"no file {names} is there")
    if not named.counts:
        words = f"no file {names} is there ({named.path} is {_NO_FILES[named.kind]})"
        return _Condition(met=False, words=words)
    return _Condition(met=True, words=f"{named.path} is there")


def _closed(view: MeasurementView, changed_ns: int, now_ns: int) -> _Condition:
    if not view.tells:
        return _Condition(met=False, words="the system does not tell which files are open")
    # What was open before the last change says nothing about its writer.
    if view.asked_ns is None or not changed_ns <= view.asked_ns <= now_ns:
        words = "it is not known yet whether its files are closed"
        return _Condition(met=False, words=words, until_ns=now_ns)
    if view.open_file is not None:
        words = f"{view.open_file} is open for writing"
        return _Condition(met=False, words=words, until_ns=view.asked_ns + ASKED_AGAIN_NS)
    return _Condition(met=True, words="none of its files is open for writing")


def _until(missing: list[_Condition], needs: Needs) -> int | None:
    times = [each.until_ns for each in missing if each.until_ns is not None]
    if needs is Needs.ANY:
        return min(times, default=None)
    return max(times) if len(times) == len(missing) else None
