"""Folders go up and come back as they were."""

from __future__ import annotations

import fcntl
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pytest

from aqsync.aqueduct import API
from aqsync.aqueduct.client import Client
from aqsync.aqueduct.experiment import Experiment
from aqsync.aqueduct.experiment_tree import FoundTree, find_tree
from aqsync.aqueduct.folder import Entry, Folder
from aqsync.aqueduct.records import UploadReceipt
from aqsync.aqueduct.tree_download import TreeDownload
from aqsync.aqueduct.tree_zip import zip_chunks
from aqsync.errors import (
    AlreadyThere,
    ConfigError,
    ContentDiffers,
    FileUnreadable,
    Interrupted,
    LocalError,
    RemoteFileNotFound,
    TreeIncomplete,
)
from aqsync.layout.manifest import (
    Header,
    ManifestFile,
    ManifestFolder,
    Source,
    is_manifest_name,
    manifest_name,
    placed,
    write,
)
from aqsync.layout.names import remote_name
from aqsync.layout.tree import Tree, TreeFile
from tests.support.awkward_tree import differences, make_awkward_tree


@pytest.fixture
def experiment(api: API) -> Iterator[Experiment]:
    made = api.create_experiment("tree", "")
    yield made
    api.remove_experiment_by_eid(made.eid)


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"content of {path}")
    return root


def content(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }


def manifests(experiment: Experiment) -> list[str]:
    return [file.name for file in experiment.files if is_manifest_name(file.name)]


def forge(
    experiment: Experiment,
    folder: Path,
    *entries: ManifestFile | ManifestFolder,
    prefix: str | None = None,
) -> None:
    header = Header(
        host="evil",
        experiment=str(experiment.uuid),
        eid=experiment.eid,
        written_at="2999-01-01",
        sources=(Source(mapping="m", directory="/d", prefix=prefix),),
    )
    with (folder / "forged").open("wb") as file:
        write(file, header, entries)
    experiment.upload_file(folder / "forged", name=manifest_name("evil", "0" * 12))


def line(
    experiment: Experiment, path: str, prefix: str | None = None, **changes: object
) -> ManifestFile:
    name = remote_name(path, prefix)
    at = next((f.uploaded_at.isoformat() for f in experiment.files if f.name == name), "")
    known: dict[str, object] = {
        "name": name,
        "size": 1,
        "sha256": "0" * 64,
        "mtime_ns": 1_000_000_000,
        "sent_at": at,
        "modified_at": at,
        "source": 0,
    }
    return ManifestFile.model_validate(known | placed(path) | changes)


def test_an_awkward_tree_comes_back_as_it_was(experiment: Experiment, tmp_path: Path) -> None:
    make_awkward_tree(tmp_path / "there")
    sent = experiment.upload_folder(tmp_path / "there")
    assert (sent.was_there, sent.notes) == ([], [])
    back = experiment.download_all(tmp_path / "back")
    assert back.moved == sent.moved
    assert differences(tmp_path / "there", tmp_path / "back") == []
    again = experiment.download_all(tmp_path / "back")
    assert (again.moved, again.was_there) == ([], sent.moved)


def test_a_prefix_is_left_away(experiment: Experiment, tmp_path: Path) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "q3/t1.csv"), prefix="fridge-1")
    assert experiment.paths == {"q3/t1.csv": "fridge-1~q3~t1.csv"}
    experiment.upload_folder(tree(tmp_path / "b", "q3/t1.csv"), prefix="fridge-2")
    assert set(experiment.paths) == {"fridge-1/q3/t1.csv", "fridge-2/q3/t1.csv"}
    experiment.download_all(tmp_path / "back", prefix="fridge-2")
    assert set(content(tmp_path / "back")) == {"q3/t1.csv"}
    with pytest.raises(ConfigError, match="prefix 'none'"):
        experiment.download_all(tmp_path / "back", prefix="none")
    with pytest.raises(ConfigError, match="cannot be a prefix"):
        experiment.upload_folder(tmp_path / "a", prefix="../up")


def test_names_of_others_stay_unless_they_are_to_be_decoded(
    experiment: Experiment, tmp_path: Path
) -> None:
    experiment.upload_file(tree(tmp_path, "f") / "f", name="a~b")
    experiment.download_all(tmp_path / "flat")
    experiment.download_all(tmp_path / "decoded", decode=True)
    assert set(content(tmp_path / "flat")) == {"a~b"}
    assert set(content(tmp_path / "decoded")) == {"a/b"}


