"""``aqsync service``: the daemon as a service of systemd."""

from __future__ import annotations

import re
from pathlib import Path

import click

from aqsync.cli.local_path import PATH
from aqsync.cli.output import say
from aqsync.config import find_config
from aqsync.errors import ExitCode
from aqsync.service import installation
from aqsync.service.account import DEFAULT_USER

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _checked_name(_context: click.Context, _option: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise click.BadParameter("it has letters, digits, - and _ only")
    return name


user_option = click.option(
    "--user",
    is_flag=True,
    help="A service of your own; by default one of the system, by root.",
)
name_option = click.option(
    "--name",
    default="aqsync",
    show_default=True,
    callback=_checked_name,
    help="The service's name; a second daemon needs another.",
)


@click.group(epilog="Example: aqsync service status")
def service() -> None:
    """Make the daemon a service of systemd, see how it is, and take it away."""


@service.command(epilog="Example: aqsync service install --user")
@user_option
@click.option(
    "--config",
    "-c",
    type=PATH,
    help="The configuration file; by default /etc/NAME/config.yaml, and with --user the one that"
    " is found.",
)
@name_option
@click.option(
    "--run-as",
    metavar="USER",
    help="The user of a system service; by default aqsync, which is made if missing.",
)
@click.option("--dry-run", is_flag=True, help="Print the unit files, and do nothing.")
def install(
    *, user: bool, config: Path | None, name: str, run_as: str | None, dry_run: bool
) -> ExitCode:
    """Write the unit, enable and start it, and see whether it runs.

    The configuration is checked first, as the user of the service. What was installed before is
    replaced and started again.
    """
    if user and run_as is not None:
        raise click.BadParameter("a service of your own runs as you", param_hint="--run-as")
    if not user and config is None:
        config = Path("/etc", name, "config.yaml")
    wanted = installation.Wanted(name, user, find_config(config), run_as or DEFAULT_USER)
    if dry_run:
        unit, _ = installation.planned(wanted)
        for line in (*unit.render().splitlines(), "", *unit.render_failed().splitlines()):
            say(line)
    else:
        installation.install(wanted, say)
    return ExitCode.OK


@service.command(epilog="Example: aqsync service uninstall --user")
@user_option
@name_option
def uninstall(*, user: bool, name: str) -> ExitCode:
    """Stop and disable the service, and remove its unit.

    Nothing else is removed.
    """
    installation.uninstall(name, user=user, say=say)
    return ExitCode.OK


@service.command(epilog="Example: aqsync service status --user")
@user_option
@name_option
def status(*, user: bool, name: str) -> ExitCode:
    """Say how the service is, with the last lines that it wrote.

    Exit status: 1 if it is not active.
    """
    active = installation.status(name, user=user, say=say)
    return ExitCode.OK if active else ExitCode.INCOMPLETE
