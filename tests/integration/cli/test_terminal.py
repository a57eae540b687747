"""What people see and answer on a terminal: real processes, a real terminal."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.contract.tasks import EXTENSION
from tests.support.remote import Remote, on_terminal


def test_a_table_is_drawn(remote: Remote) -> None:
    remote.put("[bold]name.csv")
    code, shown = on_terminal(["files", "list", remote.eid, "--url", remote.url])
    assert code == 0
    assert "[bold]name.csv" in shown


def test_a_terminal_too_narrow_for_a_table_loses_nothing(remote: Remote) -> None:
    uuid = remote.did(
        "extensions", "run", EXTENSION, "fail", "--experiment", remote.eid, "--no-wait"
    ).strip()
    arguments = ["tasks", "list", "--experiment", remote.eid, "--url", remote.url]
    code, shown = on_terminal(arguments, columns=40)
    assert code == 0
    assert uuid in shown
    assert remote.eid in shown
    assert f"{EXTENSION}: fail" in shown


@pytest.mark.parametrize("answer", ["n", "", "x", "yess"])
def test_anything_but_yes_removes_nothing(remote: Remote, answer: str) -> None:
    remote.put("a")
    code, shown = on_terminal(
        ["files", "remove", remote.eid, "a", "--url", remote.url], see="[y/N]", then=answer + "\n"
    )
    assert code == 1
    assert f"Remove a from {remote.eid} (command line)? [y/N]" in shown
    assert "nothing was removed" in shown
    assert remote.names() == {"a"}


def test_yes_removes(remote: Remote) -> None:
    remote.put("a")
    code, shown = on_terminal(
        ["experiment", "remove", remote.eid, "--url", remote.url], see="[y/N]", then="y\n"
    )
    assert code == 0
    assert f"Remove experiment {remote.eid} (command line) with its 1 file?" in shown
    assert f"removed {remote.eid}" in shown
    remote.refused(1, "experiment", "show", remote.eid)


def test_interrupted_at_the_question_removes_nothing(remote: Remote) -> None:
    remote.server.add_tags(remote.experiment.uuid, ["a"])
    code, _ = on_terminal(
        ["tags", "remove", remote.eid, "a", "--url", remote.url],
        see="[y/N]",
        then=signal.SIGINT,
    )
    assert code == 130
    assert remote.json("tags", "list", remote.eid) == ["a"]


def test_a_bar_goes_with_a_transfer(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    (tmp_path / "small").write_bytes(b"x")
    files = [tmp_path / "big", tmp_path / "small"]
    code, shown = on_terminal(["files", "put", remote.eid, *files, "--url", remote.url])
    assert code == 0
    assert "1/2 big" in shown
    assert "2.9 MiB" in shown
    assert "2/2 small" not in shown
    assert shown.endswith("uploaded small (1 B)\n")


def test_interrupted_a_download_leaves_nothing(remote: Remote, tmp_path: Path) -> None:
    remote.put("a", b"x")
    remote.put("big", bytes(150_000_000))
    target = tmp_path / "in"
    code, shown = on_terminal(
        ["files", "get", remote.eid, "a", "big", "--to", target, "--url", remote.url],
        see="2/2 big",
        then=signal.SIGINT,
    )
    assert code == 130, shown
    assert "interrupted; downloaded 1 of 2 files" in shown
    assert [path.name for path in target.iterdir()] == ["a"]


def test_interrupted_waiting_leaves_the_task_running(remote: Remote) -> None:
    code, shown = on_terminal(
        ["extensions", "run", EXTENSION, "sleep", "--experiment", remote.eid, "--url", remote.url],
        see=": STARTED",
        then=signal.SIGINT,
    )
    assert code == 130
    [task] = remote.json("tasks", "list", "--experiment", remote.eid)
    assert task["status"] == "STARTED"
    assert f"task {task['uuid']} goes on" in shown
    remote.did("tasks", "cancel", task["uuid"])


def test_output_is_shown_but_not_obeyed(remote: Remote) -> None:
    arguments = ["-p", "note=\x1b[2J\tend", "--experiment", remote.eid]
    code, shown = on_terminal(
        ["extensions", "run", EXTENSION, "echo", *arguments, "--url", remote.url]
    )
    assert code == 0
    assert "\\x1b[2J" in shown
    assert "\x1b[2J" not in shown