def test_a_second_upload_renews_the_manifest(experiment: Experiment, tmp_path: Path) -> None:
    root = tree(tmp_path / "a", "old", "gone")
    experiment.upload_folder(root)
    [name] = manifests(experiment)
    (root / "gone").unlink()
    tree(root, "new/file")
    (root / "empty").mkdir()
    assert experiment.upload_folder(root) == (["new/file"], ["old"], [])
    assert manifests(experiment) == [name]
    assert set(experiment.paths) == {"old", "gone", "new/file"}
    experiment.download_all(tmp_path / "back")
    assert (tmp_path / "back" / "empty").is_dir()


def test_a_manifest_of_others_is_not_replaced(experiment: Experiment, tmp_path: Path) -> None:
    root = tree(tmp_path / "a", "file")
    experiment.upload_folder(root)
    [name] = manifests(experiment)
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"something else")
    experiment.upload_file(foreign, name=name)
    experiment.upload_folder(root)
    [one, two] = manifests(experiment)
    assert name in {one, two}
    with experiment._server.download(experiment.uuid, name) as coming:
        assert b"".join(coming.chunks()) == b"something else"
    assert any("cannot be read" in note for note in experiment.download_all(tmp_path / "b").notes)


def test_other_content_on_the_server_is_replaced_only_when_told(
    experiment: Experiment, tmp_path: Path
) -> None:
    root = tree(tmp_path / "a", "changed", "same")
    experiment.upload_folder(root)
    (root / "changed").write_text("new")
    with pytest.raises(TreeIncomplete, match="1 of 2") as caught:
        experiment.upload_folder(root)
    assert isinstance(caught.value.problems["changed"], AlreadyThere)
    assert experiment.open("changed").read() == b"content of changed"
    assert experiment.upload_folder(root, overwrite=True).moved == ["changed"]
    assert experiment.open("changed").read() == b"new"


def test_what_is_there_without_a_manifest_is_compared(
    experiment: Experiment, tmp_path: Path
) -> None:
    root = tree(tmp_path / "a", "same", "longer", "other")
    for name, there in {
        "same": "content of same",
        "longer": "x",
        "other": "content of OTHER",
    }.items():
        (tmp_path / "f").write_text(there)
        experiment.upload_file(tmp_path / "f", name=name)
    with pytest.raises(TreeIncomplete) as caught:
        experiment.upload_folder(root)
    assert set(caught.value.problems) == {"longer", "other"}
    with pytest.raises(TreeIncomplete) as caught:
        experiment.download_all(root)
    assert set(caught.value.problems) == {"longer", "other"}
    assert content(root)["other"] == "content of other"


def test_links_are_left_out(experiment: Experiment, tmp_path: Path) -> None:
    root = tree(tmp_path / "a", "file")
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    sent = experiment.upload_folder(root)
    assert sent.moved == ["file"]
    assert [note.partition(":")[0] for note in sent.notes] == ["'fifo'", "'folder'", "'link'"]


def test_a_folder_that_cannot_be_read_stops_no_other(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path / "a", "file", "closed/file")
    (root / "link").symlink_to("file")
    real = Folder.list

    def refuse(self: Folder, path: str) -> list[Entry]:
        if path == "closed":
            raise LocalError("it is closed")
        return real(self, path)

    monkeypatch.setattr(Folder, "list", refuse)
    with pytest.raises(TreeIncomplete, match="1 of 2") as caught:
        experiment.upload_folder(root)
    assert set(caught.value.problems) == {"closed"}
    assert caught.value.notes == ["'link': it is no regular file, and was left out"]
    assert set(experiment.paths) == {"file"}


def test_what_differs_here_is_replaced_only_when_told(
    experiment: Experiment, tmp_path: Path
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "same", "changed", "size"))
    back = tree(tmp_path / "back", "same", "changed", "size")
    (back / "changed").write_text("content of CHANGED")
    (back / "size").write_text("")
    with pytest.raises(TreeIncomplete, match="2 of 3") as caught:
        experiment.download_all(back)
    assert caught.value.hint == "overwrite=True replaces it"
    assert content(back)["changed"] == "content of CHANGED"
    assert experiment.download_all(back, overwrite=True).moved == ["changed", "size"]
    assert differences(tmp_path / "a", back) == []


