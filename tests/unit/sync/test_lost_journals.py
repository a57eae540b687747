"""A lost journal is rebuilt from manifests without downloading, and believes none too far."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aqsync.layout.manifest import ManifestFile, is_manifest_name, read, write
from aqsync.model import Compare, InSync, Reason, State
from tests.support.action_lab import MEASUREMENT
from tests.support.lab import EID, Lab

PATHS = ("a", "run/b", "empty")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    keys = {"on_local_delete": "remove", "remove_share": 1.0, "recheck": False}
    with Lab(tmp_path, manifest=True, **keys) as made:
        made.write("a", b"content of a")
        made.write("run/b", b"content of b")
        made.write("empty", b"")
        made.push()
        made.clock.advance(3_600)
        yield made


def lost(lab: Lab) -> None:
    """The journal is lost, and the next push has none."""
    lab.reopen(lose_journal=True)
    lab.server.calls.clear()


def downloads(lab: Lab) -> list[str]:
    return [name for name in lab.server.called("download") if not is_manifest_name(name)]


def claimed(lab: Lab, path: str) -> bool:
    synced = lab.record(path).synced
    return synced is not None and synced.claimed


def change_manifest(lab: Lab, change: Callable[[ManifestFile], ManifestFile]) -> None:
    """Somebody writes another manifest in the place of ours."""
    [name] = [each for each in lab.remote if is_manifest_name(each)]
    header, entries = read([lab.remote[name]])
    target = io.BytesIO()
    write(target, header, [change(e) if isinstance(e, ManifestFile) else e for e in entries])
    lab.server.put(EID, name, target.getvalue())


def test_it_is_rebuilt_without_downloading(lab: Lab) -> None:
    lost(lab)
    result = lab.push()
    assert result.adopted == len(PATHS)
    assert downloads(lab) == []
    assert [name for name in lab.server.called("upload") if not is_manifest_name(name)] == []
    for path in PATHS:
        assert claimed(lab, path)
        step = lab.decision(path)
        assert isinstance(step, InSync)
        assert step.reason is Reason.CLAIMED
    assert sum(map(is_manifest_name, lab.remote)) == 2, "it has a name of its own again"


def test_a_claimed_version_is_replaced_only_after_a_comparison(lab: Lab) -> None:
    lost(lab)
    lab.push()
    lab.write("a", b"new content", age_s=60)
    lab.scan()
    assert isinstance(lab.decision("a"), Compare)
    lab.push()
    assert downloads(lab) == ["a"]
    assert lab.remote["a"] == b"new content"
    assert not claimed(lab, "a")


def test_a_claimed_version_is_removed_only_after_a_comparison(lab: Lab) -> None:
    lost(lab)
    lab.push()
    for path in PATHS:
        (lab.root / path).unlink()
    lab.write("other")
    lab.push()
    lab.clock.advance(60)
    lab.push()
    assert sorted(downloads(lab)) == ["a", "empty", "run~b"]
    assert [name for name in lab.remote if not is_manifest_name(name)] == ["other"]


def their_version(lab: Lab) -> None:
    """Others store other content of the same size, and a manifest that calls it ours."""
    before = lab.server.of(EID).files["a"]
    at = lab.server.put(EID, "a", before.content[::-1])

    def forged(file: ManifestFile) -> ManifestFile:
        return file.model_copy(update={"modified_at": at}) if file.name == "a" else file

    change_manifest(lab, forged)


def test_a_forged_line_lets_nothing_be_replaced(lab: Lab) -> None:
    their_version(lab)
    lost(lab)
    lab.push()
    assert claimed(lab, "a")
    lab.write("a", b"new content", age_s=60)
    lab.push()
    assert lab.remote["a"] == b"content of a"[::-1]
    assert lab.decision("a").state is State.HELD


def test_a_forged_line_lets_nothing_be_removed(lab: Lab) -> None:
    their_version(lab)
    lost(lab)
    lab.push()
    (lab.root / "a").unlink()
    lab.push()
    lab.clock.advance(60)
    lab.push()
    assert lab.remote["a"] == b"content of a"[::-1]
    assert lab.decision("a").reason is Reason.DELETED_COPY_CHANGED
    lab.server.calls.clear()
    lab.push()
    assert downloads(lab) == [], "it is compared once"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"sha256": "ab" * 32}, id="content"),
        pytest.param({"size": 3}, id="size"),
        pytest.param({"modified_at": "2026-11-23T10:00:00+00:00"}, id="time"),
        pytest.param({"modified_at": ""}, id="no time"),
    ],
)
def test_a_line_that_does_not_fit_is_not_believed(lab: Lab, change: dict[str, object]) -> None:
    change_manifest(lab, lambda file: file.model_copy(update=change))
    lost(lab)
    lab.push()
    assert not any(claimed(lab, path) for path in PATHS)
    assert sorted(downloads(lab)) == ["a", "empty", "run~b"]
    assert all(lab.decision(path).reason is Reason.ON_SERVER for path in PATHS)


def test_a_file_that_has_changed_since_is_compared(lab: Lab) -> None:
    lab.write("a", b"content of a and more", age_s=60)
    lost(lab)
    lab.push()
    assert downloads(lab) == ["a"]
    assert lab.remote["a"] == b"content of a and more", "the server has its beginning"


def test_what_is_claimed_is_in_the_next_manifest(lab: Lab) -> None:
    lost(lab)
    lab.push()
    manifests = [read([lab.remote[name]])[1] for name in lab.remote if is_manifest_name(name)]
    assert [len(list(each)) for each in manifests] == [len(PATHS)] * 2


@pytest.mark.parametrize("believed", [True, False])
def test_what_its_writer_had_not_closed_is_marked_again(lab: Lab, *, believed: bool) -> None:
    lab.write("u.png", b"\x89PNG\r\n\x1a\n" + bytes(50), age_s=10_000.0)
    lab.push()
    assert lab.remote["u.png"]
    if not believed:
        for name in list(lab.remote):
            if is_manifest_name(name):
                del lab.server.of(EID).files[name]
    lost(lab)
    lab.push()
    synced = lab.record("u.png").synced
    assert synced is not None
    assert (synced.unfinished, synced.claimed) == ("PNG", believed)


def test_the_last_manifest_of_a_push_says_which_measurements_are_complete(tmp_path: Path) -> None:
    with Lab(tmp_path, manifest=True, measurement=MEASUREMENT) as lab:
        for run in ("run_1", "run_2"):
            lab.write(f"day/{run}/iq.csv", run.encode())
            lab.write(f"day/{run}/done.tag")
        for _ in range(2):
            lab.push()
            [ours] = lab.journal.manifests.all()
            assert not ours.is_outdated
            lost(lab)
