"""Paths are bytes, whatever the locale: no file goes up again under another name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.length import long_but
from tests.support.locales import latin_1, plain_c
from tests.support.patience import HANG_S
from tests.support.project import COMMAND, Project, Ran
from tests.support.remote import on_terminal

NAMES = ("déjà.csv", "ordner ü/µ°.csv", os.fsdecode(b"caf\xe9.csv"), "日本/記録.csv")
ENTRIES = {
    "module": (sys.executable, "-m", "aqsync"),
    "script": (str(Path(sys.executable).with_name("aqsync")),),
    "code": COMMAND,
}


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locales")


@pytest.fixture(params=long_but(1, ["ISO-8859-1", "C"]))
def elsewhere(request: pytest.FixtureRequest, locales: Path) -> dict[str, str]:
    """The environment of a locale in which Python decodes names by another encoding."""
    made = latin_1(locales) if request.param == "ISO-8859-1" else plain_c()
    environment = {**os.environ, **made}
    code = "import sys; print(sys.getfilesystemencoding())"
    told = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert told.strip() in {"iso8859-1", "ascii"}
    return environment


@pytest.fixture
def filled(project: Project) -> Project:
    project.root.rmdir()
    project.root = project.root.with_name("größe")
    project.root.mkdir()
    project.configure(on_local_delete="remove", remove_share=1)
    for name in NAMES:
        project.write(name, f"content of {name}".encode(errors="surrogateescape"))
    return project


def run(
    project: Project,
    environment: dict[str, str],
    command: str,
    *arguments: str | Path,
    entry: str = "module",
) -> Ran:
    done = subprocess.run(
        [*ENTRIES[entry], command, "--config", str(project.config), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("entry", ENTRIES)
def test_nothing_is_sent_or_removed_in_another_locale(
    filled: Project, elsewhere: dict[str, str], entry: str
) -> None:
    if not Path(ENTRIES[entry][0]).exists():
        pytest.skip("the command is not installed here")
    assert filled.pushed()["uploaded"] == len(NAMES)
    before, rows = filled.remote(), filled.file_rows()
    there = run(filled, elsewhere, "push", "--json", entry=entry)
    assert there.exit_code == 0, there.text
    assert (there.json["uploaded"], there.json["removed"]) == (0, 0)
    assert there.json["unchanged"] == len(NAMES)
    assert filled.remote() == before
    assert [row[:12] for row in filled.file_rows()] == [row[:12] for row in rows]


def test_what_is_sent_there_is_sent_under_the_same_names(
    filled: Project, elsewhere: dict[str, str]
) -> None:
    assert run(filled, elsewhere, "push", "--json").json["uploaded"] == len(NAMES)
    sent = filled.remote_names()
    assert {"déjà.csv", "ordner ü~µ°.csv"} <= sent
    answer = filled.pushed()
    assert (answer["uploaded"], answer["removed"], answer["unchanged"]) == (0, 0, len(NAMES))
    assert filled.remote_names() == sent


def test_commands_say_the_same(filled: Project, elsewhere: dict[str, str]) -> None:
    filled.pushed()
    status = run(filled, elsewhere, "status", "--json")
    assert status.exit_code == 0, status.text
    here = filled.run("status", "--json").json
    assert status.json["mappings"]["main"]["in_sync"] == len(NAMES)
    assert status.json["mappings"]["main"]["directory"] == here["mappings"]["main"]["directory"]
    for name in NAMES:
        why = run(filled, elsewhere, "why", "--json", filled.root / name)
        assert why.exit_code == 0, why.text
        assert why.json["path"] == str(filled.root / name)
    listed = run(filled, elsewhere, "ls", "--json")
    assert listed.out == filled.run("ls", "--json").out
    assert "déjà.csv" in run(filled, elsewhere, "ls").out, "a pipe gets the name's own bytes"


def test_a_deletion_is_carried_out_once(filled: Project, elsewhere: dict[str, str]) -> None:
    filled.pushed()
    (filled.root / "déjà.csv").unlink()
    ran = run(filled, elsewhere, "push", "--json", filled.root / "déjà.csv")
    assert ran.json["removed"] == 1
    assert len(filled.remote_names()) == len(NAMES) - 1


def test_a_terminal_shows_letters_in_its_own_encoding(
    filled: Project, locales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.pushed()
    for name, value in latin_1(locales).items():
        monkeypatch.setenv(name, value)
    code, shown = on_terminal(["ls", "--config", filled.config], encoding="iso-8859-1")
    assert code == 0
    assert "déjà.csv" in shown
    assert "\\u8a18\\u9332.csv" in shown, "what the terminal lacks is an escape"


def test_a_daemon_hears_of_files_by_their_names(
    filled: Project, elsewhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.pushed()
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    with Daemon(filled).start() as daemon:
        filled.write("später/été.csv", "new")
        daemon.wait(lambda: len(filled.remote_names()) == len(NAMES) + 1, "one file more")
        assert run(filled, dict(os.environ), "push", "--json").exit_code == 0
        assert daemon.stop() == 0
    monkeypatch.undo()
    assert filled.pushed()["unchanged"] == len(NAMES) + 1


def test_the_client_library_names_a_file_by_its_bytes(
    filled: Project, elsewhere: dict[str, str]
) -> None:
    code = (
        "import sys; from pathlib import Path; from aqsync import API;"
        f"api = API({filled.url!r}); e = api.get_experiment_by_eid({filled.eid!r});"
        "[e.upload_file(str(p)) for p in Path(sys.argv[1]).iterdir()]"
    )
    place = filled.folder / "apart"
    (place / "x").mkdir(parents=True)
    (place / "x" / "déjà vu.csv").write_bytes(b"1")
    command = [sys.executable, "-c", code, str(place / "x")]
    done = subprocess.run(command, env=elsewhere, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert filled.remote_names() == {"déjà vu.csv"}


def test_a_python_that_will_not_is_refused() -> None:
    code = (
        "import sys; sys.orig_argv[1:3] = ['-X', 'utf8'];"
        "sys.getfilesystemencoding = lambda: 'ascii';"
        "from aqsync.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "version"], check=False, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "would be read as ascii" in done.stderr
    assert "PYTHONUTF8=1" in done.stderr
    assert "Traceback" not in done.stderr
