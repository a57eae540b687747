"""``aqsync check``: is the configuration good, and does the server fit it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import cache, partial

import click

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import ExtensionRecord
from aqsync.cli.config_options import config_option
from aqsync.cli.output import complain, report_error, say
from aqsync.cli.own_experiments import goes_to
from aqsync.cli.starting_server import connect_once_started
from aqsync.clock import SystemClock
from aqsync.config import Config, MappingConfig
from aqsync.config.actions import ActionConfig
from aqsync.errors import AqsyncError, ConfigError, DiskHangs, ExitCode, Forbidden
from aqsync.journal.place import check_journal
from aqsync.local.errands import Errands
from aqsync.local.ignore_file import load_rules
from aqsync.local.roots import root_identity
from aqsync.local.selection import HINT, survey
from aqsync.service.doctor import open_token, token_rights
from aqsync.service.doctor.secret_addresses import addresses_of, warnings_about
from aqsync.sync.action_values import NotRunnable, check_values, manifest_of
from aqsync.wording import counted

_MOST_LOOKED_AT = 20_000
"""How many entries of a mapping are looked at; so many take a tenth of a second."""


class _Findings:
    """Prints what is well and what is not, and keeps the worst exit status."""

    def __init__(self) -> None:
        self.exit_code = ExitCode.OK

    def passes(self, what: str, step: Callable[[], object]) -> bool:
        """Take a step and say how it went."""
        try:
            step()
        except AqsyncError as exc:
            self.failed(exc)
            return False
        say(f"ok: {what}")
        return True

    def failed(self, exc: AqsyncError) -> None:
        """Say what is not well."""
        report_error(exc)
        self.exit_code = max(self.exit_code, exc.exit_code)


@click.command(epilog="Example: aqsync check --online")
@config_option
@click.option("--online", is_flag=True, help="Also ask the server.")
def check(*, config: Config, online: bool) -> ExitCode:
    """Validate the configuration, and with --online what it expects of the server."""
    say(f"ok: {config.path}: {counted(len(config.mappings), 'mapping')}")
    findings = _Findings()
    findings.passes(f"journal {config.journal}", partial(check_journal, config.journal))
    known = findings.passes(_token_text(config), config.token)
    if known:
        _tell_of_open_token(config)
    _check_addresses(config, findings)
    if config.fleet is not None and config.fleet.key_file is not None:
        findings.passes("the key of the fleet can be read", config.fleet.key)
    errands = Errands(SystemClock(), own_threads=True)
    for mapping in config.mappings:
        where = f"{mapping.name}: {mapping.directory} -> {goes_to(mapping)}"
        root = partial(_check_root, mapping)
        if findings.passes(where, partial(errands.ask, mapping.directory, root)):
            with suppress(DiskHangs):  # it answered just now
                errands.ask(mapping.directory, partial(_tell_selection, mapping))
    if online and known:
        with closing(connect_once_started(config)) as server:
            _check_online(config, server, findings)
    return findings.exit_code


def _check_addresses(config: Config, findings: _Findings) -> None:
    """Check the addresses that messages go to; their secrets are never shown."""
    if not config.notify.is_wanted and config.heartbeat is None:
        return
    if findings.passes("the addresses of messages can be read", partial(addresses_of, config)):
        for address in addresses_of(config):
            say(f"  {address.label}")
        for said, cure in warnings_about(config):
            complain(f"warning: {said}")
            complain(f"  hint: {cure}")


def _tell_of_open_token(config: Config) -> None:
    if said := open_token.danger(config.server, config.token()):
        complain(f"warning: {said}")
        complain(f"  hint: {open_token.CURE}")


def _token_text(config: Config) -> str:
    with suppress(ConfigError):
        if config.token() is None:
            return "no token is configured"
    return "the token can be read"


def _check_root(mapping: MappingConfig) -> None:
    root_identity(mapping.directory)
    load_rules(mapping)


def _tell_selection(mapping: MappingConfig) -> None:
    """Print what its patterns leave out: this is not an error, but may not be what was meant."""
    notes = survey(mapping, load_rules(mapping), _MOST_LOOKED_AT).notes()
    for note in notes:
        say(f"  note: {note}")
    if notes:
        say(f"  hint: {HINT}")


def _check_online(config: Config, server: Client, findings: _Findings) -> None:
    wanted = {m.one_experiment for m in config.mappings if m.one_experiment}
    eids = sorted(wanted | ({config.fleet.experiment} if config.fleet is not None else set()))
    url = config.server.url
    answers = f"{url} answers{'' if config.token() is None else ' and accepts the token'}"
    if not findings.passes(answers, lambda: server.find(limit=1)):
        return
    if config.token() is not None:
        _check_rights(server, findings)
    findings.passes(
        "uploads can arrive: their file_name header survives the way", server.check_file_name_header
    )
    for eid, found in server.resolve(eids).items():
        title = "" if found is None else f": {found.title}"
        findings.passes(f"experiment {eid}{title}", lambda e=eid, f=found: _exists(e, f))  # type: ignore[misc]  # bound now
    _check_actions(config, server, findings)


def _check_rights(server: Client, findings: _Findings) -> None:
    """Say what the token may do, where the server tells it."""
    try:
        rights = server.rights()
        if said := token_rights.too_little(rights):
            raise Forbidden(said, hint=token_rights.CURE)
    except AqsyncError as exc:
        findings.failed(exc)
        return
    if said := token_rights.too_much(rights):
        complain(f"warning: {said}")
        complain(f"  hint: {token_rights.CURE}")
    elif rights.scope is not None:
        say(f"ok: {token_rights.ENOUGH}")


def _check_actions(config: Config, server: Client, findings: _Findings) -> None:
    extensions = cache(server.tasks.extensions)
    for mapping in config.mappings:
        for action in mapping.actions:
            what = f"{mapping.name}: the server has the action {action.name} and takes its values"
            findings.passes(what, partial(_check_action, action, extensions))


def _check_action(
    action: ActionConfig, extensions: Callable[[], Sequence[ExtensionRecord]]
) -> None:
    try:
        check_values(action, manifest_of(action, extensions()))
    except NotRunnable as exc:
        raise ConfigError(exc.why.message, hint=exc.why.hint) from exc


def _exists(eid: str, found: object) -> None:
    if found is None:
        raise ConfigError(
            f"the server knows no experiment {eid}",
            hint="create it on the server, or correct `experiment` in the configuration",
        )
