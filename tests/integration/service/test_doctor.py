"""``aqsync doctor`` beside a service, with commands of systemd that answer what a test tells."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import pytest

from aqsync.service import account
from aqsync.service.unit import Unit
from tests.support.fake_systemd import FakeSystemd
from tests.support.project import Ran, run
from tests.unit.service.test_doctor import RUNNING

ME = pwd.getpwuid(os.geteuid()).pw_name
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


def tells(systemd: FakeSystemd, config: Path, **changed: str) -> None:
    known: Mapping[str, str] = RUNNING | {
        "User": ME,
        "ExecStart": f"{{ argv[]=/opt/aqsync run --config {config} ; pid=0 }}",
        **changed,
    }
    systemd.answer("systemctl-show", "".join(f"{key}={known[key]}\n" for key in known))


def examined(config: Path, *codes: str) -> tuple[Ran, list[tuple[str, str]]]:
    only = [word for code in codes for word in ("--only", code)]
    ran = run("doctor", "--json", "--config", config, *only)
    return ran, [(each["verdict"], each["message"]) for each in ran.json["findings"]]


def test_a_service_that_runs(systemd: FakeSystemd, config: Path) -> None:
    tells(systemd, config)
    ran, found = examined(config, "service")
    assert found == [("ok", "aqsync.service is active")]
    assert ran.exit_code == 0


def test_a_service_that_does_not_run_or_start(systemd: FakeSystemd, config: Path) -> None:
    tells(systemd, config, ActiveState="failed", Result="watchdog", UnitFileState="disabled")
    ran, [(first, failed), (second, _)] = examined(config, "service")
    assert (first, second, ran.exit_code) == ("fault", "warning", 1)
    assert "failed (watchdog)" in failed


def test_a_service_of_another_configuration(systemd: FakeSystemd, config: Path) -> None:
    tells(systemd, Path("/etc/other.yaml"))
    _, found = examined(config, "service")
    assert ("warning", "aqsync.service works by another configuration") in found


def test_a_root_that_the_service_does_not_see(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    unit = tmp_path / "aqsync.service"
    unit.write_text(Unit("aqsync", ["/a"], config, ME, sees=[Path("/elsewhere")]).render())
    tells(systemd, config, FragmentPath=str(unit))
    _, found = examined(config, "service")
    assert found[-1][0] == "fault"
    assert f"does not see {tmp_path}/data" in found[-1][1]


def test_without_a_service(systemd: FakeSystemd, config: Path) -> None:
    systemd.answer("systemctl-show", "LoadState=not-found\n")
    ran, [(verdict, message)] = examined(config, "service")
    assert (verdict, ran.exit_code) == ("skipped", 0)
    assert "aqsync service install" in message


def test_without_systemd(systemd: FakeSystemd, config: Path) -> None:
    systemd.fail("systemctl-show", "System has not been booted with systemd as init system")
    ran, [(verdict, _)] = examined(config, "service")
    assert (verdict, ran.exit_code) == ("skipped", 0)


@root_only
def test_root_has_the_variables_of_the_service(systemd: FakeSystemd, config: Path) -> None:
    tells(systemd, config)
    before = dict(os.environ)
    _, [(verdict, message)] = examined(config, "journal")
    assert verdict == "ok", message
    assert "/var/lib/aqsync/journal.db can be made" in message
    assert dict(os.environ) == before


@root_only
def test_permissions_are_those_of_the_services_user(
    systemd: FakeSystemd, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], str, Path | None]] = []

    def ran(self: account.Account, command: list[str], state: Path | None) -> Answer:
        asked.append((command, self.name, state))
        return Answer()

    monkeypatch.setattr(account.Account, "run", ran)
    tells(systemd, config, User="daemon")
    _, found = examined(config, "permissions")
    assert found == [("fault", "a: closed")]
    [(command, name, state)] = asked
    assert (name, state) == ("daemon", Path("/var/lib/aqsync"))
    assert command[-5:] == ["--json", "--only", "permissions", "--config", str(config)]


@root_only
def test_a_service_that_may_read_everything_is_looked_at_as_root(
    systemd: FakeSystemd, config: Path
) -> None:
    tells(systemd, config, User="daemon", AmbientCapabilities="cap_dac_read_search")
    _, found = examined(config, "permissions")
    assert found == [("ok", "a: all that is not ignored can be read")]


def test_who_is_not_root_cannot_see_what_is_the_services(
    systemd: FakeSystemd, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("nobody").pw_uid)
    tells(systemd, config, User="daemon")
    ran, found = examined(config, "token", "access", "journal", "permissions", "daemon", "disk")
    told = [message for verdict, message in found if verdict == "skipped"]
    assert told == ["the service runs as daemon: call it with sudo to look at it"] * 6
    assert ran.exit_code == 0


class Answer:
    """What a process of the service's user prints."""

    returncode = 1
    stderr = ""
    stdout = '{"findings": [{"verdict": "fault", "message": "a: closed", "cure": "open it"}]}'
