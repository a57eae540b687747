"""``aqsync service``: what its commands take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from aqsync.cli.groups.options import group

app = group("Make the daemon a service of systemd, see how it is, and take it away.")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("it has letters, digits, - and _ only")
    return name


UserOption = Annotated[
    bool, typer.Option("--user", help="A service of your own; else one of the system, by root.")
]
NameOption = Annotated[
    str,
    typer.Option(help="The service's name; a second daemon wants another.", callback=_checked_name),
]


@app.command()
def install(
    *,
    user: UserOption = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            help="The configuration file; else /etc/NAME/config.yaml, and with --user the one"
            " that is found.",
        ),
    ] = None,
    name: NameOption = "aqsync",
    run_as: Annotated[
        str | None,
        typer.Option(
            metavar="USER",
            help="The user of a system service; else aqsync, who is made if missing.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the unit file, and do nothing.")
    ] = False,
) -> None:
    """Write the unit, enable and start it, and see whether it runs.

    The configuration is checked first, as the user of the service. What was installed before is
    replaced and started again.
    """
    from aqsync.cli.commands.service import install as run
    from aqsync.service.account import DEFAULT_USER

    if user and run_as is not None:
        raise typer.BadParameter("a service of your own is yours", param_hint="--run-as")
    raise typer.Exit(run(config, name, user=user, run_as=run_as or DEFAULT_USER, dry_run=dry_run))


@app.command()
def uninstall(*, user: UserOption = False, name: NameOption = "aqsync") -> None:
    """Stop and disable the service, and remove its unit, and nothing else."""
    from aqsync.cli.commands.service import uninstall as run

    raise typer.Exit(run(name, user=user))


@app.command()
def status(*, user: UserOption = False, name: NameOption = "aqsync") -> None:
    """Say how the service is, with the last lines that it wrote; exit status 1 if not active."""
    from aqsync.cli.commands.service import status as run

    raise typer.Exit(run(name, user=user))