def test_nothing_is_written_through_links(experiment: Experiment, tmp_path: Path) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "sub/file", "link", "good"))
    outside, back = tree(tmp_path / "outside", "target"), tmp_path / "back"
    back.mkdir()
    (back / "sub").symlink_to(outside)
    (back / "link").symlink_to(outside / "target")
    with pytest.raises(TreeIncomplete) as caught:
        experiment.download_all(back, overwrite=True)
    assert set(caught.value.problems) == {"sub/file"}
    assert "stands in the way" in caught.value.message
    assert content(outside) == {"target": "content of target"}
    assert (back / "link").read_text() == "content of link"  # the link itself was replaced
    assert not (back / "link").is_symlink()


def test_what_is_no_file_here_is_left(experiment: Experiment, tmp_path: Path) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "folder", "file/below", "fifo"))
    back = tree(tmp_path / "back", "folder/mine", "file")
    os.mkfifo(back / "fifo")
    with pytest.raises(TreeIncomplete, match="3 of 3"):
        experiment.download_all(back)
    assert content(back) == {"folder/mine": "content of folder/mine", "file": "content of file"}


def test_a_configuration_comes_only_when_it_is_named(
    experiment: Experiment, tmp_path: Path
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "sub/Aqsync.YAML", "file"))
    with pytest.raises(TreeIncomplete, match="would take it for their configuration"):
        experiment.download_all(tmp_path / "back")
    assert set(content(tmp_path / "back")) == {"file"}


def test_forged_bytes_do_not_get_their_name(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    experiment.upload_file(tmp_path / "f", name="a~b")
    forge(experiment, tmp_path, line(experiment, "a/b"))
    with pytest.raises(TreeIncomplete) as caught:
        experiment.download_all(tmp_path / "back")
    assert isinstance(caught.value.problems["a/b"], ContentDiffers)
    assert list((tmp_path / "back").rglob("*")) == [tmp_path / "back" / "a"]
    with experiment.open("a/b") as file:
        for _ in range(2):  # what broke off once never looks like the end of the file
            with pytest.raises(ContentDiffers):
                file.read()


def test_a_line_of_another_version_proves_nothing(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    experiment.upload_file(tmp_path / "f", name="a~b")
    forge(experiment, tmp_path, line(experiment, "a/b", modified_at="2000-01-01T00:00:00+00:00"))
    [note] = experiment.download_all(tmp_path / "back").notes
    assert "another version" in note
    assert content(tmp_path / "back") == {"a/b": "x"}


def test_strange_times_are_no_harm(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    experiment.upload_file(tmp_path / "f", name="a")
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    forge(experiment, tmp_path, line(experiment, "a", sha256=digest, mtime_ns=10**40))
    experiment.download_all(tmp_path / "back")
    assert content(tmp_path / "back") == {"a": "x"}


@pytest.mark.parametrize("prefix", ["../../up", "..", "/abs"])
def test_a_hostile_manifest_leads_nowhere(
    experiment: Experiment, tmp_path: Path, prefix: str
) -> None:
    (tmp_path / "f").write_text("x")
    name = remote_name("a", prefix)
    experiment.upload_file(tmp_path / "f", name=name)
    folder = ManifestFolder.model_validate(placed("made") | {"source": 0, "folder": True})
    forge(experiment, tmp_path, line(experiment, "a", prefix), folder, prefix=prefix)
    before = set(tmp_path.rglob("*"))
    experiment.download_all(tmp_path / "back")
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "back", tmp_path / "back" / name}


def test_leftovers_of_a_kill_are_removed(experiment: Experiment, tmp_path: Path) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "sub/file"))
    left = tree(tmp_path / "back", "sub/.aqsync-0123456789abcdef.part", "sub/.aqsync-mine.part")
    experiment.download_all(left)
    assert sorted(path.name for path in (left / "sub").iterdir()) == [".aqsync-mine.part", "file"]


def test_what_another_process_writes_is_no_leftover(experiment: Experiment, tmp_path: Path) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "file"))
    other = (
        tree(tmp_path / "back", ".aqsync-0123456789abcdef.part") / ".aqsync-0123456789abcdef.part"
    )
    with other.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        experiment.download_all(tmp_path / "back")
    assert other.exists()


