"""Manifests say what is on the server, and never take the place of what is not theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aqsync.config import Windows
from aqsync.config.windows import parse_window
from aqsync.errors import Forbidden, Interrupted, ServerFailed, ServerUnreachable, TransferRefused
from aqsync.layout.manifest import (
    Entry,
    FileState,
    Header,
    ManifestFile,
    ManifestFolder,
    is_manifest_name,
    read,
)
from aqsync.model import Freed
from aqsync.sync import manifest_rules
from tests.support.databases import add_rows, open_database
from tests.support.harness import Harness, logged
from tests.support.lab import EID, Killed, Lab

AWAY = ServerUnreachable("no connection", hint="is it on?")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, manifest=True) as made:
        yield made


def names(lab: Lab, eid: str = EID) -> list[str]:
    return [name for name in lab.server.contents(eid) if is_manifest_name(name)]


def manifest(lab: Lab, name: str = "", eid: str = EID) -> tuple[Header, list[Entry]]:
    [found] = [name] if name else names(lab, eid)
    header, entries = read([lab.server.contents(eid)[found]])
    return header, list(entries)


def files(lab: Lab, name: str = "") -> dict[str, ManifestFile]:
    return {e.local_path: e for e in manifest(lab, name)[1] if isinstance(e, ManifestFile)}


def folders(lab: Lab) -> list[str]:
    return [e.local_path for e in manifest(lab)[1] if isinstance(e, ManifestFolder)]


# What it says


def test_it_lists_what_a_push_has_sent(lab: Lab) -> None:
    place = lab.write("run/a.csv", b"a,b\n")
    lab.push()
    header, entries = manifest(lab)
    assert header.eid == EID
    assert header.experiment == str(lab.server.of(EID).uuid)
    [source] = header.sources
    assert (source.mapping, source.directory, source.prefix) == ("lab", str(lab.root), None)
    [file] = entries
    assert isinstance(file, ManifestFile)
    assert (file.local_path, file.name, file.size) == ("run/a.csv", "run~a.csv", 4)
    assert file.mtime_ns == place.stat().st_mtime_ns
    assert file.modified_at == lab.server.of(EID).files["run~a.csv"].modified_at
    assert (file.state, file.complete, file.freed_at) == (FileState.FINAL, None, None)


def test_its_name_tells_prefix_or_host(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "pc 7")
    lab.write("a")
    lab.push()
    assert [name.split(".")[1] for name in names(lab)] == ["pc 7"]
    lab.configure(prefix="fridge-1", manifest=True)
    lab.reopen(lose_journal=True)
    lab.push()
    assert {name.split(".")[1] for name in names(lab)} == {"pc 7", "fridge-1"}


def test_nothing_new_writes_nothing(lab: Lab) -> None:
    lab.write("a")
    lab.push()
    lab.server.calls.clear()
    lab.push()
    assert lab.server.called("upload") == []


def test_what_is_removed_there_is_not_in_it_any_more(lab: Lab) -> None:
    lab.write("a")
    lab.write("b")
    lab.push()
    del lab.server.of(EID).files["a"]
    lab.push()
    assert files(lab).keys() == {"b"}


def test_what_is_deleted_here_and_kept_there_is_in_it(lab: Lab) -> None:
    lab.write("a").unlink()
    lab.write("a")
    lab.write("b")
    lab.push()
    (lab.root / "a").unlink()
    lab.clock.advance(60)
    lab.push()
    assert files(lab).keys() == {"a", "b"}


def test_what_is_removed_with_the_file_here_is_not(lab: Lab) -> None:
    lab.configure(on_local_delete="remove", manifest=True, remove_share=1.0)
    lab.write("a")
    lab.write("b")
    lab.push()
    (lab.root / "a").unlink()
    lab.push()
    assert files(lab).keys() == {"b"}


def test_a_changed_file_has_its_new_version(lab: Lab) -> None:
    lab.write("a", b"first")
    lab.push()
    lab.write("a", b"and second", age_s=0)
    lab.clock.advance(60)
    lab.push()
    assert files(lab)["a"].size == len(b"and second")


def test_names_that_are_no_text_and_cut_ones(lab: Lab) -> None:
    odd, long = "ein\udcffes", f"{'long ' * 40}/{'name ' * 40}"
    lab.write(odd)
    lab.write(long)
    lab.push()
    assert files(lab).keys() == {odd, long}


def test_the_mtime_of_a_database_is_its_last_commit(lab: Lab) -> None:
    place = lab.root / "runs.db"
    at_ns = lab.clock.now_ns() - 60 * 10**9
    with closing(open_database(place)) as writer:
        add_rows(writer)
        os.utime(place, ns=(at_ns - 10**9, at_ns - 10**9))
        os.utime(f"{place}-wal", ns=(at_ns, at_ns))
        lab.push()
    assert files(lab)["runs.db"].mtime_ns == at_ns


def test_empty_folders_are_in_it(lab: Lab) -> None:
    (lab.root / "run/nothing").mkdir(parents=True)
    lab.write("run/a")
    lab.push()
    assert folders(lab) == ["run/nothing"]
    lab.write("run/nothing/b")
    (lab.root / "other").mkdir()
    lab.push()
    assert folders(lab) == ["other"]
    (lab.root / "other").rmdir()
    lab.push()
    assert folders(lab) == []


def test_it_tells_whether_the_measurement_is_complete(lab: Lab) -> None:
    complete = {"sentinel": ("done",)}
    lab.configure(
        manifest=True,
        measurement={"folder": "{run}/", "complete": complete, "send": "as_settled"},
    )
    lab.write("run/a")
    lab.write("loose")
    lab.push()
    assert {path: file.complete for path, file in files(lab).items()} == {
        "run/a": False,
        "loose": None,
    }
    lab.write("run/done")
    lab.push()
    assert files(lab)["run/a"].complete is True


def test_a_folder_with_an_experiment_of_its_own_is_told_from_inside(lab: Lab) -> None:
    lab.configure(experiment="new", path="{date}/{name}/**", manifest=True)
    lab.write("2026-11-23/rabi/data/iq.csv")
    (lab.root / "2026-11-23/rabi/plots").mkdir()
    lab.push()
    [eid] = {each.eid for each in lab.server.experiments.values()} - {EID}
    [name] = names(lab, eid)
    header, entries = manifest(lab, name, eid)
    assert header.eid == eid
    assert header.sources[0].directory == str(lab.root / "2026-11-23/rabi")
    assert [entry.local_path for entry in entries] == ["data/iq.csv", "plots"]


def test_off_leaves_what_is_there(lab: Lab) -> None:
    lab.write("a")
    lab.push()
    [before] = names(lab)
    content = lab.remote[before]
    lab.configure(manifest=False)
    lab.write("b")
    lab.push()
    assert names(lab) == [before]
    assert lab.remote[before] == content


def test_ls_does_not_know_it_as_a_file(lab: Lab) -> None:
    lab.write("a")
    lab.push()
    lab.push()
    found = lab.journal.comparisons.remote_only(EID, [lab.mapping_id])
    assert list(found) == []


# Whose it is


@pytest.mark.parametrize("checks", [True, False])
def test_it_is_replaced_where_it_is_ours(lab: Lab, *, checks: bool) -> None:
    lab.server.checks_conditions = checks
    for number in range(4):
        lab.write(f"{number}")
        lab.push()
    assert len(names(lab)) == 1
    assert files(lab).keys() == {"0", "1", "2", "3"}


@pytest.mark.parametrize("checks", [True, False])
def test_what_others_put_under_its_name_is_never_replaced(lab: Lab, *, checks: bool) -> None:
    lab.server.checks_conditions = checks
    lab.write("a")
    lab.push()
    [ours] = names(lab)
    lab.server.put(EID, ours, b"theirs")
    lab.write("b")
    lab.push()
    assert lab.remote[ours] == b"theirs"
    [new] = set(names(lab)) - {ours}
    assert files(lab, new).keys() == {"a", "b"}
    lab.write("c")
    lab.push()
    assert set(names(lab)) == {ours, new}


@pytest.mark.parametrize("checks", [True, False])
def test_what_others_put_there_at_the_last_moment_is_not_replaced(
    lab: Lab, *, checks: bool
) -> None:
    lab.server.checks_conditions = checks
    lab.write("a")
    lab.push()
    [ours] = names(lab)
    lab.clock.advance(5)
    meddle = lab.server.upload if checks else lab.server.probe_file

    def put() -> None:
        lab.server.put(EID, ours, b"theirs")

    lab.write("b")
    lab.server.troubles["upload"].append(None)
    lab.server.troubles[meddle.__name__].append(put)
    lab.push()
    assert lab.remote[ours] == b"theirs"
    [new] = set(names(lab)) - {ours}
    assert files(lab, new).keys() == {"a", "b"}


def test_one_that_was_removed_is_written_again(lab: Lab) -> None:
    lab.write("a")
    lab.push()
    [ours] = names(lab)
    del lab.server.of(EID).files[ours]
    lab.write("b")
    lab.push()
    assert names(lab) == [ours]
    assert files(lab).keys() == {"a", "b"}


def test_an_earlier_one_that_was_stored_late_does_not_pass_for_the_last(lab: Lab) -> None:
    """A server that tells no time of an upload lists what may be either."""
    lab.write("a")
    lab.push()
    [ours] = names(lab)
    earlier = lab.remote[ours]
    lab.write("b")
    lab.push()
    lab.server.put(EID, ours, earlier)
    lab.push()
    lab.clock.advance(7200)
    lab.push()
    [new] = set(names(lab)) - {ours}
    assert files(lab, new).keys() == {"a", "b"}


def test_the_last_one_is_known_by_its_content_and_read_once(lab: Lab) -> None:
    lab.write("a")
    lab.push()
    for downloads in (1, 0):
        lab.server.calls.clear()
        lab.push()
        assert len(lab.server.called("download")) == downloads
    [ours] = names(lab)
    assert lab.journal.manifests.own(EID) == ours


def test_another_experiment_under_the_same_eid_gets_one_of_its_own(lab: Lab) -> None:
    lab.write("a")
    lab.push()
    [before] = names(lab)
    lab.server.remove(EID)
    lab.server.add(EID)
    lab.push()
    assert len(names(lab)) == 1
    assert names(lab) != [before]
    assert files(lab).keys() == {"a"}


def killed() -> None:
    raise Killed


@pytest.mark.parametrize("checks", [True, False])
@pytest.mark.parametrize("again", [True, False])
def test_one_whose_answer_was_lost_is_recognised(lab: Lab, *, checks: bool, again: bool) -> None:
    lab.server.checks_conditions = checks
    if again:
        lab.write("first")
        lab.push()
    lab.write("a")

    def kill_at_manifest() -> None:
        if is_manifest_name(lab.server.called("upload")[-1]):
            killed()

    lab.server.after["upload"] = kill_at_manifest
    with pytest.raises(Killed):
        lab.push()
    lab.server.after.clear()
    [ours] = names(lab)
    lab.reopen()
    lab.write("b")
    lab.push()
    assert names(lab) == [ours]
    assert files(lab).keys() >= {"a", "b"}


def test_a_kill_before_it_is_sent_leaves_nothing_behind(lab: Lab) -> None:
    lab.write("a")
    lab.server.troubles["upload"].extend([None, killed])
    with pytest.raises(Killed):
        lab.push()
    assert names(lab) == []
    lab.reopen()
    lab.push()
    assert files(lab).keys() == {"a"}


# What goes wrong


@pytest.mark.parametrize(
    "trouble",
    [
        Forbidden("not allowed"),
        TransferRefused("too large", status=413),
        ServerFailed("500"),
    ],
)
def test_a_failure_is_said_tried_again_and_blocks_nothing(lab: Lab, trouble: Exception) -> None:
    harness = Harness(lab)
    harness.run(5)
    lab.server.troubles["upload"].extend([None, *[trouble] * 5])
    with logged() as log:
        harness.write("a", age_s=60)
        harness.run(20)
    assert names(lab) == []
    assert len(log.of("a manifest could not be written")) == 1
    record = lab.journal.manifests.of(EID)
    assert record is not None
    assert record.failure is not None
    lab.server.troubles["upload"].clear()
    harness.write("b", age_s=60)
    harness.run(90)
    assert files(lab).keys() == {"a", "b"}
    record = lab.journal.manifests.of(EID)
    assert record is not None
    assert record.failure is None


def test_a_server_that_is_away_is_no_fault_of_the_manifest(lab: Lab) -> None:
    lab.write("a")
    lab.server.troubles["probe_file"].append(AWAY)
    result = lab.push()
    assert result.server_problem is not None
    record = lab.journal.manifests.of(EID)
    assert record is not None
    assert record.failure is None
    lab.clock.advance(60)
    lab.push()
    assert files(lab).keys() == {"a"}


# When


def test_the_daemon_writes_it_soon_after_the_last_file(lab: Lab) -> None:
    harness = Harness(lab)
    harness.run(5)
    for number in range(3):
        harness.write(f"{number}", age_s=60)
        harness.run(3)
    assert names(lab) == []
    harness.run(20)
    assert files(lab).keys() == {"0", "1", "2"}
    assert all(file.modified_at for file in files(lab).values())
    uploads = lab.server.called("upload")
    harness.run(600)
    assert lab.server.called("upload") == uploads


def test_while_files_go_on_coming_it_is_written_now_and_then(lab: Lab) -> None:
    harness = Harness(lab)
    harness.run(5)
    for number in range(200):
        harness.write(f"{number}", b"x" * 2_000, age_s=60)
        harness.run(1)
    written = [name for name in lab.server.called("upload") if is_manifest_name(name)]
    assert 2 <= len(written) <= 4


def test_outside_the_windows_it_waits(lab: Lab) -> None:
    lab.write("a")
    lab.server.troubles["probe_file"].append(AWAY)
    lab.push()
    opens = local_time(lab) + timedelta(hours=2)
    windows = Windows([parse_window(f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}")])
    lab.push(windows=windows)
    assert names(lab) == []
    harness = Harness(lab, windows=windows)
    harness.run(3_600)
    assert names(lab) == []
    harness.run(3_700)
    assert files(lab).keys() == {"a"}


def test_a_large_one_shows_that_it_gets_on(lab: Lab) -> None:
    """One loop writes it, which must not look as if it hung."""
    for number in range(5):
        lab.write(f"{number}")
    lab.server.troubles["probe_file"].append(AWAY)
    lab.push()
    lab.clock.advance(600)
    assert lab.engine.probe()
    beats = list[float]()
    lab.engine.write_manifests(at_end=True, beat=lambda: beats.append(lab.clock.monotonic()))
    assert files(lab).keys() == {str(number) for number in range(5)}
    assert len(beats) >= 6, "for each line, and each piece that is sent"


def test_one_that_is_being_sent_is_broken_off_when_the_session_ends(lab: Lab) -> None:
    lab.write("a")
    lab.server.troubles["probe_file"].append(AWAY)
    lab.push()
    lab.clock.advance(600)
    assert lab.engine.probe()
    lab.engine.retired = lambda: True
    with pytest.raises(Interrupted):
        lab.engine.write_manifests(at_end=True)
    assert names(lab) == []
    assert lab.journal.remote.server_problem() is None, "that is no failure of the server"
    lab.push()
    assert files(lab).keys() == {"a"}


def local_time(lab: Lab) -> datetime:
    return datetime.fromtimestamp(lab.clock.now_ns() / 1e9, UTC).astimezone()


def test_what_this_journal_wrote_last_is_not_read_before_a_replacement(lab: Lab) -> None:
    lab.server.checks_conditions = True
    lab.write("a", b"first")
    lab.push()
    lab.write("a", b"second", age_s=60)
    lab.server.calls.clear()
    lab.push()
    assert lab.remote["a"] == b"second"
    assert lab.server.called("download") == []


def test_what_is_freed_is_told_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_rules, "SPARE_BYTES", 0)
    lab.write("a")
    lab.push()
    lab.clock.advance(60)
    lab.write("b")
    lab.push()
    assert files(lab).keys() == {"a"}, "it would cost too much"
    file = lab.record("a")
    assert file.synced is not None
    found = Freed(0, file.synced.sha256, file.size, str(file.remote.modified_at))
    assert lab.journal.freed.note([(file, found)], lab.clock.now_ns())
    lab.push()
    assert {path: bool(each.freed_at) for path, each in files(lab).items()} == {
        "a": True,
        "b": False,
    }
    uploads = lab.server.called("upload")
    lab.push()
    assert lab.server.called("upload") == uploads


@pytest.mark.parametrize("set_s", [-7200.0, 0.0, 7200.0])
def test_what_is_freed_is_told_by_one_written_since_whatever_the_clock_says(
    lab: Lab, set_s: float
) -> None:
    lab.write("run/a")
    lab.push()
    lab.clock.set_back(set_s)
    file = lab.record("run/a")
    assert file.synced is not None
    found = Freed(0, file.synced.sha256, file.size, str(file.remote.modified_at))
    assert lab.journal.freed.note([(file, found)], lab.clock.now_ns()) == [file]
    [lacking] = lab.journal.manifests.outdated()
    assert (lacking.lacks_freed, lab.journal.freed.is_told(file)) == (True, False)
    lab.clock.set_back(-2 * set_s)
    lab.push()
    assert lab.journal.freed.is_told(file)
    assert files(lab)["run/a"].freed_at is not None
    # Another name is drawn, under which none is written yet.
    lab.journal.manifests.named(EID, str(lab.server.of(EID).uuid), "another")
    assert not lab.journal.freed.is_told(file)
