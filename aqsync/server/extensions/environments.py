"""A virtual environment for each extension, made when it is first needed."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
import threading
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from aqsync.server.extensions.process import Outcome, StopRequest, run
from aqsync.server.extensions.variables import installer_variables

_REQUIREMENTS = "requirements.txt"
_PROJECT = "pyproject.toml"
_WAIT_SECONDS = 0.1


class EnvironmentFailed(Exception):
    """An environment could not be made; the text has the output of the commands."""


class Environments:
    """The virtual environments, in one directory. Any thread may call.

    Each lies in a directory of its own, and a link leads to it once it is complete: its programs
    name their interpreter by path, so that it cannot be moved into place. The link's name holds
    digests of the extension's folder and of the files that the environment is made from; when
    these change, another one is made. The next start removes what a crash left half done, and all
    environments of a folder but the one that was used last.

    Args:
        folder: Holds nothing else; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._tidy_up()

    def python_of(self, extension: Path, stop: StopRequest) -> Path | None:
        """Return the interpreter of an extension's environment, and make that if it is missing.

        Args:
            extension: The folder of the extension.
            stop: Ends the making early.

        Returns:
            None if it was stopped.

        Raises:
            EnvironmentFailed: The environment cannot be made.
        """
        link = self._folder / _name_of(extension)
        python = link / "bin" / "python"
        making = self._making[link.name]
        while not making.acquire(timeout=_WAIT_SECONDS):
            if stop.asked:
                return None
        try:
            if not python.exists() and not self._make(extension, link, stop):
                return None
            os.utime(link, follow_symlinks=False)
        except OSError as exc:
            raise EnvironmentFailed(f"{exc.strerror}: {exc.filename}") from exc
        finally:
            making.release()
        return python

    def _make(self, extension: Path, link: Path, stop: StopRequest) -> bool:
        home = link.with_name(f"{link.name}.{secrets.token_hex(4)}")
        try:
            for command in _commands(extension, home):
                if stop.asked:  # a short command could end before its first signal
                    return False
                done = run(command, folder=extension, variables=installer_variables(), stop=stop)
                if done.stopped:
                    return False
                if done.code:
                    raise EnvironmentFailed(_failure_text(command, done))
            new = home.with_name(f"{home.name}.link")
            new.symlink_to(home.name)
            new.replace(link)
        finally:
            if not link.exists() or link.readlink().name != home.name:
                shutil.rmtree(home, ignore_errors=True)
        return True

    def _tidy_up(self) -> None:
        newest: dict[str, Path] = {}
        for link in sorted(self._folder.iterdir(), key=lambda path: path.lstat().st_mtime_ns):
            if link.is_symlink() and link.exists() and not link.name.endswith(".link"):
                newest[link.name.partition("-")[0]] = link
        kept = {name for link in newest.values() for name in (link.name, link.readlink().name)}
        for path in self._folder.iterdir():
            if path.name in kept:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _commands(extension: Path, home: Path) -> Iterator[list[str | Path]]:
    requirements = (extension / _REQUIREMENTS).is_file()
    project = _is_project(extension / _PROJECT)
    without_pip = [] if requirements or project else ["--without-pip"]
    yield [sys.executable, "-I", "-m", "venv", *without_pip, home]
    install: list[str | Path] = [home / "bin" / "python", "-I", "-m", "pip", "install"]
    if requirements:
        yield [*install, "--requirement", extension / _REQUIREMENTS]
    if project:
        yield [*install, extension]


def _is_project(file: Path) -> bool:
    """The file may also hold nothing but the settings of tools."""
    if not file.is_file():
        return False
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return True  # the installer tells what is wrong with it
    return "project" in content or "build-system" in content


def _name_of(extension: Path) -> str:
    digest = hashlib.sha256(repr((sys.base_prefix, sys.version_info[:2])).encode())
    for name in (_REQUIREMENTS, _PROJECT):
        file = extension / name
        digest.update(repr(file.read_bytes() if file.is_file() else None).encode())
    folder = hashlib.sha256(os.fsencode(extension)).hexdigest()
    return f"{folder[:16]}-{digest.hexdigest()[:16]}"


def _failure_text(command: list[str | Path], done: Outcome) -> str:
    shown = " ".join(str(part) for part in command)
    return f"{shown}\nended with exit code {done.code}\n{done.out}{done.err}"