def test_names_that_a_file_system_takes_for_one(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "Case", "case", "sub/x", "SUB/y", "good"))
    monkeypatch.setattr("aqsync.aqueduct.folder.folds_case", lambda _: True)
    with pytest.raises(TreeIncomplete, match="another case") as caught:
        experiment.download_all(tmp_path / "back")
    assert set(caught.value.problems) == {"case", "sub/x"}
    assert set(content(tmp_path / "back")) == {"Case", "SUB/y", "good"}


def test_a_file_is_read_without_a_file(experiment: Experiment, tmp_path: Path) -> None:
    whole = bytes(range(256)) * 8000
    tree(tmp_path / "a", "sub/file.csv")
    (tmp_path / "a" / "sub" / "file.csv").write_bytes(whole)
    experiment.upload_folder(tmp_path / "a")
    for name in ("sub/file.csv", "sub~file.csv", experiment.files[-1]):
        with experiment.open(name) as file:
            assert file.read(10) == whole[:10]
    with experiment.open("sub/file.csv") as file:
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert file.seek(-5, io.SEEK_END) == len(whole) - 5
        assert file.read() == whole[-5:]
        file.seek(3)
        assert file.read(2) == whole[3:5]
        assert file.tell() == 5
        file.seek(len(whole) + 10)
        assert file.read() == b""
        with pytest.raises(ValueError, match="before"):
            file.seek(-1)
    with pytest.raises(RemoteFileNotFound, match="no file 'none'"):
        experiment.open("none")


def test_a_person_who_breaks_reading_off_does_not_make_a_shorter_file(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "file"))

    def broken_off() -> Iterator[bytes]:
        yield from ()
        raise KeyboardInterrupt

    with experiment.open("file") as file:
        monkeypatch.setattr(file.raw, "_chunks", broken_off())
        with pytest.raises(KeyboardInterrupt):
            file.read()
        with pytest.raises(Interrupted):
            file.read()


def test_manifests_are_read_again_only_when_something_has_changed(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "one"))
    assert set(experiment.paths) == {"one"}
    with monkeypatch.context() as patched:
        patched.setattr("aqsync.aqueduct.experiment.find_tree", None)
        assert set(experiment.paths) == {"one"}
    experiment.upload_folder(tree(tmp_path / "a", "two"))
    assert set(experiment.paths) == {"one", "two"}


def test_what_others_stored_since_the_list_stays_on_a_server_that_checks_nothing(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Client.upload

    def unchecked(server: Client, *given: Any, expected: object = None) -> UploadReceipt:
        del expected
        return upload(server, *given)

    def then_stored(server: Client, uuid: UUID) -> FoundTree:
        found = find_tree(server, uuid)
        upload(server, uuid, "theirs", [b"theirs"], 6)
        return found

    monkeypatch.setattr(Client, "upload", unchecked)
    monkeypatch.setattr("aqsync.aqueduct.tree_upload.find_tree", then_stored)
    with pytest.raises(TreeIncomplete) as caught:
        experiment.upload_folder(tree(tmp_path / "a", "theirs", "ours"))
    assert isinstance(caught.value.problems["theirs"], AlreadyThere)
    assert experiment.open("theirs").read() == b"theirs"
    assert experiment.open("ours").read() == b"content of ours"


def test_a_folder_that_is_none(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot be opened"):
        experiment.upload_folder(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be made"):
        experiment.download_all(tmp_path / "file" / "below")


def test_what_is_no_file_is_never_replaced(experiment: Experiment, tmp_path: Path) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "fifo", "file"))
    back = tree(tmp_path / "back", "file")
    os.mkfifo(back / "fifo")
    with pytest.raises(TreeIncomplete, match="a pipe or a device"):
        experiment.download_all(back, overwrite=True)
    with pytest.raises(LocalError, match="a pipe or a device"):
        experiment.download_file("fifo", back)
    assert (back / "fifo").is_fifo()


def test_two_downloads_into_one_directory_share_the_work(
    experiment: Experiment, tmp_path: Path
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "same", "other"))
    back = tmp_path / "back"

    def another_was_quicker(_: int) -> None:
        tree(back, "same")
        (back / "other").write_text("something else")

    found = find_tree(experiment._server, experiment.uuid).tree
    with Folder(back, make=True) as folder:
        download = TreeDownload(
            experiment._server,
            experiment.uuid,
            folder,
            overwrite=False,
            came=another_was_quicker,
        )
        moved = {each.path: each for each in download.all_of(found)}
    assert moved["same"].was_there
    assert isinstance(moved["other"].problem, AlreadyThere)
    assert content(back) == {"same": "content of same", "other": "something else"}


