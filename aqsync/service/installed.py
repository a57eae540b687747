"""A service that is installed: what systemd says of it, and the machine as it sees it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aqsync.errors import ServiceFailed
from aqsync.paths import absolute
from aqsync.service.account import calling_user, service_user
from aqsync.service.confinement import SEES
from aqsync.service.systemctl import Systemctl
from aqsync.service.unit import Unit

_ASKED = (
    "LoadState",
    "UnitFileState",
    "FragmentPath",
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "NeedDaemonReload",
    "User",
    "AmbientCapabilities",
    "ExecStart",
)
_CREDENTIALS = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class Installed:
    """A service that systemd knows.

    Args:
        name: Without ``.service``.
        user: Of the calling user; else of the system.
        known: The properties that systemd tells.
    """

    name: str
    user: bool
    known: Mapping[str, str]

    @property
    def run_as(self) -> str | None:
        """Whom a service of the system runs as; None: the calling user."""
        return None if self.user else self.known["User"] or "root"

    @property
    def runs_as_another(self) -> bool:
        """Whether it runs as another user than this process."""
        return self.run_as not in {None, calling_user().name}

    @property
    def reads_everything(self) -> bool:
        """Whether permissions do not bind it, as a drop-in of the unit gives it that right."""
        return "cap_dac_read_search" in self.known["AmbientCapabilities"].lower()

    @property
    def state(self) -> Path:
        """The directory that systemd keeps for a service of the system."""
        return self._unit.state

    @property
    def _unit(self) -> Unit:
        return Unit(self.name, (), Path(), self.run_as)

    def works_by(self, config: Path) -> bool:
        """Whether it was installed for this configuration."""
        return f"--config {absolute(config)} " in f"{self.known['ExecStart']} "

    def command(self, verb: str) -> str:
        """How a person has systemd do something with it."""
        return f"{'systemctl --user' if self.user else 'sudo systemctl'} {verb} {self.name}"

    def shown(self) -> dict[str, str]:
        """The variable of the unit that says which folders the service sees, if there is one."""
        with suppress(OSError, ValueError):
            text = Path(self.known["FragmentPath"]).read_text(encoding="utf-8")
            for line in text.splitlines():
                key, _, value = line.partition("=")
                if key == "Environment" and SEES in value:
                    name, _, folders = shlex.split(value)[0].replace("%%", "%").partition("=")
                    return {name: folders}
        return {}

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """Within, this process has the variables that a service of the system has.

        So root reads its configuration as the service does, finds its journal and its token.

        Raises:
            ServiceFailed: There is no such user.
        """
        variables = {"STATE_DIRECTORY": str(self.state)}
        variables["HOME"] = service_user(self.run_as or "root").home
        if self._unit.token_file.exists():
            variables[_CREDENTIALS] = str(self._unit.token_file.parent)
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def installed_services(name: str) -> list[Installed]:
    """The services of a name: of the system, and of the calling user.

    Raises:
        ServiceFailed: systemd could not be asked.
    """
    found = []
    for user in (False, True):
        try:
            known = Systemctl(user=user).properties(f"{name}.service", _ASKED)
        except ServiceFailed:
            if not user:  # a user may well have no systemd
                raise
            continue
        if known["LoadState"] not in {"", "not-found"}:
            found.append(Installed(name, user, known))
    return found
