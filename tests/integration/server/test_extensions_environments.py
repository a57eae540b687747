"""Virtual environments of extensions: made once, made anew, never half made."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from aqsync.server.extensions.environments import EnvironmentFailed, Environments
from aqsync.server.extensions.process import StopRequest
from tests.support.extensions import wait_for
from tests.support.packages import make_project, make_wheel
from tests.support.patience import HANG_S


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    folder = tmp_path / "an extension"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "environments"


def made(environments: Environments, extension: Path) -> Path:
    python = environments.python_of(extension, StopRequest())
    assert python is not None
    return python


def says(python: Path, source: str) -> str:
    return subprocess.check_output([python, "-I", "-c", source], text=True).strip()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_extension_has_an_interpreter_of_its_own(folder: Path, extension: Path) -> None:
    environments = Environments(folder)
    python = made(environments, extension)
    assert says(python, "import sys; print(sys.prefix)") == str(python.parent.parent)
    assert says(python, "import sys; print(sys.prefix != sys.base_prefix)") == "True"
    assert made(environments, extension) == python
    other = extension.with_name("another")
    other.mkdir()
    assert made(environments, other) != python
    assert len(names(folder)) == 4  # two, each with a link to it


def test_a_project_is_made_only_of_what_is_one(folder: Path, extension: Path) -> None:
    (extension / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    python = made(Environments(folder), extension)
    assert not (python.parent / "pip").exists()


@pytest.mark.long
def test_requirements_are_installed_once_and_again_when_they_change(
    folder: Path, extension: Path
) -> None:
    make_wheel(extension, "needed", "1.0", "VALUE = 'first'")
    (extension / "requirements.txt").write_text("./needed-1.0-py3-none-any.whl\n")
    # What lies beside the requirements is not mistaken for what installs them.
    (extension / "zipfile.py").write_text("raise SystemExit('not this one')")
    environments = Environments(folder)
    python = made(environments, extension)
    assert says(python, "import needed; print(needed.VALUE)") == "first"
    make_wheel(extension, "needed", "1.0", "VALUE = 'not installed again'")
    assert made(environments, extension) == python
    assert says(python, "import needed; print(needed.VALUE)") == "first"

    (extension / "requirements.txt").write_text("# nothing more\n")
    newer = made(environments, extension)
    assert newer != python
    with pytest.raises(subprocess.CalledProcessError):
        says(newer, "import needed")
    # A task may still run in the older one; it goes at the next start.
    assert python.exists()
    again = Environments(folder)
    assert not python.exists()
    assert made(again, extension) == newer
    assert len(names(folder)) == 2


@pytest.mark.long
def test_a_project_is_installed_without_the_secrets_of_the_server(
    folder: Path, extension: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQSYNC_API_TOKEN", "a secret")
    monkeypatch.setenv("PIP_NO_COLOR", "1")
    make_project(extension, "VALUE = 'of the project'")
    seen = extension / "seen"
    with (extension / "backend.py").open("a") as backend:
        backend.write(f"\nimport os; open({str(seen)!r}, 'w').write(repr(dict(os.environ)))\n")
    python = made(Environments(folder), extension)
    assert says(python, "import own; print(own.VALUE)") == "of the project"
    assert "a secret" not in seen.read_text()
    assert "PIP_NO_COLOR" in seen.read_text()


@pytest.mark.long
def test_what_fails_is_told_and_leaves_nothing(folder: Path, extension: Path) -> None:
    (extension / "requirements.txt").write_text("./missing-1.0-py3-none-any.whl\n")
    environments = Environments(folder)
    with pytest.raises(EnvironmentFailed) as caught:
        environments.python_of(extension, StopRequest())
    assert "ended with exit code 1" in str(caught.value)
    assert "missing-1.0-py3-none-any.whl" in str(caught.value)
    assert names(folder) == []
    # It is tried again the next time.
    (extension / "requirements.txt").unlink()
    made(environments, extension)


def test_a_folder_that_is_gone(folder: Path, extension: Path) -> None:
    extension.rmdir()
    with pytest.raises(EnvironmentFailed, match="No such file or directory"):
        Environments(folder).python_of(extension, StopRequest())
    assert names(folder) == []


def test_making_is_stopped(folder: Path, extension: Path) -> None:
    stop = StopRequest()
    stop.ask(0)
    assert Environments(folder).python_of(extension, stop) is None
    assert names(folder) == []


@pytest.mark.long
def test_who_waits_for_another_to_make_it_can_be_stopped(folder: Path, extension: Path) -> None:
    make_project(extension, "")
    slow = f"open({str(extension / 'begun')!r}, 'w').write('.\\n')\nimport time\ntime.sleep(600)\n"
    (extension / "backend.py").write_text(slow)
    environments = Environments(folder)
    maker_stop, waiter_stop = StopRequest(), StopRequest()
    outcomes: list[Path | None] = []
    maker = threading.Thread(
        target=lambda: outcomes.append(environments.python_of(extension, maker_stop))
    )
    maker.start()
    wait_for(extension / "begun")
    waiter_stop.ask(0)
    assert environments.python_of(extension, waiter_stop) is None
    assert outcomes == []
    maker_stop.ask(0.1)
    maker.join(HANG_S)
    assert outcomes == [None]
    assert names(folder) == []


def test_what_a_crash_left_half_done_goes_at_the_next_start(folder: Path, extension: Path) -> None:
    python = made(Environments(folder), extension)
    link = python.parent.parent
    whole = names(folder)
    (folder / f"{link.name}.0123abcd" / "bin").mkdir(parents=True)
    (folder / f"{link.name}.0123abcd.link").symlink_to(f"{link.name}.0123abcd")
    (folder / "0123456789abcdef-0123456789abcdef").symlink_to("gone")
    (folder / "a file").write_text("")
    Environments(folder)
    assert says(python, "print(1)") == "1"
    assert names(folder) == whole


def test_an_interpreter_that_is_gone_is_replaced(folder: Path, extension: Path) -> None:
    environments = Environments(folder)
    python = made(environments, extension)
    python.unlink()
    assert says(made(environments, extension), "print(1)") == "1"
