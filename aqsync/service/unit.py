"""The unit file for this machine: the shipped one, with this machine's paths in it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from aqsync.service.confinement import SEES, SYSTEM

_SECRETS = (
    *("/run/user", "/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/ssl/private"),
    *("/etc/krb5.keytab", "/etc/pki/tls/private", "/etc/sudoers.d"),
)
"""Of what the system's folders hold, what the service must not read even as root."""

MARK = "# Written by `aqsync service install`, and removed by `aqsync service uninstall`."
"""The first line of a unit file of ours; others are never touched."""

STEPS_SINCE = 254
"""The release of systemd that can wait longer from restart to restart."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What differs from machine to machine.

    Args:
        name: Of the service, without ``.service``.
        command: How aqsync is called: an absolute path, and what comes before the command.
        config: The configuration file; absolute.
        run_as: The user of a system service; None for a service of the calling user.
        journal_folder: Where the configuration wants the journal, if it says so; absolute.
        sees: The folders that a system service sees besides the system's; None: everything.
    """

    name: str
    command: Sequence[str]
    config: Path
    run_as: str | None
    journal_folder: Path | None = None
    sees: Sequence[Path] | None = None

    @property
    def file_name(self) -> str:
        """How systemd calls it."""
        return f"{self.name}.service"

    @property
    def failed_name(self) -> str:
        """The unit that tells people that it has failed."""
        return f"{self.name}-failed.service"

    @property
    def state(self) -> Path:
        """The directory that systemd makes for a system service."""
        return Path("/var/lib", self.name)

    @property
    def token_file(self) -> Path:
        """Where a system service takes its token from."""
        return Path("/etc", self.name, "token")

    def render(self, systemd_version: int | None = None) -> str:
        """Write it out.

        Args:
            systemd_version: The machine's systemd, such as 252; None: any that is supported.

        Returns:
            The text of the unit file.
        """
        lines = self._head(self.file_name)
        for line in self._filled(template(system=self.run_as is not None), self._changed_lines()):
            lines.append(line)
            key = line.partition("=")[0]
            if key == "RestartSec" and (systemd_version or 0) >= STEPS_SINCE:
                lines += ["RestartSteps=5", "RestartMaxDelaySec=5min"]
            if key == "ProtectSystem":
                lines += self._writable() if self.sees is None else self._confined(self.sees)
        return "\n".join(lines) + "\n"

    def render_failed(self) -> str:
        """Write out the unit that tells people that it has failed."""
        changed = {"ExecStart": command_line([*self.command, *self._tell_stopped()])}
        changed |= self._of_system()
        lines = self._head(self.failed_name)
        for line in self._filled(template(system=self.run_as is not None, failed=True), changed):
            lines.append(line)
            if line.startswith("ProtectSystem="):
                lines += self._writable()
        return "\n".join(lines) + "\n"

    def _head(self, name: str) -> list[str]:
        user = "" if self.run_as is not None else "--user "
        return [MARK, f"# Changes belong into a drop-in: systemctl {user}edit {name}"]

    @staticmethod
    def _filled(text: str, changed: Mapping[str, str]) -> Iterator[str]:
        """The lines of a shipped unit, with other values."""
        for line in text.splitlines():
            key = line.partition("=")[0]
            yield f"{key}={changed[key]}" if key in changed else line

    def _tell_stopped(self) -> list[str]:
        return ["notify", "stopped", "--config", str(self.config)]

    def _writable(self) -> list[str]:
        folder = self.journal_folder
        return [] if folder is None else [f"ReadWritePaths={quoted(str(folder))}"]

    def _confined(self, sees: Sequence[Path]) -> list[str]:
        """Nothing but what is named; what is missing at the start is left out."""
        writable = [self.state, *([] if self.journal_folder is None else [self.journal_folder])]
        shown = json.dumps([str(folder) for folder in sees])
        return [
            "# Of the machine it sees this only.",
            "TemporaryFileSystem=/:ro",
            *(f"BindReadOnlyPaths=-{folder}" for folder in SYSTEM),
            *(f"BindReadOnlyPaths=-{_bound(folder)}" for folder in sees),
            *(f"BindPaths=-{_bound(folder)}" for folder in writable),
            *(f"InaccessiblePaths=-{place}" for place in (*_SECRETS, self.token_file)),
            f"Environment={quoted(f'{SEES}={shown}')}",
        ]

    def _changed_lines(self) -> dict[str, str]:
        config = ["--config", str(self.config)]
        changed = {
            "OnFailure": self.failed_name,
            "ExecStart": command_line([*self.command, "run", *config]),
            "ExecReload": command_line([*self.command, "reload", *config]),
            "ExecStopPost": "-" + command_line([*self.command, *self._tell_stopped()]),
        }
        changed |= self._of_system()
        if self.run_as is not None:
            changed["LoadCredential"] = f"token:{self.token_file}"
        if self.sees is not None:
            # The rest is hidden or bound for reading; `strict` would undo that it is hidden.
            changed["ProtectSystem"] = "full"
        return changed

    def _of_system(self) -> dict[str, str]:
        return {} if self.run_as is None else {"User": self.run_as, "StateDirectory": self.name}


def _bound(folder: Path) -> str:
    """A path as systemd reads it where colons separate paths."""
    return re.sub(r"([\s\\\"':;])", r"\\\1", str(folder).replace("%", "%%"))


def template(*, system: bool, failed: bool = False) -> str:
    """The unit file as it is shipped.

    Args:
        system: The one of a system service; else that of a user's.
        failed: The one that tells people that the service has failed.
    """
    name = f"aqsync{'' if system else '-user'}{'-failed' if failed else ''}.service"
    shipped = resources.files("aqsync.service") / "units" / name
    if shipped.is_file():
        return shipped.read_text()
    # In a checkout it lies where a person looks for it.
    return (Path(__file__).parents[2] / "systemd" / name).read_text()


def command_line(words: Sequence[str]) -> str:
    """Words as systemd's ``ExecStart`` wants them: the program, then arguments."""
    program, *arguments = words
    if set(program) & set("\"'\\"):  # systemd takes no such program
        program, arguments = "/usr/bin/env", list(words)
    return " ".join([quoted(program), *(quoted(word).replace("$", "$$") for word in arguments)])


def quoted(word: str) -> str:
    """A word that systemd reads as it stands here."""
    word = word.replace("%", "%%")
    if word and word.isprintable() and not set(word) & set(" \"'\\;"):
        return word
    escaped = "".join(
        f"\\{c}" if c in '"\\' else c if c.isprintable() else _hex_bytes(c) for c in word
    )
    return f'"{escaped}"'


def _hex_bytes(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))