def test_leftovers_go_though_nothing_is_to_be_written(
    experiment: Experiment, tmp_path: Path
) -> None:
    """As after a kill between the name that a file gets and the one that it loses."""
    experiment.upload_folder(tree(tmp_path / "a", "sub/file"))
    back = tree(tmp_path / "back", "sub/file")
    (back / "sub" / ".aqsync-0123456789abcdef.part").hardlink_to(back / "sub" / "file")
    assert experiment.download_all(back).was_there == ["sub/file"]
    assert set(content(back)) == {"sub/file"}


@pytest.mark.parametrize(
    "name", [".aqsync-0123456789abcdef.part", ".aqsync-freeing-0123456789abcdef.tmp"]
)
def test_names_that_aqsync_gives_are_no_names_of_data(
    experiment: Experiment, tmp_path: Path, name: str
) -> None:
    sent = experiment.upload_folder(tree(tmp_path / "a", name, "file"))
    assert sent.moved == ["file"]
    experiment.upload_file(tmp_path / "a" / name)
    with pytest.raises(TreeIncomplete, match="removes again"):
        experiment.download_all(tmp_path / "back")
    assert set(content(tmp_path / "back")) == {"file"}
    with experiment.open(name) as file:
        assert file.read() == f"content of {name}".encode()


def test_a_full_disk_leaves_no_gap_in_what_is_read(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "file"))
    with Path("/dev/full").open("r+b", buffering=0) as full, experiment.open("file") as file:
        with monkeypatch.context() as patched:
            patched.setattr(file.raw, "_kept", full)
            with pytest.raises(OSError, match="No space"):
                file.read()
        with pytest.raises(OSError, match="No space"):
            file.read()


def test_names_that_are_too_long_for_an_archive_are_those_of_the_server(
    experiment: Experiment, tmp_path: Path
) -> None:
    path = "/".join(["a" * 200] * 400)
    (tmp_path / "f").write_text("x")
    experiment.upload_file(tmp_path / "f", name=remote_name(path))
    [file] = [TreeFile(path, each.name, "") for each in experiment.files]
    pieces = zip_chunks(
        experiment._server, experiment.uuid, Tree((file,), (f"{path}/b",)), ended=lambda _: None
    )
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.namelist() == [remote_name(f"{path}/b") + "/", file.name]


def test_other_names_of_a_file_keep_content_and_time(
    experiment: Experiment, tmp_path: Path
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "same", "changed"))
    precious, back = tree(tmp_path / "precious", "same", "changed"), tmp_path / "back"
    (precious / "changed").write_text("precious")
    os.utime(precious / "same", ns=(1, 1))
    back.mkdir()
    for path in precious.iterdir():
        (back / path.name).hardlink_to(path)
    experiment.download_all(back, overwrite=True)
    assert differences(tmp_path / "a", back) == []
    assert (precious / "changed").read_text() == "precious"
    assert (precious / "same").stat().st_mtime_ns == 1


@pytest.mark.parametrize("told", [True, False])
def test_a_file_here_that_a_disk_does_not_give_stops_no_other(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    experiment.upload_folder(tree(tmp_path / "a", "bad", "good"))
    back = tree(tmp_path / "back", "bad")
    if not told:
        experiment.remove_files([*manifests(experiment)])
    real = Folder.reading

    @contextmanager
    def reading(self: Folder, path: str) -> Iterator[BinaryIO]:
        with real(self, path) as file:
            os.dup2(unreadable.fileno(), file.fileno())
            yield file

    with Path("/proc/self/mem").open("rb", buffering=0) as unreadable:
        monkeypatch.setattr(Folder, "reading", reading)
        with pytest.raises(TreeIncomplete, match="cannot be read: Input/output error") as caught:
            experiment.download_all(back)
        assert set(caught.value.problems) == {"bad"}
        with pytest.raises(TreeIncomplete) as caught:
            experiment.upload_folder(tree(tmp_path / "more", "new"))
    assert isinstance(caught.value.problems["new"], FileUnreadable)
