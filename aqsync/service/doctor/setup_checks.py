"""Configuration, token, and which releases are at work."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

from aqsync import __version__
from aqsync.config.token import read_token
from aqsync.errors import AqsyncError, ConfigError
from aqsync.journal.database import SQLITE_VERSION
from aqsync.service.doctor import open_token
from aqsync.service.doctor.findings import Result, fault, faults_of, ok, skipped, warning
from aqsync.service.doctor.secret_addresses import addresses_of, warnings_about
from aqsync.service.doctor.subject import Subject
from aqsync.service.web.models import DaemonStatus
from aqsync.wording import counted


def look_at_config(subject: Subject) -> Iterator[Result]:
    """Each thing that is wrong in the configuration, line by line."""
    path, loaded = subject.path, subject.loaded
    if isinstance(loaded, ConfigError):
        yield from faults_of(loaded)
    else:
        yield ok(f"{path}: {counted(len(loaded.mappings), 'mapping')}")


def look_at_token(subject: Subject) -> Iterator[Result]:
    """Whether it can be read, and who else could read it on its way."""
    section = subject.section
    subject.require_own_eyes()
    token = read_token(section.token_file, os.environ)
    if token is None:
        yield ok("no token is configured, so none is sent")
    elif said := open_token.danger(section, token):
        yield warning(said, open_token.CURE)
    else:
        yield ok("the token can be read")


def look_at_messages(subject: Subject) -> Iterator[Result]:
    """Whether people can be told, and whether nobody else can read where."""
    config = subject.config
    daemon = subject.daemon
    if isinstance(daemon, DaemonStatus):
        for problem in daemon.not_told:
            yield warning(f"others are not told: {problem}")
    if config.fleet is not None:
        subject.require_own_eyes()
        signed = "signed" if config.fleet.key() is not None else "not signed"
        yield ok(f"the fleet {config.fleet.experiment} is named; its files are {signed}")
    if not config.notify.is_wanted and config.heartbeat is None:
        yield ok("nobody is told when something needs a person: the configuration says nobody")
        return
    subject.require_own_eyes()
    for said, cure in warnings_about(config):
        yield warning(said, cure)
    shown = ", ".join(address.label for address in addresses_of(config))
    yield ok(f"told are: {shown}")


def look_at_versions(subject: Subject) -> Iterator[Result]:
    """The releases here, and whether the daemon is of this one."""
    system = f"{platform.system()} {platform.release()}"
    yield ok(
        f"aqsync {__version__}, Python {platform.python_version()},"
        f" SQLite {SQLITE_VERSION}, {system}"
    )
    if isinstance(subject.loaded, ConfigError):
        return
    daemon = subject.daemon
    if daemon is None or isinstance(daemon, AqsyncError):
        return
    if daemon.version == __version__:
        yield ok(f"the daemon is aqsync {daemon.version} too")
    else:
        yield fault(f"the daemon is aqsync {daemon.version}, and this is {__version__}")


PAGE_HINT = "give another address in `status: {listen: ...}`, then `aqsync reload`"


def look_at_daemon(subject: Subject) -> Iterator[Result]:
    """Whether one runs for this journal, answers, and means the same configuration."""
    daemon = subject.daemon
    if daemon is None:
        yield skipped("no daemon runs: files are uploaded when `aqsync push` is called")
    elif isinstance(daemon, AqsyncError):
        yield from faults_of(daemon)
    elif os.path.realpath(daemon.config) != os.path.realpath(subject.path):
        yield warning(f"the daemon works by another configuration: {daemon.config}")
    else:
        yield ok(f"it answers (process {daemon.process})")
        if daemon.page is not None:
            yield ok(f"its status page is at {daemon.page}; `aqsync open` opens it")
        elif daemon.page_problem is not None:
            yield warning(f"there is no status page: {daemon.page_problem}", PAGE_HINT)
