"""A message as it is sent: docs/reference/webhook.md says what each part means."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aqsync.config.notify import On
from aqsync.journal.notices import Notice
from aqsync.local_time import local_text
from aqsync.model import SECOND_NS
from aqsync.service.messages.alarms import Alarm, told
from aqsync.sync.overview import Overview
from aqsync.wording import counted, iso_text, size_text

VERSION = 1
TEST = "test"
_TITLES = {
    On.STUCK: "something is stuck",
    On.SERVER_AWAY: "the server cannot be used",
    On.DISK_LOW: "a disk is nearly full",
    On.STOPPED: "aqsync has stopped",
    On.RECOVERED: "recovered",
}
_LOOK = "More: the status page (`aqsync open`), `aqsync status`, `aqsync doctor`."


@dataclass(frozen=True, slots=True)
class Message:
    """What is told at once."""

    event: str
    """One of `On`, or `TEST`."""
    at_ns: int
    title: str
    text: str
    groups: Sequence[Alarm] = ()
    found: Overview | None = None
    page: str | None = None
    """The address of the status page, which only this machine reaches."""

    def to_json(self) -> str:
        """As it is posted."""
        found = self.found
        content: dict[str, Any] = {
            "version": VERSION,
            "event": self.event,
            "at": iso_text(self.at_ns),
            "host": socket.gethostname(),
            "light": None if found is None else found.light.value,
            "title": f"{socket.gethostname()}: {self.title}",
            "text": self.text,
            "groups": [
                {
                    "mapping": each.mapping or None,
                    "code": each.code,
                    "reason": each.reason,
                    "hint": each.hint,
                    "files": each.files,
                    "actions": each.actions,
                }
                for each in self.groups
            ],
            "mappings": [] if found is None else _mappings(found),
            "page": self.page,
        }
        return json.dumps(content)


def _mappings(found: Overview) -> list[dict[str, Any]]:
    return [
        {
            "name": each.mapping.name,
            "light": each.light.value,
            "files_to_come": each.not_there.files,
            "bytes_to_come": each.not_there.bytes,
            "files_for_person": sum(group.files for group in each.needs_you),
            "actions_for_person": sum(group.actions for group in each.needs_you),
        }
        for each in found.mappings
    ]


def message_of(
    kind: On, some: Sequence[Alarm], found: Overview, page: str | None = None
) -> Message:
    """That alarms have begun."""
    title = _TITLES.get(kind) or f"{_concerned(some)} you"
    return Message(kind.value, found.at_ns, title, f"{told(some)}\n{_LOOK}", some, found, page)


def _concerned(some: Sequence[Alarm]) -> str:
    """What needs somebody, with the verb."""
    counts = {
        "file": sum(each.files for each in some),
        "action": sum(each.actions for each in some),
    }
    words = [counted(number, what) for what, number in counts.items() if number]
    verb = "needs" if sum(counts.values()) <= 1 else "need"
    return f"{' and '.join(words) or 'something'} {verb}"


def message_of_end(over: Iterable[Notice], found: Overview, page: str | None = None) -> Message:
    """That alarms are over."""
    lines = []
    for notice in over:
        since = local_text(notice.told_at_ns / SECOND_NS)
        lines.append(f"- over: {notice.text} (told at {since})")
    text = "\n".join([*lines, f"Now: {standing(found)}."])
    return Message(On.RECOVERED, found.at_ns, _TITLES[On.RECOVERED], text, (), found, page)


def message_of_day(some: Sequence[Alarm], found: Overview, page: str | None = None) -> Message:
    """How everything stands."""
    lines = [f"- {each.mapping.name}: {each.light.value}" for each in found.mappings]
    text = "\n".join([*lines, f"In all: {standing(found)}.", *filter(None, [told(some)])])
    return Message(On.DAILY, found.at_ns, found.light.value, text, some, found, page)


def message_of_stop(why: str, now_ns: int) -> Message:
    """That the daemon has ended."""
    text = f"- {why}\n  what to do: start it again, if that was not meant; see its log"
    return Message(On.STOPPED, now_ns, _TITLES[On.STOPPED], text)


def test_message(now_ns: int) -> Message:
    """To see whether messages arrive."""
    return Message(TEST, now_ns, "a test message", "Messages of aqsync arrive here.")


def standing(found: Overview) -> str:
    """How everything stands, in a line."""
    if not found.to_come_files:
        return found.light.value
    to_come = f"{counted(found.to_come_files, 'file')} ({size_text(found.to_come_bytes)}) to come"
    return f"{found.light.value}, {to_come}"
