"""`aqsync init`: the conversation on a terminal, and what it does where nobody can be asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.cli.interview import kinds_of_files
from aqsync.config import load_config
from aqsync.config.token import store_token
from tests.support.embedded import EmbeddedServer
from tests.support.permissions import bound_by_permissions
from tests.support.project import run
from tests.support.remote import Remote, on_terminal

TOKEN = "a-secret-token-4711"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("guarded") / "data", token=TOKEN) as server:
        yield server


@pytest.fixture
def data(remote: Remote, tmp_path: Path) -> Path:  # noqa: ARG001 - a clean home, and the folder
    folder = tmp_path / "measurements"
    (folder / "run7").mkdir(parents=True)
    for name in ("a.csv", "run7/b.csv", "run7/c.h5"):
        (folder / name).write_text("1")
        os.utime(folder / name, (0, 0))  # it has settled
    return folder


def test_a_whole_conversation(guarded: EmbeddedServer, data: Path, tmp_path: Path) -> None:
    """Every answer is wrong at first, but the confirmations."""
    code, shown = on_terminal(
        ["init"],
        talk=[
            ("server's address", "127.0.0.1\n"),
            ("server's address", f"{guarded.url}/api/graphql\n"),
            ("server's address", f"{guarded.url}\n"),
            ("The token (it is not shown)", "wrong-token-0815\n"),
            ("The token (it is not shown)", f'"{TOKEN}"\n'),
            ("The token (it is not shown)", f"{TOKEN}\n"),
            ("Store the token in", "\n"),
            ("directory to upload", f"{data}/none\n"),
            ("directory to upload", f"{data}\n"),
            ("experiment's EID, or a title", "20010101-1\n"),
            ("experiment's EID, or a title", "first hour\n"),
            ("Make a new experiment 'first hour'?", "\n"),
            ("Which files", "{a}\n"),
            ("Which files", "**/*.csv\n"),
        ],
    )
    assert code == 0, shown
    assert "wants a token" in shown
    assert "refuses this token" in shown
    assert "does not exist" in shown
    assert "2 .csv files, 1 .h5 file" in shown
    assert f"would upload: {data}/a.csv" in shown
    assert "c.h5" not in shown
    assert TOKEN not in shown
    assert "wrong-token-0815" not in shown
    stored = tmp_path / "home/.config/aqsync/token"
    assert (stored.read_text(), stored.stat().st_mode & 0o777) == (f"{TOKEN}\n", 0o600)
    config = load_config(tmp_path / "aqsync.yaml")
    assert config.server.token_file == stored
    assert config.mappings[0].include == ("**/*.csv",)
    assert config.mappings[0].directory == data
    assert f"made {config.mappings[0].experiment}" in shown


def test_what_the_options_say_is_tried_and_not_asked_for(remote: Remote, data: Path) -> None:
    options = ["--url", remote.url, "--directory", str(data), "--experiment", remote.eid]
    code, shown = on_terminal(["init", *options, "--include", "*.h5"])
    assert code == 0, shown
    assert "it is there: command line" in shown
    assert "c.h5: " in shown
    assert "?" not in shown


def test_folders_may_make_their_experiments(remote: Remote, data: Path) -> None:
    options = ["--url", remote.url, "--directory", str(data), "--include", "*.h5"]
    talk = [("or new: one for each folder", "new\n"), ("Which folders?", "x\n"), ("Which", "\n")]
    code, shown = on_terminal(["init", *options], talk=talk)
    assert code == 0, shown
    assert "'x' names no folders" in shown
    [mapping] = load_config(Path("aqsync.yaml")).mappings
    assert (mapping.experiment, mapping.path) == ("new", "{date}/{name}/**")


def test_a_program_is_recognised_by_its_files(remote: Remote, data: Path) -> None:
    (data / "run8.tdms").touch()
    options = ["--url", remote.url, "--directory", str(data), "--experiment", remote.eid]
    code, shown = on_terminal(["init", *options], talk=[("Use the preset tdms?", "\n")])
    assert code == 0, shown
    assert "Which files" not in shown
    assert load_config(Path("aqsync.yaml")).mappings[0].preset == "tdms"


def test_a_refused_preset_leaves_the_choice_of_files(remote: Remote, data: Path) -> None:
    (data / "run8.tdms").touch()
    options = ["--url", remote.url, "--directory", str(data), "--experiment", remote.eid]
    talk = [("Use the preset tdms?", "n\n"), ("Which files", "*.csv\n")]
    code, shown = on_terminal(["init", *options], talk=talk)
    assert code == 0, shown
    assert load_config(Path("aqsync.yaml")).mappings[0].preset is None


def test_where_nobody_can_be_asked_the_options_must_say_it(remote: Remote, data: Path) -> None:
    ran = run("init", "--url", remote.url, "--directory", data)
    assert (ran.exit_code, "--experiment is missing" in ran.err) == (2, True)
    ran = run("init", "--directory", "measurements", "--experiment", "20261123-1")
    assert (ran.exit_code, ran.out.startswith("wrote aqsync.yaml; next: ")) == (0, True)
    assert load_config(Path("aqsync.yaml")).mappings[0].directory == data
    ran = run(
        "init", "--directory", data, "--experiment", "20261123-1", "--preset", "zarr", "--force"
    )
    assert (ran.exit_code, load_config(Path("aqsync.yaml")).mappings[0].preset) == (0, "zarr")


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ("~nobody-of-this-name/x", "the home folder in '~nobody-of-this-name/x' is not known"),
        ("$HOME/x", "$HOME is not filled in here"),
    ],
)
def test_what_is_no_directory_is_told(remote: Remote, directory: str, said: str) -> None:
    ran = run("init", "--url", remote.url, "--directory", directory, "--experiment", remote.eid)
    assert (ran.exit_code, said in ran.err) == (2, True), ran.text


def test_no_line_is_named_of_what_is_not_written(data: Path) -> None:
    ran = run("init", "--directory", data, "--experiment", "1")
    assert ran.err.startswith("error: mappings[0].experiment: '1' is not")
    assert not Path("aqsync.yaml").exists()


def test_the_server_of_the_shell_is_meant(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQSYNC_URL", "http://lab.example")
    assert run("init", "--directory", data, "--experiment", "20261123-1").exit_code == 0
    assert load_config(Path("aqsync.yaml")).server.url == "http://lab.example"


def test_a_folder_that_is_not_ours_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with bound_by_permissions():
        ran = run("init", "--output", closed / "new" / "aqsync.yaml")
    assert f"this user may not write into {closed}" in ran.err


def test_a_directory_with_the_journal_is_refused_at_once(
    remote: Remote, data: Path, tmp_path: Path
) -> None:
    """Before: after the last question, and all answers were lost."""
    code, shown = on_terminal(
        ["init", "--url", remote.url, "--experiment", remote.eid, "--include", "*.csv"],
        talk=[("directory to upload", f"{tmp_path}\n"), ("directory to upload", f"{data}\n")],
    )
    assert (code, "and would be uploaded" in shown) == (0, True), shown


def test_junk_is_not_among_the_kinds_of_files() -> None:
    assert kinds_of_files(["a.csv", "b.tmp", ".c.swp", "d.csv"]) == [(".csv", 2)]


def test_a_token_takes_the_place_of_another(tmp_path: Path) -> None:
    place = tmp_path / "new" / "token"
    for token in ("first", "second"):
        store_token(token, place)
        assert place.read_text() == f"{token}\n"
    assert place.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in place.parent.iterdir()] == ["token"]
