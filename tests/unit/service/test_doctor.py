"""What the checks of ``aqsync doctor`` make of what they see."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqsync.config import MappingConfig
from aqsync.local.disk import REAL_DISK
from aqsync.local.reach import Reach, look_below
from aqsync.local.rules import Rules
from aqsync.local.watches import Need
from aqsync.service.doctor.disk_checks import (
    journal_kind_result,
    permission_result,
    room_result,
    watches_results,
)
from aqsync.service.doctor.examination import CHECKS, examine
from aqsync.service.doctor.findings import Check, Finding, Result, Verdict, ok
from aqsync.service.doctor.server_checks import clock_result
from aqsync.service.doctor.service_checks import state_result
from aqsync.service.doctor.subject import Subject
from aqsync.service.installed import Installed

MIB = 1 << 20
RUNNING = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "FragmentPath": "",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "NRestarts": "0",
    "NeedDaemonReload": "no",
    "User": "aqsync",
    "AmbientCapabilities": "",
    "ExecStart": "{ path=/opt/aqsync ; argv[]=/opt/aqsync run --config /etc/a.yaml ; pid=1 }",
}


def mapping(root: Path) -> MappingConfig:
    return MappingConfig(name="a", directory=root, experiment="20261123-1", ignore=("*.tmp",))


def test_codes_are_stable_and_unique() -> None:
    assert [check.code for check in CHECKS] == [
        *("config", "token", "server", "access", "rights", "file-name-header", "clock"),
        "experiments",
        *("journal", "disk", "file-system", "permissions", "watches"),
        *("service", "daemon", "messages", "versions"),
    ]
    assert all(check.cure and check.looks_at for check in CHECKS)


@pytest.mark.parametrize(
    ("shown", "verdict", "words"),
    [
        (1000.0, "ok", "agree"),
        (995.0, "ok", "agree"),
        (1010.0, "warning", "10 s ahead of"),
        (990.0, "warning", "8 s behind"),
        (1090.0, "fault", "ahead of"),
        (-9800.0, "fault", "3 h behind"),
    ],
)
def test_clocks(shown: float, verdict: str, words: str) -> None:
    found = clock_result(shown, 1000.0, 1000.0)
    assert (found.verdict, words in found.message) == (verdict, True)


def test_a_slow_answer_proves_nothing_about_clocks() -> None:
    assert clock_result(1000.0, 950.0, 1050.0).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("free", "entries", "ours", "verdict"),
    [
        (5000 * MIB, None, True, "ok"),
        (500 * MIB, 7, True, "warning"),
        (50 * MIB, 7, True, "fault"),
        (50 * MIB, 7, False, "warning"),
        (5000 * MIB, 0, True, "fault"),
        (5000 * MIB, 0, False, "warning"),
    ],
)
def test_room(free: int, entries: int | None, ours: bool, verdict: str) -> None:  # noqa: FBT001 - a row of the table
    assert room_result("the disk", free, entries, ours=ours).verdict == verdict


def test_where_the_journal_lies() -> None:
    assert journal_kind_result("ext4", remote=False).verdict is Verdict.OK
    assert journal_kind_result(None, remote=False).verdict is Verdict.OK
    assert journal_kind_result("tmpfs", remote=False).verdict is Verdict.WARNING
    assert journal_kind_result("nfs4", remote=True).verdict is Verdict.FAULT


def test_watches() -> None:
    few, limits, used = Need(60, 2), Need(100, 128), Need(40, 126)
    assert [each.verdict for each in watches_results(few, limits, used)] == ["ok", "ok"]
    one, other = watches_results(Need(61, 3), limits, used)
    assert (one.verdict, other.verdict) == ("fault", "fault")
    assert "fs.inotify.max_user_watches=256" in one.cure
    assert "fs.inotify.max_user_instances=512" in other.cure


def test_permissions_name_the_first_and_count_the_rest() -> None:
    found = permission_result(mapping(Path("/data")), Reach(3, 9, ["b/c", "d"], whole=False))
    assert found.verdict is Verdict.FAULT
    assert "/data/b/c and 1 more cannot be read; only the first 9 entries" in found.message


def test_a_look_below_counts_ignored_directories_and_ends_in_time(tmp_path: Path) -> None:
    for place in ("one/two", "x.tmp/three"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "link").symlink_to("/")
    rules = Rules(mapping(tmp_path))
    assert look_below(tmp_path, rules, 1000, REAL_DISK) == Reach(5, 5)
    assert not look_below(tmp_path, rules, 1, REAL_DISK).whole


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        ({}, "ok", "is active"),
        ({"NRestarts": "7"}, "ok", "after 7 restarts"),
        ({"ActiveState": "failed", "Result": "exit-code"}, "fault", "failed (exit-code)"),
        ({"ActiveState": "inactive"}, "fault", "it is inactive"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, "fault", "again and again"),
        ({"ActiveState": "activating", "SubState": "start"}, "warning", "is starting"),
        ({"LoadState": "masked"}, "fault", "cannot be loaded (masked)"),
    ],
)
def test_states_of_a_service(changed: dict[str, str], verdict: str, words: str) -> None:
    found = state_result(Installed("aqsync", user=False, known=RUNNING | changed))
    assert (found.verdict, words in found.message) == (verdict, True)


def test_which_configuration_a_service_works_by(tmp_path: Path) -> None:
    found = Installed("aqsync", user=False, known=RUNNING)
    assert found.works_by(Path("/etc/a.yaml"))
    assert not found.works_by(Path("/etc/a"))
    unit = tmp_path / "unit"
    unit.write_text('Environment=A=1\nEnvironment="AQSYNC_SEES=[\\"/a b\\", \\"/100%%\\"]"\n')
    seen = Installed("aqsync", user=False, known=RUNNING | {"FragmentPath": str(unit)}).shown()
    assert seen == {"AQSYNC_SEES": '["/a b", "/100%"]'}


def test_a_check_that_breaks_is_a_fault_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_subject: Subject) -> list[Result]:
        raise RuntimeError("it went wrong")

    checks = (
        Check("one", "?", "?", broken),
        Check("two", "?", "?", lambda _subject: [ok("well")]),
    )
    monkeypatch.setattr("aqsync.service.doctor.examination.CHECKS", checks)
    one, two = examine(Subject(tmp_path / "none", "aqsync"))
    assert (one.verdict, "RuntimeError: it went wrong" in one.message) == ("fault", True)
    assert two == Finding("two", "ok", "well", "")
