"""systemd, asked through its commands."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence

from aqsync.errors import ServiceFailed

_OTHER_MEANS = "start `aqsync run` by the means of this system"


class Systemctl:
    """``systemctl`` of the machine, or of the calling user.

    Args:
        user: The user's own systemd.
    """

    def __init__(self, *, user: bool) -> None:
        self._user = user

    def __call__(self, *arguments: str) -> str:
        """Run it.

        Returns:
            What it printed.

        Raises:
            ServiceFailed: There is no systemd, or it refused; says why.
        """
        ran = _run(["systemctl", *self._scope(), "--no-pager", *arguments])
        if ran.returncode == 0:
            return ran.stdout.strip()
        said = "; ".join(ran.stderr.split("\n")).strip("; ") or f"it ended with {ran.returncode}"
        if "not been booted with systemd" in said:
            raise ServiceFailed("this machine does not run systemd", hint=_OTHER_MEANS)
        hint = ""
        if self._user and "connect to" in said and "bus" in said:
            hint = (
                "log in as this user directly, not by su or sudo; on a machine that nobody logs"
                " in to: sudo loginctl enable-linger USER, then set XDG_RUNTIME_DIR=/run/user/UID"
            )
        raise ServiceFailed(f"systemctl {arguments[0]}: {said}", hint=hint)

    def version(self) -> int:
        """The release of systemd, such as 252.

        Raises:
            ServiceFailed: There is no systemd here, or it does not run.
        """
        said = self("show", "--property=Version", "--value")
        found = re.match(r"v?(\d+)", said)
        return int(found[1]) if found else 0

    def properties(self, unit: str, names: Sequence[str]) -> dict[str, str]:
        """What is known of a unit; a unit that is not there has the LoadState ``not-found``.

        Args:
            unit: Such as ``aqsync.service``.
            names: The properties wanted.

        Raises:
            ServiceFailed: systemd could not be asked.
        """
        said = self("show", unit, f"--property={','.join(names)}")
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        return {name: found.get(name, "") for name in names}

    def last_lines(self, unit: str, count: int) -> list[str]:
        """The last lines that the unit wrote to the journal; none if it cannot be read.

        Args:
            unit: Such as ``aqsync.service``.
            count: How many at most.
        """
        which = "--user-unit" if self._user else "--unit"
        command = ["journalctl", which, unit, "--no-pager", "--quiet", "--output", "short-iso"]
        try:
            ran = _run([*command, "--lines", str(count)])
        except ServiceFailed:
            return []
        return ran.stdout.splitlines() if ran.returncode == 0 else []

    def journal_command(self, name: str) -> str:
        """How a person reads what a service writes."""
        return f"journalctl {'--user -u' if self._user else '-u'} {name}"

    def _scope(self) -> list[str]:
        return ["--user"] if self._user else []


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    try:
        return subprocess.run(  # noqa: S603 - our words and a checked name
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as exc:
        raise ServiceFailed(
            f"there is no {command[0]} on this machine, so no systemd",
            hint=_OTHER_MEANS,
        ) from exc
