"""The service of systemd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aqsync.errors import ConfigError, ServiceFailed
from aqsync.service.doctor.findings import Result, fault, ok, warning
from aqsync.service.doctor.subject import CannotLook, Subject

if TYPE_CHECKING:
    from aqsync.service.installed import Installed


def look_at_service(subject: Subject) -> Iterator[Result]:
    """Whether it runs, starts with the machine, and works by this configuration."""
    if isinstance(subject.services, ServiceFailed):
        raise CannotLook(subject.services.message)
    found = subject.service
    if found is None:
        raise CannotLook("no service is installed; `aqsync service install` makes one")
    yield state_result(found)
    yield from _installation(found)
    if subject.own_service is None:
        yield warning(
            f"{found.name}.service works by another configuration",
            "name that one by --config, or install the service for this one:"
            " aqsync service install --config FILE",
        )
    elif not isinstance(subject.loaded, ConfigError):
        yield from _unseen(subject, found)


def state_result(found: Installed) -> Result:
    """What the states of a unit mean."""
    unit, known = f"{found.name}.service", found.known
    if known["LoadState"] != "loaded":
        return fault(
            f"{unit} cannot be loaded ({known['LoadState']})",
            "see `systemctl status`; `aqsync service install` writes the unit again",
        )
    if known["ActiveState"] in {"active", "reloading"}:
        restarts = known["NRestarts"]
        after = "" if restarts in {"", "0"} else f", after {restarts} restarts"
        return ok(f"{unit} is active{after}")
    if known["SubState"] == "auto-restart":
        return fault(f"{unit} ends again and again ({known['Result']}), and is started again")
    if known["ActiveState"] == "activating":
        return warning(f"{unit} is starting", "look again in a minute")
    failed = f" ({known['Result']})" if known["Result"] not in {"", "success"} else ""
    return fault(
        f"{unit} does not run: it is {known['ActiveState']}{failed}",
        f"see what it said: `aqsync service status`; start it: `{found.command('start')}`",
    )


def _installation(found: Installed) -> Iterator[Result]:
    unit, known = f"{found.name}.service", found.known
    if known["UnitFileState"] not in {"enabled", "enabled-runtime", "static", "linked"}:
        yield warning(f"{unit} does not start by itself", f"`{found.command('enable')}`")
    if known["NeedDaemonReload"] == "yes":
        yield warning(
            f"the unit file of {unit} has changed since it was loaded",
            f"`{found.command('daemon-reload').removesuffix(f' {found.name}')}`, then"
            f" `{found.command('restart')}`",
        )


def _unseen(subject: Subject, found: Installed) -> Iterator[Result]:
    from aqsync.service.confinement import unseen_roots  # noqa: PLC0415 - with a service only

    for root in unseen_roots(subject.config, found.shown()):
        yield fault(
            f"{found.name}.service does not see {root}: it was installed before that was mapped",
            "sudo aqsync service install",
        )
