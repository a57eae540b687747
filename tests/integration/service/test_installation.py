"""``aqsync service``, with commands of systemd that write down how they are called."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from aqsync.service import conditions, installation
from aqsync.service.unit import MARK
from tests.support import warm
from tests.support.fake_systemd import FakeSystemd
from tests.support.project import Ran, run

ME = pwd.getpwuid(os.geteuid()).pw_name
MAPPINGS = "mappings: [{name: a, directory: /data, experiment: 20261123-1}]\n"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs for the system")


@pytest.fixture
def systemd(systemd: FakeSystemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config-home"))
    monkeypatch.setattr(installation, "SYSTEM_UNITS", tmp_path / "system")
    monkeypatch.setattr(conditions, "_OWN_TMP", ())  # tests live there
    monkeypatch.setattr(subprocess, "Popen", warm.Popen)
    return systemd


def user_unit(tmp_path: Path) -> Path:
    return tmp_path / "config-home" / "systemd" / "user" / "aqsync.service"


def install_user(config: Path, *options: str) -> Ran:
    return run("service", "install", "--user", "--config", config, *options)


def install_system(config: Path, *options: str) -> Ran:
    return run("service", "install", "--config", config, "--run-as", ME, *options)


def test_a_user_installs_a_service(systemd: FakeSystemd, config: Path, tmp_path: Path) -> None:
    ran = install_user(config)

    assert ran.exit_code == 0, ran.text
    text = user_unit(tmp_path).read_text()
    assert text.startswith(MARK)
    assert f" run --config {config}\n" in text
    assert systemd.calls() == [
        "systemctl --user --no-pager show --property=Version --value",
        "systemctl --user --no-pager daemon-reload",
        "systemctl --user --no-pager enable aqsync.service",
        "systemctl --user --no-pager restart aqsync.service",
        "systemctl --user --no-pager is-active --quiet aqsync.service",
        f"loginctl show-user {ME} --property=Linger --value",
    ]
    said = ran.out.splitlines()
    assert said[0] == f"checked the configuration {config} as {ME}"
    assert said[1] == f"wrote {user_unit(tmp_path)}"
    assert f"  sudo loginctl enable-linger {ME}" in said
    assert "journalctl --user -u aqsync" in ran.out


def test_whoever_lingers_is_not_told_so(systemd: FakeSystemd, config: Path) -> None:
    systemd.answer("loginctl", "yes\n")
    assert "loginctl" not in install_user(config).out


def test_what_was_installed_before_is_replaced(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    install_user(config)
    systemd.answer("systemctl-show", "256\n")
    assert install_user(config).exit_code == 0
    assert "RestartSteps=5" in user_unit(tmp_path).read_text()
    names = sorted(file.name for file in user_unit(tmp_path).parent.iterdir())
    assert names == ["aqsync-failed.service", "aqsync.service"]


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_anothers_unit_is_left_alone(
    command: str, systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    user_unit(tmp_path).parent.mkdir(parents=True)
    user_unit(tmp_path).write_text("[Service]\nExecStart=/bin/true\n")

    ran = install_user(config) if command == "install" else run("service", command, "--user")

    assert ran.exit_code == 1
    assert "was not written by `aqsync service install`" in ran.err
    assert user_unit(tmp_path).read_text() == "[Service]\nExecStart=/bin/true\n"
    assert not [call for call in systemd.calls() if "show" not in call]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "aqsync.yaml does not exist"),
        ("server: {}\n", "server.url"),
        (
            f"server: {{url: 'http://127.0.0.1:1', token_file: missing}}\n{MAPPINGS}",
            "missing does not exist",
        ),
    ],
)
def test_a_configuration_that_cannot_be_used_stops_it_before_anything_is_done(
    content: str | None, message: str, systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    config.unlink()
    if content is not None:
        config.write_text(content)

    ran = install_user(config)

    assert ran.exit_code == 2
    assert message in ran.err
    assert "error: error:" not in ran.err
    assert not user_unit(tmp_path).exists()
    assert not [call for call in systemd.calls() if "show" not in call]


def test_a_directory_that_is_missing_now_is_said_and_does_not_stop_it(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").rmdir()
    ran = install_user(config)
    assert ran.exit_code == 0, ran.text
    assert f"{tmp_path}/data" in ran.out
    assert "with problems" in ran.out
    assert any("enable" in call for call in systemd.calls())


@pytest.mark.parametrize("step", ["restart", "is-active"])
def test_a_daemon_that_does_not_start_is_an_error_with_its_last_words(
    step: str, systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    systemd.fail(f"systemctl-{step}", "Job for aqsync.service failed.\nSee the journal.")
    systemd.answer("journalctl", "2026-11-24T16:20:11 aqsync: the journal is in use\n")

    ran = install_user(config)

    assert ran.exit_code == 1
    assert f"does not run: systemctl {step}: Job for aqsync.service failed.; See" in ran.err
    assert "error: 2026-11-24T16:20:11 aqsync: the journal is in use\n" in ran.err
    assert "hint: systemd goes on trying; what it says: journalctl --user -u aqsync -e" in ran.err
    assert user_unit(tmp_path).exists()


def test_without_systemd(config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for words in (("install", "--config", config), ("status",)):
        ran = run("service", *words, "--user")
        assert ran.exit_code == 1
        assert "there is no systemctl on this machine, so no systemd" in ran.err
        assert "hint: start `aqsync run` by the means of this system" in ran.err


@pytest.mark.parametrize(
    ("complaint", "message", "hint"),
    [
        (
            "System has not been booted with systemd as init system (PID 1). Can't operate.",
            "this machine does not run systemd",
            "by the means of this system",
        ),
        ("Failed to connect to bus: No medium found", "No medium found", "enable-linger"),
        ("Failed to connect to user scope bus via local transport", "scope", "enable-linger"),
    ],
)
def test_a_systemd_that_cannot_be_reached(
    complaint: str, message: str, hint: str, systemd: FakeSystemd, config: Path
) -> None:
    systemd.fail("systemctl-show", complaint)
    ran = install_user(config)
    assert ran.exit_code == 1
    assert message in ran.err
    assert hint in ran.err


@pytest.mark.usefixtures("systemd")
def test_a_unit_that_cannot_be_written(config: Path, tmp_path: Path) -> None:
    (tmp_path / "config-home").write_text("in the way")
    ran = install_user(config)
    assert ran.exit_code == 1
    assert f"{user_unit(tmp_path)} cannot be" in ran.err


def test_a_dry_run_prints_the_unit_and_asks_nobody(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    ran = install_user(config, "--dry-run")
    assert ran.exit_code == 0
    assert ran.out.startswith(MARK)
    assert f" run --config {config}\n" in ran.out
    system = run("service", "install", "--config", config, "--dry-run", "--name", "fridge")
    assert "StateDirectory=fridge\n" in system.out
    assert "User=aqsync\n" in system.out
    assert systemd.calls() == []
    assert not user_unit(tmp_path).exists()


def test_uninstall_takes_away_what_install_brought(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    install_user(config)
    systemd.calls()

    ran = run("service", "uninstall", "--user")

    assert ran.exit_code == 0, ran.text
    assert not user_unit(tmp_path).exists()
    assert systemd.calls() == [
        "systemctl --user --no-pager disable --now aqsync.service",
        "systemctl --user --no-pager daemon-reload",
    ]
    again = run("service", "uninstall", "--user")
    assert (again.exit_code, systemd.calls()) == (0, [])
    assert "nothing to uninstall" in again.out


def shown(**properties: str) -> str:
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def test_status_says_how_it_is(systemd: FakeSystemd) -> None:
    systemd.answer(
        "systemctl-show",
        shown(
            LoadState="loaded",
            UnitFileState="enabled",
            FragmentPath="/etc/systemd/system/aqsync.service",
            ActiveState="active",
            SubState="running",
            StateChangeTimestamp="Tue 2026-11-24 16:20:11 UTC",
            StatusText="1 mapping, all in sync",
            MainPID="42",
            NRestarts="3",
            Result="success",
        ),
    )
    systemd.answer("journalctl", "first\nlast\n")
    ran = run("service", "status")
    assert ran.exit_code == 0
    assert ran.out.splitlines() == [
        "unit: /etc/systemd/system/aqsync.service, enabled",
        "state: active (running), since Tue 2026-11-24 16:20:11 UTC",
        "says: 1 mapping, all in sync",
        "process: 42, restarts: 3",
        "  first",
        "  last",
    ]


def test_status_of_one_that_failed_and_of_none(systemd: FakeSystemd) -> None:
    systemd.answer(
        "systemctl-show",
        shown(LoadState="loaded", ActiveState="failed", SubState="failed", Result="watchdog"),
    )
    systemd.fail("journalctl", "No journal files were opened")
    ran = run("service", "status")
    assert ran.exit_code == 1
    assert "last result: watchdog" in ran.out
    systemd.answer("systemctl-show", shown(LoadState="not-found", ActiveState="inactive"))
    ran = run("service", "status", "--user", "--name", "fridge")
    assert ran.exit_code == 1
    assert ran.out.startswith("fridge.service: not installed (not-found)\n")
    assert systemd.calls()[-1].startswith("systemctl --user --no-pager show fridge.service")


def test_a_name_that_is_no_name_of_a_unit(systemd: FakeSystemd) -> None:
    for name in ("../x", "a b", "", "-x", "a.service"):
        assert run("service", "uninstall", f"--name={name}").exit_code == 2
    assert systemd.calls() == []


@pytest.mark.usefixtures("systemd")
def test_the_system_is_roots(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ran = run("service", "install", "--config", config)
    assert ran.exit_code == 1
    assert "root's matter" in ran.err
    assert "--user" in ran.err


@root_only
def test_root_installs_a_service_of_the_system(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    ran = install_system(config, "--name", "fridge")

    assert ran.exit_code == 0, ran.text
    text = (tmp_path / "system" / "fridge.service").read_text()
    assert f"User={ME}\n" in text
    assert "ReadWritePaths=" not in text
    assert "no token: if the server wants one, write it into /etc/fridge/token" in ran.out
    assert systemd.calls()[1:] == [
        "systemctl --no-pager daemon-reload",
        "systemctl --no-pager enable fridge.service",
        "systemctl --no-pager restart fridge.service",
        "systemctl --no-pager is-active --quiet fridge.service",
    ]


@root_only
def test_the_journals_folder_is_writable_where_the_configuration_wants_it(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    with config.open("a") as file:
        file.write(f"journal: {tmp_path}/state/journal.db\n")
    ran = install_system(config)
    assert ran.exit_code == 2
    assert f"the folder of the journal, {tmp_path}/state, does not exist" in ran.err
    assert not [call for call in systemd.calls() if "show" not in call]

    (tmp_path / "state").mkdir()
    assert install_system(config).exit_code == 0
    assert f"BindPaths=-{tmp_path}/state\n" in (tmp_path / "system" / "aqsync.service").read_text()


@root_only
def test_an_unknown_user_is_an_error(systemd: FakeSystemd, config: Path) -> None:
    ran = run("service", "install", "--config", config, "--run-as", "nobody-here")
    assert ran.exit_code == 1
    assert "there is no user nobody-here" in ran.err
    assert len(systemd.calls()) == 1


@root_only
def test_what_lies_in_tmp_would_not_be_seen(
    systemd: FakeSystemd, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(conditions, "_OWN_TMP", (tmp_path,))
    ran = install_system(config)
    assert ran.exit_code == 1
    assert "the configuration lies in" in ran.err
    assert len(systemd.calls()) == 1


@root_only
def test_a_user_who_may_not_run_aqsync(
    systemd: FakeSystemd, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "aqsync"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(installation, "own_command", lambda: [str(program)])
    ran = run("service", "install", "--config", config, "--run-as", "nobody")
    assert ran.exit_code == 1
    assert f"the user nobody cannot run {program}: " in ran.err
    assert "/opt/aqsync" in ran.err
    assert len(systemd.calls()) == 1


@root_only
@pytest.mark.parametrize("changeable", ["configuration", "its folder", "a folder of modules"])
def test_root_starts_nothing_that_others_can_change(
    changeable: str,
    systemd: FakeSystemd,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    monkeypatch.syspath_prepend(modules)
    open_to_all = {"configuration": config, "its folder": config.parent}.get(changeable, modules)
    before = open_to_all.stat().st_mode
    open_to_all.chmod(0o777)
    ran = install_system(config)
    open_to_all.chmod(before)

    assert ran.exit_code == 1, ran.text
    assert f"{open_to_all} can be written to by every user (mode 0777)" in ran.err
    assert "--run-as" in ran.err
    assert not (tmp_path / "system").exists()
    assert not [call for call in systemd.calls() if "show" not in call]


@root_only
def test_root_starts_nothing_that_belongs_to_another_user(
    systemd: FakeSystemd, config: Path, tmp_path: Path
) -> None:
    os.chown(config, 12345, 12345)
    ran = install_system(config)
    assert f"{config} belongs to the user with number 12345" in ran.err
    assert not (tmp_path / "system").exists()
    assert not [call for call in systemd.calls() if "show" not in call]
