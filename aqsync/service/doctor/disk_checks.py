"""The disks here: room, kinds of file systems, and what may be read and watched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aqsync.config import MappingConfig
from aqsync.errors import AqsyncError, ServiceFailed
from aqsync.local.mounts import kind_at, without_events
from aqsync.local.reach import Reach
from aqsync.local.room import LITTLE, room_at
from aqsync.local.watches import (
    Need,
    inotify_in_use,
    inotify_limits,
    instances_cure,
    limit_cure,
)
from aqsync.service.doctor.findings import Result, Verdict, fault, faults_of, ok, skipped, warning
from aqsync.service.doctor.subject import CannotLook, Subject
from aqsync.wording import duration, printable, size_text

if TYPE_CHECKING:
    from aqsync.service.installed import Installed

_TOO_LITTLE = 100 << 20
"""Bytes that are free."""
_FORGETFUL = {"tmpfs", "ramfs"}
Look = Callable[[MappingConfig], Iterator[Result]]


def look_at_room(subject: Subject) -> Iterator[Result]:
    """Whether the journal can grow, and instruments can write."""

    def look(mapping: MappingConfig) -> Iterator[Result]:
        room = subject.errands.ask(mapping.directory, lambda: room_at(mapping.directory))
        yield room_result(f"the disk of {mapping.name}", *room, ours=False)

    yield from _in_each(subject, look)
    yield room_result("the disk of the journal", *room_at(_nearest(subject.journal)))


def room_result(what: str, free: int, entries: int | None, *, ours: bool = True) -> Result:
    """What the room on a disk means.

    Args:
        what: Which disk.
        free: Bytes.
        entries: How many files more it takes; None: as many as fit.
        ours: Whether aqsync itself writes there.
    """
    if entries == 0:
        message = f"{what} takes no more files: it has no free inodes"
        return fault(message) if ours else warning(message)
    message = f"{what} has {size_text(free)} free"
    if ours and free < _TOO_LITTLE:
        return fault(message)
    return warning(message) if free < LITTLE else ok(message)


def look_at_file_systems(subject: Subject) -> Iterator[Result]:
    """Which kinds there are, and what these can and cannot do."""
    rescans = subject.config.schedule.rescan_without_events

    def look(mapping: MappingConfig) -> Iterator[Result]:
        root = mapping.directory
        kind, deaf = subject.errands.ask(root, lambda: (kind_at(root), without_events(root)))
        message = f"{mapping.name}: {root} lies on {kind or 'an unknown kind'}"
        if deaf is not None:
            message += f"; what other machines change is found by a look every {duration(rescans)}"
        yield ok(message)

    yield from _in_each(subject, look)
    journal = subject.journal
    yield journal_kind_result(kind_at(journal), remote=without_events(journal) is not None)


def journal_kind_result(kind: str | None, *, remote: bool) -> Result:
    """What the kind of the journal's file system means.

    Args:
        kind: As the kernel calls it; None: not known.
        remote: Whether it is a file system of the network or the like.
    """
    message = f"the journal lies on {kind or 'an unknown kind'}"
    cure = "name a file on a local disk as `journal` in the configuration"
    if remote:
        return fault(f"{message}, where locks and memory maps cannot be relied on", cure)
    if kind in _FORGETFUL:
        lost = "which is lost when the machine stops: everything is compared again then"
        return warning(f"{message}, {lost}", cure)
    return ok(message)


def look_at_permissions(subject: Subject) -> Iterator[Result]:
    """Whether each root, and each file in it that is not ignored, can be read."""
    subject.require_own_eyes()
    service = subject.own_service
    if service is not None and service.runs_as_another and not service.reads_everything:
        yield from _as_the_services_user(service, subject.path)
        return
    for mapping in subject.config.mappings:
        reach = subject.reach[mapping.name]
        if isinstance(reach, AqsyncError):
            yield from faults_of(reach)
        else:
            yield permission_result(mapping, reach)


def permission_result(mapping: MappingConfig, reach: Reach) -> Result:
    """What a look below a root means."""
    whole = "" if reach.whole else f"; only the first {reach.entries:,} entries were looked at"
    if reach.closed:
        first = printable(str(mapping.directory / reach.closed[0]))
        more = f" and {len(reach.closed) - 1:,} more" if len(reach.closed) > 1 else ""
        return fault(f"{mapping.name}: {first}{more} cannot be read{whole}")
    return ok(f"{mapping.name}: all that is not ignored can be read{whole}")


def look_at_watches(subject: Subject) -> Iterator[Result]:
    """Whether each directory can have a watch."""
    limits = inotify_limits()
    if limits is None:
        raise CannotLook("this system has no limit of watches")
    directories = roots = 0
    for mapping in subject.config.mappings:
        reach = subject.reach[mapping.name]
        if isinstance(reach, AqsyncError):
            yield skipped(f"{mapping.name}: its directory cannot be looked at")
        elif without_events(mapping.directory) is None:
            directories += reach.directories
            roots += 1
    process = None
    with suppress(CannotLook):
        daemon = subject.daemon
        process = None if daemon is None or isinstance(daemon, AqsyncError) else daemon.process
    used = inotify_in_use(subject.user, process)
    yield from watches_results(Need(directories, roots), limits, used)


def watches_results(need: Need, limits: Need, used: Need) -> Iterator[Result]:
    """What the limits of watches mean.

    Args:
        need: What the daemon needs.
        limits: What a user may have.
        used: What other programs of the user have.
    """
    for what, wanted, limit, others, cure in (
        ("inotify watches", need.watches, limits.watches, used.watches, limit_cure),
        ("inotify instances", need.instances, limits.instances, used.instances, instances_cure),
    ):
        message = (
            f"{what}: the mappings need {wanted:,}; of {limit:,} for this user"
            f" other programs use {others:,}"
        )
        enough = wanted + others <= limit
        yield ok(message) if enough else fault(message, cure(2 * (wanted + others)))


def _in_each(subject: Subject, look: Look) -> Iterator[Result]:
    """Look at each mapping; one that cannot be looked at is a fault of its permissions."""
    for mapping in subject.config.mappings:
        try:
            yield from look(mapping)
        except (AqsyncError, OSError):
            yield skipped(f"{mapping.name}: its directory cannot be looked at")


def _nearest(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.exists())


def _as_the_services_user(service: Installed, config: Path) -> Iterator[Result]:
    """The same check, by a process of that user: root itself may read everything."""
    from aqsync.service.account import service_user  # noqa: PLC0415 - POSIX alone has it
    from aqsync.service.conditions import own_command  # noqa: PLC0415 - the same

    command = [*own_command(), "doctor", "--json", "--only", "permissions"]
    account = service_user(service.run_as or "")
    ran = account.run([*command, "--config", str(config)], service.state)
    try:
        findings = json.loads(ran.stdout)["findings"]
        for found in findings:
            yield Result(Verdict(found["verdict"]), found["message"], found["cure"])
    except (KeyError, TypeError, ValueError) as exc:
        said = ran.stderr.strip().splitlines()
        raise ServiceFailed(
            f"{account.name} cannot look: {said[-1] if said else f'it ended with {ran.returncode}'}"
        ) from exc
