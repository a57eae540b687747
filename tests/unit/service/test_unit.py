"""The unit file for this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path

import pytest

from aqsync.service.unit import MARK, Unit, command_line, quoted, template

PROJECT = Path(__file__).parents[3]
COMMAND = ("/opt/aqsync/bin/aqsync",)


def system_unit(name: str = "aqsync", journal_folder: Path | None = None) -> Unit:
    return Unit(name, COMMAND, Path("/etc/aqsync/config.yaml"), "aqsync", journal_folder)


def test_with_the_names_of_the_shipped_file_it_is_the_shipped_file() -> None:
    first, hint, *rest = system_unit().render().splitlines()
    assert first == MARK
    assert hint.endswith("systemctl edit aqsync.service")
    assert rest == (PROJECT / "systemd" / "aqsync.service").read_text().splitlines()


def test_the_unit_that_tells_of_a_failure_is_the_shipped_one_too() -> None:
    first, hint, *rest = system_unit().render_failed().splitlines()
    assert first == MARK
    assert hint.endswith("systemctl edit aqsync-failed.service")
    assert rest == (PROJECT / "systemd" / "aqsync-failed.service").read_text().splitlines()


@pytest.mark.parametrize("run_as", ["anna", None])
def test_a_failure_is_told_by_the_service_and_by_another_unit(run_as: str | None) -> None:
    command = ("/usr/bin/python3", "-m", "aqsync")
    unit = Unit("fridge", command, Path("/etc/f/c.yaml"), run_as, Path("/data/state"))
    tells = "/usr/bin/python3 -m aqsync notify stopped --config /etc/f/c.yaml"
    lines, failed = unit.render().splitlines(), unit.render_failed().splitlines()
    assert lines.count("OnFailure=fridge-failed.service") == 1
    assert lines.count(f"ExecStopPost=-{tells}") == 1
    assert unit.failed_name == "fridge-failed.service"
    assert failed.count(f"ExecStart={tells}") == 1
    of_system = ["User=anna", "StateDirectory=fridge", "ReadWritePaths=/data/state"]
    assert [line for line in of_system if line in failed] == (of_system if run_as else [])


def test_what_differs_from_machine_to_machine_stands_in_it_once() -> None:
    command = ("/usr/bin/python3", "-m", "aqsync")
    unit = Unit("fridge", command, Path("/etc/f/c.yaml"), "anna", Path("/data/state"))
    lines = unit.render().splitlines()
    for line in (
        "ExecStart=/usr/bin/python3 -m aqsync run --config /etc/f/c.yaml",
        "ExecReload=/usr/bin/python3 -m aqsync reload --config /etc/f/c.yaml",
        "User=anna",
        "StateDirectory=fridge",
        "LoadCredential=token:/etc/fridge/token",
        "ReadWritePaths=/data/state",
    ):
        assert lines.count(line) == 1, line
        assert sum(other.startswith(line.partition("=")[0] + "=") for other in lines) == 1


def test_of_a_user_it_has_neither_user_nor_state_nor_credential() -> None:
    text = Unit("aqsync", COMMAND, Path("/home/anna/c.yaml"), None).render(252)
    assert "ExecStart=/opt/aqsync/bin/aqsync run --config /home/anna/c.yaml\n" in text
    assert "systemctl --user edit aqsync.service" in text
    for key in ("User=", "StateDirectory=", "LoadCredential=", "ReadWritePaths="):
        assert f"\n{key}" not in text


def test_confined_it_sees_what_is_named() -> None:
    sees = [Path("/data/anna"), Path("/data/b: 100%")]
    unit = Unit("aqsync", COMMAND, Path("/etc/c.yaml"), "aqsync", Path("/state"), sees)
    lines = unit.render().splitlines()
    for line in (
        "TemporaryFileSystem=/:ro",
        "BindReadOnlyPaths=-/usr",
        "BindReadOnlyPaths=-/data/anna",
        "BindReadOnlyPaths=-/data/b\\:\\ 100%%",
        "BindPaths=-/var/lib/aqsync",
        "BindPaths=-/state",
        "InaccessiblePaths=-/etc/aqsync/token",
        "ProtectSystem=full",
    ):
        assert lines.count(line) == 1, line
    assert not [line for line in lines if line.startswith("ReadWritePaths=")]


@pytest.mark.parametrize(("version", "there"), [(None, 0), (252, 0), (253, 0), (254, 1), (258, 1)])
def test_restarts_come_slower_and_slower_where_systemd_can(version: int, there: int) -> None:
    lines = system_unit().render(version).splitlines()
    assert lines.count("RestartSteps=5") == lines.count("RestartMaxDelaySec=5min") == there


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("/plain/path-1.yaml", "/plain/path-1.yaml"),
        ("/a b", '"/a b"'),
        ("/100%", "/100%%"),
        ('/"x"', r'"/\"x\""'),
        ("/it's", '"/it\'s"'),
        ("/a\\b", r'"/a\\b"'),
        (";", '";"'),
        ("", '""'),
        ("/a\nb", r'"/a\x0ab"'),
        ("/µ", "/µ"),
        (os.fsdecode(b"/caf\xe9"), r'"/caf\xe9"'),
    ],
)
def test_words_are_quoted(word: str, text: str) -> None:
    assert quoted(word) == text


def test_variables_are_those_of_arguments_only() -> None:
    assert command_line(["/bin/$a", "$b", "${c} d"]) == '/bin/$a $$b "$${c} d"'


def test_a_program_with_quotes_is_started_by_another() -> None:
    assert command_line(["/it's/$a", "b"]) == '/usr/bin/env "/it\'s/$$a" b'


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="it is not installed")
@pytest.mark.parametrize("run_as", ["root", None])
def test_systemd_takes_odd_paths(run_as: str | None, tmp_path: Path) -> None:
    folder = tmp_path / '100% "quoted" it\'s $HOME \\ µ; #'
    folder.mkdir()
    program = folder / "aqsync"
    program.symlink_to("/bin/true")
    journal = folder if run_as else None
    sees = [folder, Path("/a:b")] if run_as else None
    unit = Unit("aqsync", (str(program),), folder / "config.yaml", run_as, journal, sees)
    (tmp_path / "aqsync.service").write_text(unit.render(252))
    (tmp_path / "aqsync-failed.service").write_text(unit.render_failed())
    ran = subprocess.run(
        [
            "systemd-analyze",
            "--system" if run_as else "--user",
            "--man=no",
            "verify",
            str(tmp_path / "aqsync.service"),
            str(tmp_path / "aqsync-failed.service"),
        ],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_the_wheel_brings_the_unit_files_and_the_page(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for system, failed in product((True, False), repeat=2):
            name = f"aqsync{'' if system else '-user'}{'-failed' if failed else ''}.service"
            shipped = archive.read(f"aqsync/service/units/{name}").decode()
            assert shipped == template(system=system, failed=failed)
            assert shipped == (PROJECT / "systemd" / name).read_text()
        page = PROJECT / "aqsync" / "server" / "web"
        files = [*(page / "templates").glob("*.html"), *(page / "static").iterdir()]
        assert len(files) >= 10
        assert {str(file.relative_to(PROJECT)) for file in files} <= set(archive.namelist())
