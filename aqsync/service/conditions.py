"""What must be so before the daemon can be a service; the words for people when it is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from aqsync.config import Config
from aqsync.errors import ConfigError, ExitCode, ServiceFailed
from aqsync.service.account import Account, service_user
from aqsync.service.unit import MARK, Unit
from aqsync.trust import distrust_from_the_top

Say = Callable[[str], None]
"""Takes a line about what was done or found."""
_OWN_TMP = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - named, not used


def own_command() -> list[str]:
    """How this aqsync is called, from anywhere."""
    called = Path(sys.argv[0]).absolute()
    if called.name == "aqsync" and called.is_file() and os.access(called, os.X_OK):
        return [str(called)]
    return [sys.executable, "-m", "aqsync"]


def require_root() -> None:
    """Only root writes a unit of the system.

    Raises:
        ServiceFailed: Somebody else calls.
    """
    if os.geteuid() != 0:
        raise ServiceFailed(
            "a service of the system is root's matter",
            hint="call it with sudo, or with --user for a service of your own",
        )


def require_ours(file: Path) -> None:
    """Not a unit that a person or a package wrote; one that is not there is fine.

    Raises:
        ServiceFailed: It is another's, or cannot be read.
    """
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise ServiceFailed(f"{file} cannot be read: {exc.strerror}") from exc
    if not text.startswith(MARK):
        raise ServiceFailed(
            f"{file} was not written by `aqsync service install`, so it stays as it is",
            hint="manage it by systemctl, or move it away first",
        )


def require_visible(config: Config, command: Sequence[str]) -> None:
    """Nothing below ``/tmp``: the unit has one of its own.

    Raises:
        ServiceFailed: Something is.
    """
    needed = [("aqsync", Path(command[0])), ("the configuration", config.path)]
    needed += [(f"the directory of {m.name}", m.directory) for m in config.mappings]
    for what, path in needed:
        if any(path.is_relative_to(tmp) for tmp in _OWN_TMP):
            raise ServiceFailed(
                f"{what} lies in {path}, and a service sees a /tmp and /var/tmp of its own",
                hint="move it elsewhere, or write your own unit without PrivateTmp",
            )


def require_safe(unit: Unit, run_as: str) -> None:
    """See that only root, or the user whom it runs as, can change what root has systemd run.

    Raises:
        ServiceFailed: Somebody else can change the program, what it imports or the configuration.
    """
    users = {0}
    with suppress(ServiceFailed):  # the default user may not be there yet, and owns nothing then
        users.add(service_user(run_as).uid or 0)
    modules = [Path(place).absolute() for place in sys.path if place]
    needed = [Path(unit.command[0]), Path(sys.executable), Path(__file__), *modules, unit.config]
    for path in needed:
        try:
            why = distrust_from_the_top(path, users)
        except OSError as exc:
            why = f"{path} cannot be looked at: {exc.strerror}"
        if why is not None:
            raise ServiceFailed(
                f"others can change {path}, and a service of the system would obey it: {why}",
                hint="let root own it and every folder above (install aqsync in /opt/aqsync, put"
                f" the configuration into /etc/{unit.name}), or run the service as its owner:"
                " --run-as",
            )


@contextmanager
def home_of(unit: Unit) -> Iterator[None]:
    """Within, ``~`` is the home folder of the user of the service, who may not be there yet."""
    if unit.run_as is None:
        yield
        return
    before = os.environ.get("HOME")
    try:
        home = service_user(unit.run_as).home
    except ServiceFailed:
        home = str(unit.state)
    os.environ["HOME"] = home
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("HOME", None)
        else:
            os.environ["HOME"] = before


def check_as(account: Account, unit: Unit, say: Say) -> None:
    """Call `aqsync check` as the user of the service.

    Raises:
        ConfigError: The daemon could not start with this configuration.
        ServiceFailed: The user cannot even call aqsync.
    """
    state = None if unit.run_as is None else unit.state
    ran = account.run([*unit.command, "check", "--config", str(unit.config)], state)
    problems = [line.removeprefix("error: ") for line in ran.stderr.splitlines() if line]
    if ran.returncode == 0:
        say(f"checked the configuration {unit.config} as {account.name}")
        for line in problems:  # such as a warning
            say(f"  {line}")
    elif ran.returncode == ExitCode.INCOMPLETE and problems:
        say(f"checked the configuration {unit.config} as {account.name}, with problems:")
        for line in problems:
            say(f"  {line}")
    else:
        told = "\n".join(problems) or f"it ended with {ran.returncode}"
        raise ConfigError(
            f"`aqsync check`, run as {account.name}:\n{told}",
            hint=f"correct it, and see: aqsync check --config {unit.config}",
        )
