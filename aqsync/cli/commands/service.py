"""``aqsync service``: the daemon as a service of systemd."""

from __future__ import annotations

from pathlib import Path

from aqsync.cli.output import say
from aqsync.config import find_config
from aqsync.errors import ExitCode
from aqsync.service import installation
from aqsync.service.installation import Wanted


def install(config: Path | None, name: str, *, user: bool, run_as: str, dry_run: bool) -> ExitCode:
    """Run the command.

    Raises:
        ConfigError: The configuration is missing or wrong.
        ServiceFailed: Something else stands in the way.
    """
    if not user and config is None:
        config = Path("/etc", name, "config.yaml")
    wanted = Wanted(name, user, find_config(config), run_as)
    if dry_run:
        unit, _ = installation.planned(wanted)
        for line in unit.render().splitlines():
            say(line)
    else:
        installation.install(wanted, say)
    return ExitCode.OK


def uninstall(name: str, *, user: bool) -> ExitCode:
    """Run the command.

    Raises:
        ServiceFailed: It cannot be done.
    """
    installation.uninstall(name, user=user, say=say)
    return ExitCode.OK


def status(name: str, *, user: bool) -> ExitCode:
    """Run the command.

    Raises:
        ServiceFailed: systemd could not be asked.
    """
    active = installation.status(name, user=user, say=say)
    return ExitCode.OK if active else ExitCode.INCOMPLETE
