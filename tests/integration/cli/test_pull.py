"""``aqsync pull``, and what ``aqsync files`` makes of trees."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aqsync import API, Experiment
from aqsync.aqueduct.client import Client
from aqsync.errors import ServerFailed, ServerUnreachable, TreeIncomplete
from aqsync.layout.manifest import is_manifest_name
from tests.support import warm
from tests.support.awkward_tree import differences, make_awkward_tree
from tests.support.patience import HANG_S, wait_until
from tests.support.project import COMMAND, Project, run
from tests.support.remote import Remote


@pytest.fixture
def experiment(remote: Remote) -> Iterator[Experiment]:
    with API(remote.url, 10) as api:
        yield api.get_experiment_by_eid(remote.eid)


def tree(*paths: str) -> Path:
    root = Path("tree")
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"content of {path}")
    return root


def content(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


def test_an_awkward_tree_comes_back_as_it_was(remote: Remote, experiment: Experiment) -> None:
    make_awkward_tree(Path("tree"))
    experiment.upload_folder("tree", prefix="fridge-1")
    Path("tree").rename("kept")
    ran = remote.run("pull", remote.eid, "tree")
    assert (ran.exit_code, ran.out.partition(" files")[0]) == (0, "downloaded 46")
    assert differences(Path("kept"), Path("tree")) == []
    assert "'cASE'" in ran.err
    assert "cannot be on Windows" in ran.err
    said = remote.did("pull", remote.eid, "tree")
    assert said.startswith(f"downloaded 0 files of {remote.eid} (0 B), 46 here already")


@pytest.fixture
def project(remote: Remote, tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "p", remote.url)
    yield made
    made.close()


def test_what_was_pushed_comes_back_as_it_was(project: Project, tmp_path: Path) -> None:
    project.root.rmdir()
    make_awkward_tree(project.root)
    project.configure(prefix="fridge-1", ignore=[])
    project.pushed()
    shutil.move(project.root, tmp_path / "kept")
    shutil.rmtree(project.journal.parent)
    ran = run("pull", project.eid, project.root, "--url", project.url)
    assert ran.exit_code == 0, ran.text
    assert differences(tmp_path / "kept", project.root) == []


def test_a_folder_whose_files_are_uploaded_is_said(project: Project, tmp_path: Path) -> None:
    project.write("a")
    project.pushed()
    config = ("--config", project.config)
    said = f"{project.root}/again lies in mapping main, which uploads what comes there as new files"
    assert said in run("pull", project.eid, project.root / "again", *config).err
    for place in (project.root, tmp_path / "elsewhere"):
        assert run("pull", project.eid, place, *config).err == ""


def test_the_journal_knows_where_files_stood(project: Project, tmp_path: Path) -> None:
    project.write("q3/" + "x" * 250)
    project.configure(prefix="fridge-1", manifest=False)
    project.pushed()
    shutil.move(project.root, tmp_path / "kept")
    [name] = project.remote_names()
    assert run("pull", project.eid, "flat", "--url", project.url).exit_code == 0
    assert [path.name for path in Path("flat").iterdir()] == [name]
    ran = run("pull", project.eid, project.root, "--config", project.config)
    assert (ran.exit_code, ran.err) == (0, "")
    assert differences(tmp_path / "kept", project.root) == []


def test_a_journal_that_cannot_be_read_costs_what_it_knows(project: Project) -> None:
    project.write("q3/t1.csv")
    project.pushed()
    project.journal.write_bytes(b"no journal" * 100)
    ran = run("pull", project.eid, "back", "--config", project.config)
    assert ran.exit_code == 0
    assert "the journal is not asked" in ran.err
    assert content(Path("back")) == {"q3/t1.csv": "data"}


def test_the_folder_is_named_by_the_experiment(remote: Remote, experiment: Experiment) -> None:
    experiment.upload_folder(tree("q3/t1.csv", "iq.csv"))
    answer = remote.json("pull", remote.eid)
    assert answer == {
        "eid": remote.eid,
        "directory": remote.eid,
        "downloaded": [
            {"name": "iq.csv", "path": "iq.csv", "bytes": 17},
            {"name": "q3~t1.csv", "path": "q3/t1.csv", "bytes": 20},
        ],
        "present": [],
        "problems": [],
        "notes": [],
    }
    assert differences(Path("tree"), Path(remote.eid)) == []


def test_what_differs_here_stays_and_one_problem_stops_no_other(
    remote: Remote, experiment: Experiment
) -> None:
    experiment.upload_folder(tree("a", "b", "sub/aqsync.yaml", "gone", "link/x"))
    remote.server.remove_files(experiment.uuid, ["gone"])
    back = Path("back")
    back.mkdir()
    (back / "a").write_text("mine")
    (back / "link").symlink_to(Path.cwd())
    ran = remote.run("pull", remote.eid, back, "--json")
    assert ran.exit_code == 1
    assert {path: each["hint"] for path, each in ran.problems().items()} == {
        "a": "--overwrite replaces it",
        "gone": "see whether somebody removed it; where it came from it may still be",
        "link/x": "links are not followed; move away what stands there",
        "sub/aqsync.yaml": "to have it all the same, name it: aqsync files get EID sub~aqsync.yaml",
    }
    assert (content(back), Path("x").exists()) == ({"a": "mine", "b": "content of b"}, False)
    remote.run("pull", remote.eid, back, "--overwrite")
    assert (back / "a").read_text() == "content of a"


def test_prefixes_are_folders_or_chosen(remote: Remote, experiment: Experiment) -> None:
    experiment.upload_folder(tree("a"), prefix="one")
    Path("tree").rename("other")
    experiment.upload_folder("other", prefix="two")
    remote.did("pull", remote.eid, "all")
    assert set(content(Path("all"))) == {"one/a", "two/a"}
    remote.did("pull", remote.eid, "one", "--prefix", "one")
    assert set(content(Path("one"))) == {"a"}
    complaint = remote.refused(2, "pull", remote.eid, "none", "--prefix", "three")
    assert "its prefixes: 'one', 'two'" in complaint
    assert remote.eid in complaint
    assert not Path("none").exists()


def test_names_of_others_are_decoded_when_told(remote: Remote) -> None:
    remote.put("a~b")
    remote.did("pull", remote.eid, "flat")
    remote.did("pull", remote.eid, "decoded", "--decode")
    assert [set(content(Path(each))) for each in ("flat", "decoded")] == [{"a~b"}, {"a/b"}]


def test_pull_of_nothing(remote: Remote) -> None:
    ran = remote.run("pull", remote.eid)
    assert (ran.exit_code, ran.err) == (0, f"{remote.eid} has no files\n")
    assert not Path(remote.eid).exists()
    assert remote.json("pull", remote.eid)["downloaded"] == []
    assert "does not exist" in remote.refused(1, "pull", "20000101-1")


def test_an_interrupted_pull_says_how_far_it_came(
    remote: Remote, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree(*(f"f{number}" for number in range(9))))
    closed, real_download, real_close = threading.Event(), Client.download, Client.close

    def download(self: Client, uuid: Any, name: str) -> Any:
        if name == "f4":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        if name >= "f4" and name.startswith("f"):
            assert closed.wait(HANG_S)
        return real_download(self, uuid, name)

    def close(self: Client) -> None:
        real_close(self)
        closed.set()

    with monkeypatch.context() as patched:
        patched.setattr(Client, "download", download)
        patched.setattr(Client, "close", close)
        ran = remote.run("pull", remote.eid, "back")
    assert (ran.exit_code, ran.out) == (130, "")
    assert "of 9 files are here" in ran.err
    assert "goes on with the rest" in ran.err
    assert set(content(Path("back"))) <= {f"f{number}" for number in range(4)}
    remote.did("pull", remote.eid, "back")
    assert differences(Path("tree"), Path("back")) == []


def test_a_killed_pull_goes_on(remote: Remote, experiment: Experiment) -> None:
    root = tree("small")
    (root / "sub").mkdir()
    with (root / "sub" / "large").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    experiment.upload_folder(root)
    with warm.Popen([*COMMAND, "pull", remote.eid, "back", "--url", remote.url]) as process:
        wait_until(lambda: [*Path("back").glob("sub/*")], "the large file")
        process.kill()
    assert [path.suffix for path in Path("back").glob("sub/*")] in ([".part"], [""])
    remote.did("pull", remote.eid, "back")
    assert differences(root, Path("back")) == []


def test_a_manifest_that_the_server_does_not_give_is_no_success(
    remote: Remote, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree("sub/a"))
    real = Client.download

    def download(self: Client, uuid: Any, name: str) -> Any:
        if is_manifest_name(name):
            raise ServerFailed("it is busy")
        return real(self, uuid, name)

    monkeypatch.setattr(Client, "download", download)
    ran = remote.run("pull", remote.eid, "back")
    assert ran.exit_code == 1
    assert "it is busy" in ran.err
    assert set(content(Path("back"))) == {"sub~a"}
    with pytest.raises(TreeIncomplete, match="it is busy"):
        experiment.download_all("back")
    for arguments in (["list", remote.eid, "--tree"], ["get", remote.eid, "--to", "all"]):
        ran = remote.run("files", *arguments)
        assert ran.exit_code == 1
        assert "it is busy" in ran.err
    assert "it is busy" in remote.refused(3, "files", "get", remote.eid, "sub/a")
    remote.did("files", "get", remote.eid, "sub~a")
    for ask in (lambda: experiment.paths, lambda: experiment.open("sub/a")):
        with pytest.raises(ServerFailed):
            ask()
    experiment.open("sub~a").close()
    monkeypatch.setattr(Client, "download", real)
    assert experiment.paths == {"sub/a": "sub~a"}


def test_a_server_that_leaves_ends_it(
    remote: Remote, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree("a", "b"))
    real, tries = Client.download, list[str]()

    def download(self: Client, uuid: Any, name: str) -> Any:
        tries.append(name)
        if name == "a" and tries.count("a") == 1:
            raise ServerUnreachable("the connection broke off")
        return real(self, uuid, name)

    monkeypatch.setattr(Client, "download", download)
    remote.did("pull", remote.eid, "back")
    assert tries.count("a") == 2
    shutil.rmtree("back")

    def fail(*_: Any, **__: Any) -> Any:
        raise ServerUnreachable("nobody is there")

    monkeypatch.setattr("aqsync.aqueduct.tree_download.TreeDownload.fetch", fail)
    complaint = remote.refused(3, "pull", remote.eid, "back")
    assert "0 of 2 files are here; the same command goes on with the rest" in complaint
    assert "nobody is there" in complaint


def test_an_archive(remote: Remote, experiment: Experiment) -> None:
    make_awkward_tree(Path("tree"))
    experiment.upload_folder("tree")
    remote.did("pull", remote.eid, "--zip", "one.zip")
    remote.did("pull", remote.eid, "--zip", "two.zip")
    assert Path("one.zip").read_bytes() == Path("two.zip").read_bytes()
    with zipfile.ZipFile("one.zip") as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        assert {"folders/empty/in/empty/", "new\nline", "x" * 255, "not utf-8 =FF=FE=E4"} <= names
        assert archive.getinfo("plain.csv").date_time == (2020, 9, 13, 12, 26, 40)
    complaint = remote.refused(1, "pull", remote.eid, "--zip", "one.zip")
    assert "exists already" in complaint
    remote.did("pull", remote.eid, "--zip", "one.zip", "--overwrite")
    answer = remote.json("pull", remote.eid, "--zip", "three.zip")
    assert (answer["archive"], len(answer["downloaded"])) == ("three.zip", 46)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="there is no unzip")
def test_an_archive_takes_the_place_of_what_a_kill_has_left(
    remote: Remote, experiment: Experiment
) -> None:
    experiment.upload_folder(tree("f"))
    Path(".aqsync-0123456789abcdef.part").touch()
    remote.did("pull", remote.eid, "--zip", "a.zip")
    assert [path.name for path in Path().glob("*a*")] == ["a.zip"]


def test_an_archive_unpacks(remote: Remote, experiment: Experiment) -> None:
    experiment.upload_folder(tree("q3/t1.csv", "empty"))
    os.utime("tree/q3/t1.csv", (1_600_000_001, 1_600_000_001))
    (Path("tree") / "empty folder").mkdir()
    experiment.upload_folder("tree", overwrite=True)
    remote.did("pull", remote.eid, "--zip", "a.zip")
    subprocess.run(["unzip", "-q", "a.zip", "-d", "back"], check=True)
    said = [each for each in differences(Path("tree"), Path("back")) if "t1.csv" in each]
    assert content(Path("back")) == content(Path("tree"))
    assert (said, Path("back/empty folder").is_dir()) == ([], True)


def test_an_archive_on_the_standard_output(remote: Remote, experiment: Experiment) -> None:
    experiment.upload_folder(tree("q3/t1.csv"))
    arguments = [*COMMAND, "pull", remote.eid, "--zip", "-", "--url", remote.url]
    done: subprocess.Popen[bytes] = warm.Popen(arguments, stdout=subprocess.PIPE)
    out, _ = done.communicate(timeout=HANG_S)
    assert done.returncode == 0
    assert zipfile.ZipFile(io.BytesIO(out)).read("q3/t1.csv") == b"content of q3/t1.csv"
    assert not Path(remote.eid).exists()


def test_an_archive_that_nobody_reads_to_its_end_is_no_success(
    remote: Remote, experiment: Experiment
) -> None:
    (tree("f") / "f").write_bytes(os.urandom(1 << 20))
    experiment.upload_folder(Path("tree"))
    arguments = [*COMMAND, "pull", remote.eid, "--zip", "-", "--url", remote.url]
    done: subprocess.Popen[bytes] = warm.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert done.stdout is not None
    done.stdout.close()
    _, err = done.communicate(timeout=HANG_S)
    assert done.returncode == 1
    assert b"no whole archive" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["back", "--zip", "a.zip"], "cannot stand together"),
        (["--zip", "-", "--json"], "cannot both"),
    ],
)
def test_options_that_contradict_each_other(
    remote: Remote, arguments: list[str], said: str
) -> None:
    assert said in remote.refused(2, "pull", remote.eid, *arguments)


def test_what_cannot_come_is_left_out_of_an_archive(
    remote: Remote, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree("a", "b", "c"))
    real = Client.download

    def download(self: Client, uuid: Any, name: str) -> Any:
        if name == "b":
            remote.put(name, b"content of B")
            self.remove_files(uuid, ["c"])
        return real(self, uuid, name)

    monkeypatch.setattr(Client, "download", download)
    ran = remote.run("pull", remote.eid, "--zip", "a.zip")
    assert ran.exit_code == 1
    assert "another version" in ran.err
    with zipfile.ZipFile("a.zip") as archive:
        assert archive.namelist() == ["a", "b"]


def test_the_tree_is_listed(remote: Remote, experiment: Experiment) -> None:
    (tree("q3/t1.csv", "iq.csv") / "empty").mkdir()
    experiment.upload_folder("tree", prefix="p")
    remote.put("of~others")
    shown = remote.did("files", "list", remote.eid, "--tree").splitlines()
    assert [line.split("  ")[0] for line in shown] == [
        "PATH",
        "empty/",
        "iq.csv",
        "of~others",
        "q3/t1.csv",
    ]
    listed = remote.json("files", "list", remote.eid, "--tree")
    assert [(each["path"], each["name"]) for each in listed] == [
        ("iq.csv", "p~iq.csv"),
        ("of~others", "of~others"),
        ("q3/t1.csv", "p~q3~t1.csv"),
        ("empty/", None),
    ]
    assert (listed[0]["size"], listed[1]["size"]) == (17, None)
    # The server's word for when it stored a file stands for nothing else.
    assert set(listed[0]) == {"path", "name", "uploaded_at", "size", "sha256", "mtime"}
    written = datetime.fromtimestamp(Path("tree/iq.csv").stat().st_mtime, UTC)
    assert abs(datetime.fromisoformat(listed[0]["mtime"]) - written).total_seconds() < 1e-3
    assert listed[1]["mtime"] is None
    decoded = remote.json("files", "list", remote.eid, "--tree", "--decode")
    assert decoded[1]["path"] == "of/others"
    assert "goes with --tree" in remote.refused(2, "files", "list", remote.eid, "--decode")


@pytest.mark.parametrize(
    ("names", "files"),
    [
        ([], {"q3/t1.csv", "q3/raw/t1.npy", "q4/t1.csv"}),
        (["q3/t1.csv"], {"q3/t1.csv"}),
        (["q3"], {"q3/t1.csv", "q3/raw/t1.npy"}),
        (["q3/"], {"q3/t1.csv", "q3/raw/t1.npy"}),
        (["*.csv"], {"q3/t1.csv", "q4/t1.csv"}),
        (["/q?/*.csv", "q3/raw/**"], {"q3/t1.csv", "q4/t1.csv", "q3/raw/t1.npy"}),
        (["p~q3~t1.csv"], {"p~q3~t1.csv"}),
    ],
)
def test_files_by_path_or_pattern(
    remote: Remote, experiment: Experiment, names: list[str], files: set[str]
) -> None:
    experiment.upload_folder(tree("q3/t1.csv", "q3/raw/t1.npy", "q4/t1.csv"), prefix="p")
    said = remote.did("files", "get", remote.eid, *names, "--to", "back")
    assert set(content(Path("back"))) == files
    assert said.count(" as back/q") == sum("/" in file for file in files)
    complaint = remote.refused(1, "files", "get", remote.eid, "*.none", "[", "!x", "--to", "back")
    assert "no file '*.none', '[', '!x'" in complaint
    complaint = remote.refused(1, "files", "get", "20001231-1")
    assert "`aqsync experiment find` lists those that there are" in complaint


def test_a_configuration_in_a_folder_is_got_only_by_its_name(
    remote: Remote, experiment: Experiment
) -> None:
    experiment.upload_folder(tree("sub/aqsync.yaml"))
    assert "take it for their configuration" in remote.refused(1, "files", "get", remote.eid)
    remote.refused(1, "files", "get", remote.eid, "sub")
    remote.did("files", "get", remote.eid, "sub/aqsync.yaml")
    assert Path("sub/aqsync.yaml").exists()
