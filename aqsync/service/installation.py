"""The daemon as a service of systemd: written, enabled, started, checked, and taken away again."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from aqsync.config import Config, load_config
from aqsync.errors import ConfigError, ServiceFailed
from aqsync.paths import absolute
from aqsync.service.account import DEFAULT_USER, calling_user, make_default_user, service_user
from aqsync.service.conditions import (
    Say,
    check_as,
    home_of,
    own_command,
    require_ours,
    require_root,
    require_safe,
    require_visible,
)
from aqsync.service.confinement import folders_to_see
from aqsync.service.systemctl import Systemctl
from aqsync.service.unit import Unit
from aqsync.small_file import replace_file

SYSTEM_UNITS = Path("/etc/systemd/system")
_SHOWN = (
    "LoadState",
    "UnitFileState",
    "FragmentPath",
    "ActiveState",
    "SubState",
    "StateChangeTimestamp",
    "StatusText",
    "MainPID",
    "NRestarts",
    "Result",
)
_LAST_LINES = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for.

    Args:
        name: Of the service, without ``.service``.
        user: A service of the calling user; else of the system.
        config: The configuration file.
        run_as: The user of a system service.
    """

    name: str
    user: bool
    config: Path
    run_as: str = DEFAULT_USER


def install(wanted: Wanted, say: Say) -> None:
    """Write the unit, enable and start it, and see whether it runs.

    Args:
        wanted: What is asked for.
        say: Takes a line about each thing that was done.

    Raises:
        ConfigError: The configuration is missing or wrong, for the user of the service.
        ServiceFailed: Something else stands in the way; the message says what.
    """
    systemctl = Systemctl(user=wanted.user)
    version = systemctl.version()
    if not wanted.user:
        require_root()
    file = unit_file(wanted.name, user=wanted.user)
    failed = failed_file(file)
    for each in (file, failed):
        require_ours(each)
    unit, config = planned(wanted)  # before anything is changed
    if not wanted.user and wanted.run_as == DEFAULT_USER and make_default_user(unit.state):
        say(f"made the user {DEFAULT_USER}")
    account = calling_user() if wanted.user else service_user(wanted.run_as)
    check_as(account, unit, say)
    _write(failed, unit.render_failed())
    _write(file, unit.render(version))
    say(f"wrote {file}")
    say(f"wrote {failed}, which tells people when it has failed")
    systemctl("daemon-reload")
    systemctl("enable", unit.file_name)
    occasion = "you log in" if wanted.user else "the machine starts"
    say(f"enabled {unit.file_name}: it starts when {occasion}")
    _start(systemctl, unit, say)
    if wanted.user:
        _say_linger(account.name, say)
    elif config.server.token_file is None and not unit.token_file.exists():
        say(f"no token: if the server wants one, write it into {unit.token_file} (mode 600)")


def planned(wanted: Wanted) -> tuple[Unit, Config]:
    """The unit that `install` would write, and the configuration that it names.

    Raises:
        ConfigError: The configuration is missing or wrong.
        ServiceFailed: The unit could not work.
    """
    command = own_command()
    config_file = absolute(wanted.config)
    unit = Unit(wanted.name, command, config_file, None if wanted.user else wanted.run_as)
    with home_of(unit):
        config = load_config(config_file)
    if not wanted.user:
        require_visible(config, command)
        require_safe(unit, wanted.run_as)
        unit = replace(unit, sees=folders_to_see(config, command))
    folder = config.journal.parent
    if wanted.user or "journal" not in config.model_fields_set or folder.is_relative_to(unit.state):
        return unit, config
    if not folder.is_dir():
        raise ConfigError(
            f"the folder of the journal, {folder}, does not exist",
            hint=f"make it, for the user {unit.run_as} to write in; or leave out `journal`: then"
            f" it is {unit.state / 'journal.db'}",
        )
    return replace(unit, journal_folder=folder), config


