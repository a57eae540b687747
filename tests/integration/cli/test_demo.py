"""`aqsync demo`, run for real: its own server, real pushes, and a check that can fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aqsync.cli.commands import demo as command
from aqsync.demo.processes import run as real_run
from aqsync.errors import ConfigError, ExitCode
from tests.support import warm
from tests.support.length import long_but
from tests.support.patience import HANG_S


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """The folder for temporary files; nothing of ours may be left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own folder's µ"
    (folder / "2026-11-23" / "#1_rabi").mkdir(parents=True)
    (folder / "2026-11-23" / "#1_rabi" / "iq.csv").write_text("1,2\n")
    (folder / "__complete__.tag").touch()
    (folder / "notes.tmp").write_text("not selected")
    (folder / "link").symlink_to("notes.tmp")
    Path(os.fsdecode(os.fsencode(folder) + b"/no-utf8-\xff.dat")).write_bytes(b"\0" * 70_000)
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every entry with what would change if somebody wrote to it."""
    places = [folder, *folder.rglob("*")]
    states = ((str(place), place.lstat()) for place in places)
    return {place: (s.st_size, s.st_mtime_ns, s.st_ctime_ns) for place, s in states}


def environment(temporary: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary), "AQSYNC_API_TOKEN": "another server's", **more}


def demo(temporary: Path, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return warm.run(
        [sys.executable, "-m", "aqsync", "demo", *map(str, arguments)],
        env=environment(temporary, **more),
    )


def demo_here(folder: Path) -> object:
    """In this process; returns the exit status."""
    return command.demo.main([str(folder)], standalone_mode=False)


def test_the_sample_arrives_whole(temporary: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aqsync", "demo"],
        env=environment(temporary),
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "$ aqsync push --config " in done.stdout
    assert "uploaded " in done.stderr
    assert "  raw~adc_traces.npy" in done.stdout
    assert "~still pressure in µbar.csv" in done.stdout
    assert "~__complete__.tag" in done.stdout
    assert "~=237_resonator_spectroscopy_142233~quam_state~state.json" in done.stdout
    assert ".part" not in done.stdout
    for tag in ("cooldown", "qubit:q1", "qubit:q2", "measurement:qubit_spectroscopy"):
        assert tag in done.stdout.partition("; tags: ")[2]
    assert "21 files read back, 19.3 MiB; different: 0" in done.stdout
    assert "0 uploaded, 21 unchanged" in done.stdout
    assert "byte for byte" in done.stdout


@pytest.mark.long
def test_a_folder_of_ones_own_is_only_read(temporary: Path, own: Path) -> None:
    before = snapshot(own)

    done = demo(temporary, own)

    assert done.returncode == 0, done.stdout + done.stderr
    assert snapshot(own) == before
    assert "3 files read back" in done.stdout
    assert "  no-utf8-=FF.dat" in done.stdout
    assert "tags: aqsync-demo" in done.stdout
    assert "notes" not in done.stdout.partition("== What the server has")[2]


@pytest.mark.long
def test_an_empty_folder_is_in_sync(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    done = demo(temporary, tmp_path / "empty")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 files read back" in done.stdout


def test_what_differs_is_named(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user's files change between the push and the proof."""
    changes: list[Callable[[], object]] = [
        lambda: (own / "2026-11-23" / "#1_rabi" / "iq.csv").write_text("3,4\n"),
        (own / "__complete__.tag").unlink,
        lambda: (own / "late.csv").write_text("5,6\n"),
    ]

    def run_and_change(arguments: Sequence[str]) -> int:
        status = real_run(arguments)
        while changes:
            changes.pop()()
        return status

    monkeypatch.setattr(command, "run", run_and_change)

    assert demo_here(own) == ExitCode.INCOMPLETE

    said = capsys.readouterr().err
    assert f"differs: {own}/2026-11-23/#1_rabi/iq.csv differs from 2026-11-23~=231_rabi~iq" in said
    assert "differs: __complete__.tag is on the server, and no selected file" in said
    assert f"differs: {own}/late.csv is not on the server" in said
    assert "the second push sent files that were there or are new: 2" in said


@pytest.mark.long
def test_a_push_that_fails_fails_the_demo(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "run", lambda arguments: real_run([*arguments, "--mapping", "x"]))

    assert demo_here(own) == ExitCode.INCOMPLETE

    said = capsys.readouterr().err
    assert "differs: `aqsync push` ended with exit status 2" in said
    assert "differs: the tag aqsync-demo is not what the rules give" in said


@pytest.mark.parametrize("number", long_but(1, [signal.SIGINT, signal.SIGTERM]))
def test_interrupted_it_leaves_nothing_behind(temporary: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "aqsync", "demo"],
        env=environment(temporary),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        listening = next(line for line in process.stdout if line.startswith("listening on "))
        next(line for line in process.stderr if line.startswith("uploaded "))
        process.send_signal(number)
        process.stdout.read()
        said = process.stderr.read()

    assert process.returncode == ExitCode.INTERRUPTED
    assert "interrupted; the server is stopped" in said
    address = urlsplit(listening.split()[-1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))


def test_without_the_extra_it_says_what_to_install(temporary: Path, tmp_path: Path) -> None:
    stand_ins = tmp_path / "modules"
    stand_ins.mkdir()
    (stand_ins / "strawberry.py").write_text('raise ModuleNotFoundError(name="strawberry")')

    done = demo(temporary, PYTHONPATH=str(stand_ins))

    assert done.returncode == ExitCode.USAGE
    assert "the embedded server is not installed (strawberry is missing)" in done.stderr
    assert "pip install '.[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_does_not_exist(temporary: Path, tmp_path: Path) -> None:
    done = demo(temporary, tmp_path / "nowhere")

    assert done.returncode == ExitCode.USAGE
    assert f"{tmp_path}/nowhere is not a directory" in done.stderr


def test_nothing_is_written_into_ones_own_folder_by_way_of_tmpdir(
    temporary: Path, tmp_path: Path
) -> None:
    done = demo(temporary, tmp_path)

    assert done.returncode == ExitCode.USAGE
    assert "set TMPDIR to another folder" in done.stderr


def test_a_path_that_no_configuration_can_hold(tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()

    with pytest.raises(ConfigError, match="cannot stand in a configuration"):
        demo_here(folder)


def test_a_folder_too_large_for_the_disk(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    with (tmp_path / "own" / "sparse").open("wb") as file:
        file.truncate(1 << 43)

    with pytest.raises(ConfigError, match=r"may take 8\.0 TiB"):
        demo_here(tmp_path / "own")
