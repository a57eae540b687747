"""The commands of systemd as small scripts that write down how they are called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_SCRIPT = """#!/bin/sh
echo "${0##*/} $*" >> "$FAKE_SYSTEMD/calls"
name="${0##*/}"
if [ "$name" = systemctl ]; then
    for word; do
        case "$word" in
            -*) ;;
            *) name="systemctl-$word"; break ;;
        esac
    done
fi
[ ! -f "$FAKE_SYSTEMD/$name.out" ] || cat "$FAKE_SYSTEMD/$name.out"
if [ -f "$FAKE_SYSTEMD/$name.fails" ]; then
    cat "$FAKE_SYSTEMD/$name.fails" >&2
    exit 1
fi
"""


class FakeSystemd:
    """Answers as it is told; without that, silently and well.

    Args:
        folder: For the scripts and what they are asked.
    """

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self._folder = folder
        for name in ("systemctl", "journalctl", "loginctl", "systemd-sysusers"):
            script = self.bin / name
            script.write_text(_SCRIPT)
            script.chmod(0o755)
        self.answer("systemctl-show", "252.39-1~deb12u2\n")

    def environment(self, path: str) -> Mapping[str, str]:
        """What a process needs to find it first."""
        return {"PATH": f"{self.bin}:{path}", "FAKE_SYSTEMD": str(self._folder)}

    def answer(self, name: str, text: str) -> None:
        """What a command prints; systemctl's are called ``systemctl-show`` and so on."""
        (self._folder / f"{name}.out").write_text(text)

    def fail(self, name: str, said: str) -> None:
        """A command complains and ends with 1."""
        (self._folder / f"{name}.fails").write_text(said)

    def calls(self) -> list[str]:
        """How they were called since the last question."""
        file = self._folder / "calls"
        if not file.exists():
            return []
        found = file.read_text().splitlines()
        file.unlink()
        return found