def uninstall(name: str, *, user: bool, say: Say) -> None:
    """Stop and disable the service, and remove its unit; nothing else is removed.

    Args:
        name: Of the service, without ``.service``.
        user: A service of the calling user; else of the system.
        say: Takes a line about each thing that was done.

    Raises:
        ServiceFailed: It cannot be done, or the unit is not ours.
    """
    file = unit_file(name, user=user)
    if not file.exists():
        say(f"{file} does not exist: nothing to uninstall")
        return
    failed = failed_file(file)
    for each in (file, failed):
        require_ours(each)
    if not user:
        require_root()
    systemctl = Systemctl(user=user)
    systemctl("disable", "--now", file.name)
    say(f"stopped and disabled {file.name}")
    file.unlink()
    failed.unlink(missing_ok=True)
    systemctl("daemon-reload")
    say(f"removed {file}")
    say("configuration, token, journal and data are as they were")


def status(name: str, *, user: bool, say: Say) -> bool:
    """Say how the service is.

    Args:
        name: Of the service, without ``.service``.
        user: A service of the calling user; else of the system.
        say: Takes the lines.

    Returns:
        Whether it is active.

    Raises:
        ServiceFailed: systemd could not be asked.
    """
    systemctl = Systemctl(user=user)
    unit = f"{name}.service"
    known = systemctl.properties(unit, _SHOWN)
    if known["LoadState"] != "loaded":
        scope = " --user" if user else ""
        say(f"{unit}: not installed ({known['LoadState'] or 'unknown'})")
        say(f"  hint: aqsync service install{scope}")
        return False
    say(f"unit: {known['FragmentPath']}, {known['UnitFileState'] or 'not enabled'}")
    since = known["StateChangeTimestamp"] or "never started"
    say(f"state: {known['ActiveState']} ({known['SubState']}), since {since}")
    if known["StatusText"]:
        say(f"says: {known['StatusText']}")
    if known["MainPID"] not in {"", "0"}:
        say(f"process: {known['MainPID']}, restarts: {known['NRestarts'] or '0'}")
    if known["Result"] not in {"", "success"}:
        say(f"last result: {known['Result']}")
    for line in systemctl.last_lines(unit, _LAST_LINES):
        say(f"  {line}")
    return known["ActiveState"] in {"active", "reloading"}


def unit_file(name: str, *, user: bool) -> Path:
    """Where the unit lies."""
    if not user:
        return SYSTEM_UNITS / f"{name}.service"
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder, "systemd", "user", f"{name}.service")


def failed_file(file: Path) -> Path:
    """Where the unit lies that tells when the one of this file has failed."""
    return file.with_name(f"{file.stem}-failed.service")


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, text.encode(), 0o644)
    except OSError as exc:
        raise ServiceFailed(f"{file} cannot be written: {exc.strerror}") from exc


def _start(systemctl: Systemctl, unit: Unit, say: Say) -> None:
    log = systemctl.journal_command(unit.name)
    try:
        systemctl("restart", unit.file_name)  # returns when the daemon says that it is ready
        systemctl("is-active", "--quiet", unit.file_name)
    except ServiceFailed as exc:
        last = "".join(f"\n{line}" for line in systemctl.last_lines(unit.file_name, _LAST_LINES))
        raise ServiceFailed(
            f"{unit.file_name} is installed, but does not run: {exc.message}{last}",
            hint=f"systemd goes on trying; what it says: {log} -e",
        ) from exc
    say(f"started {unit.file_name}: it is active; what it says: {log}")


def _say_linger(name: str, say: Say) -> None:
    """A user's services end with the last session, unless they linger."""
    try:
        ran = subprocess.run(  # noqa: S603 - our words and our own name
            ["loginctl", "show-user", name, "--property=Linger", "--value"],  # noqa: S607 - any
            capture_output=True,
            text=True,
            check=False,
        )
        lingers = ran.stdout.strip() == "yes"
    except OSError:
        lingers = False
    if not lingers:
        say("it runs while you are logged in; for it to start with the machine and to stay:")
        say(f"  sudo loginctl enable-linger {name}")
