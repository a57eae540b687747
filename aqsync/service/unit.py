"""The unit file for this machine: the shipped one, with this machine's paths in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

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
    """

    name: str
    command: Sequence[str]
    config: Path
    run_as: str | None
    journal_folder: Path | None = None

    @property
    def file_name(self) -> str:
        """How systemd calls it."""
        return f"{self.name}.service"

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
        lines = [MARK, f"# Changes belong into a drop-in: {self._edit_command()}"]
        changed = self._changed_lines()
        for line in template(system=self.run_as is not None).splitlines():
            key = line.partition("=")[0]
            lines.append(f"{key}={changed[key]}" if key in changed else line)
            if key == "RestartSec" and (systemd_version or 0) >= STEPS_SINCE:
                lines += ["RestartSteps=5", "RestartMaxDelaySec=5min"]
            if key == "ProtectSystem" and self.journal_folder is not None:
                lines.append(f"ReadWritePaths={quoted(str(self.journal_folder))}")
        return "\n".join(lines) + "\n"

    def _edit_command(self) -> str:
        user = "" if self.run_as is not None else "--user "
        return f"systemctl {user}edit {self.file_name}"

    def _changed_lines(self) -> dict[str, str]:
        config = ["--config", str(self.config)]
        changed = {
            "ExecStart": command_line([*self.command, "run", *config]),
            "ExecReload": command_line([*self.command, "reload", *config]),
        }
        if self.run_as is not None:
            changed |= {
                "User": self.run_as,
                "StateDirectory": self.name,
                "LoadCredential": f"token:{self.token_file}",
            }
        return changed


def template(*, system: bool) -> str:
    """The unit file as it is shipped.

    Args:
        system: The one of a system service; else that of a user's.
    """
    name = "aqsync.service" if system else "aqsync-user.service"
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
