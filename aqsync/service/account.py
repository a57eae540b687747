"""Who a system service runs as, and what that user can do."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aqsync.errors import ServiceFailed

DEFAULT_USER = "aqsync"
_LONGEST_RUN_S = 120


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine.

    Args:
        name: As in the list of users.
        home: The home folder.
        uid: What a process must become to be this user; None: it is already. The same for
        gid: the group, and
        groups: all groups.
    """

    name: str
    home: str
    uid: int | None = None
    gid: int | None = None
    groups: Sequence[int] | None = None

    def run(self, command: Sequence[str], state: Path | None) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in an environment such as systemd gives.

        Args:
            command: The command and its arguments.
            state: The service's state directory, if systemd gives it one.

        Raises:
            ServiceFailed: This user cannot run it.
        """
        environment = {
            "HOME": self.home,
            "USER": self.name,
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
        }
        if state is not None:
            environment["STATE_DIRECTORY"] = str(state)
        try:
            return subprocess.run(  # noqa: S603 - aqsync itself
                command,
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LONGEST_RUN_S,
                check=False,
                user=self.uid,
                group=self.gid,
                extra_groups=self.groups,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise ServiceFailed(
                f"the user {self.name} cannot run {command[0]}: {exc}",
                hint="install aqsync where every user may read it, such as in /opt/aqsync"
                " (python3 -m venv /opt/aqsync), or run it as another user: --run-as",
            ) from exc


def calling_user() -> Account:
    """Who runs this process."""
    found = pwd.getpwuid(os.geteuid())
    return Account(found.pw_name, found.pw_dir)


def service_user(name: str) -> Account:
    """A user that root can become.

    Args:
        name: Of a user that exists.

    Raises:
        ServiceFailed: There is no such user.
    """
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise ServiceFailed(
            f"there is no user {name} on this machine", hint=f"useradd --system {name}"
        ) from None
    groups = os.getgrouplist(found.pw_name, found.pw_gid)
    return Account(found.pw_name, found.pw_dir, found.pw_uid, found.pw_gid, groups)


def make_default_user(home: Path) -> bool:
    """Make the user that system services run as, unless it is there.

    Args:
        home: Its home folder, which is not made here.

    Returns:
        Whether it was made.

    Raises:
        ServiceFailed: It cannot be made.
    """
    try:
        pwd.getpwnam(DEFAULT_USER)
    except KeyError:
        pass
    else:
        return False
    line = f'u {DEFAULT_USER} - "Uploads files to Aqueduct" {home}'
    try:
        ran = subprocess.run(  # noqa: S603 - constant words and a path without blanks
            ["systemd-sysusers", "--inline", line],  # noqa: S607 - wherever it lies
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        said = ran.stderr.strip() if ran.returncode else ""
    except OSError as exc:
        said = str(exc)
    if said:
        raise ServiceFailed(
            f"the user {DEFAULT_USER} could not be made: {said}",
            hint=f"useradd --system --home-dir {home} --shell /usr/sbin/nologin {DEFAULT_USER}",
        )
    return True
