"""``aqsync open``: the status page of the running daemon."""

from __future__ import annotations

import webbrowser

import click

from aqsync.cli.config_options import config_option
from aqsync.cli.output import say
from aqsync.cli.through_daemon import through_daemon
from aqsync.config import Config
from aqsync.errors import AqsyncError, ExitCode, NoDaemon
from aqsync.service.doctor.setup_checks import PAGE_HINT
from aqsync.service.page.gate import ENTER
from aqsync.service.page.secret import read_token, token_path
from aqsync.service.web.local_socket import socket_path

_NO_BROWSER = "open the address that `aqsync open --print` prints in a browser on this machine"


@click.command("open", epilog="Example: aqsync open")
@config_option
@click.option(
    "--print", "only_print", is_flag=True, help="Print the address, which lets its reader in."
)
def open(*, config: Config, only_print: bool) -> ExitCode:  # noqa: A001 - the command's name
    """Open the daemon's status page: is everything up there, and if not, why?

    The page is served to this machine alone, and only to whom this command lets in.
    """
    status = through_daemon(config.journal, lambda daemon: daemon.status())
    if status is None:
        raise NoDaemon("no daemon is running", hint="start it: `aqsync run`, or `aqsync service`")
    path = token_path(socket_path(config.journal))
    token = read_token(path)
    if status.page_problem is not None:
        raise AqsyncError(f"there is no status page: {status.page_problem}", hint=PAGE_HINT)
    if status.page is None or token is None:
        raise AqsyncError(
            "the daemon serves no status page",
            hint="give `status: {listen: 127.0.0.1:8384}` in the configuration, then"
            " `aqsync reload`",
        )
    address = f"{status.page.rstrip('/')}{ENTER}?token={token}"
    if only_print:
        say(address)
    elif not webbrowser.open(address):
        raise AqsyncError("no browser could be opened", hint=_NO_BROWSER)
    return ExitCode.OK
