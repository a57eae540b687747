"""``aqsync notify``: messages to people."""

from __future__ import annotations

import os

import click
from pydantic import SecretStr

from aqsync.cli.config_options import config_option
from aqsync.cli.output import report_error, say
from aqsync.clock import SystemClock
from aqsync.config import Config
from aqsync.config.notify import Address, On, checked_address, labelled
from aqsync.errors import ConfigError, ExitCode
from aqsync.service.messages.at_once import AtOnce
from aqsync.service.messages.last_message import tell_end
from aqsync.service.messages.message import test_message
from aqsync.service.messages.stop_mark import StopMark

_LONGEST_S = 10.0
"""systemd waits for the command."""
_ADD = "name one as `notify: {urls: [...]}` in the configuration, or by --url"


@click.group(epilog="Example: aqsync notify test")
def notify() -> None:
    """Send messages to the addresses that the configuration names."""


@notify.command(epilog="Example: aqsync notify test")
@config_option
@click.option("--url", metavar="URL", help="This address instead of those in the configuration.")
def test(*, config: Config, url: str | None) -> ExitCode:
    """Send a test message to each address, and say what came of it.

    Exit status: 1 if one did not take it.
    """
    addresses = config.notify.addresses() if url is None else _named(url)
    if not addresses:
        raise ConfigError("there is no address for messages", hint=_ADD)
    sending = AtOnce(addresses, test_message(SystemClock().now_ns()))
    failed = 0
    for label, problem in sending.wait().items():
        if problem is None:
            say(f"ok: {label} has taken the message")
        else:
            report_error(problem)
            failed += 1
    return ExitCode.INCOMPLETE if failed else ExitCode.OK


@notify.command(epilog="Example: aqsync notify stopped")
@config_option
def stopped(*, config: Config) -> ExitCode:
    """Tell that the daemon has ended, if it could not tell so itself.

    systemd runs this when the service ends. It sends nothing after an end in good order. It also
    sends nothing if it sent a message before and the service has not run well since.
    """
    wanted = config.notify
    result = os.environ.get("SERVICE_RESULT") or os.environ.get("MONITOR_SERVICE_RESULT")
    if result == "success" or On.STOPPED not in wanted.on:
        return ExitCode.OK
    addresses = wanted.addresses()
    why = "the daemon has ended"
    why += f", and systemd says: {result}" if result else ""
    sending = (
        tell_end(addresses, StopMark(config.journal), why, SystemClock()) if addresses else None
    )
    failed = False
    for problem in (sending.wait(_LONGEST_S) if sending is not None else {}).values():
        if problem is not None:
            report_error(problem)
            failed = True
    return ExitCode.INCOMPLETE if failed else ExitCode.OK


def _named(url: str) -> list[Address]:
    try:
        return labelled([checked_address(SecretStr(url))])
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--url") from None
