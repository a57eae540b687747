"""What is checked under the systemd that `boot_systemd.py` boots; its process 1 starts this."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.hanging_disk import mounted_hanging_disk

AQSYNC = "/opt/aqsync/bin/aqsync"
PYTHON = "/opt/aqsync/bin/python"
URL = "http://127.0.0.1:8000"
TOKEN = "boot-s3cret-token"
DATA = Path("/srv/lab/data")
CONFIG = Path("/etc/aqsync/config.yaml")
UNIT = "aqsync.service"
LONGEST_S = 300.0

SERVER_UNIT = f"""[Service]
ExecStart={AQSYNC} serve --data /srv/aqueduct --port 8000 --token-file /etc/aqsync/token
"""

RECEIVER = """import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps(body), file=open("/srv/received", "a"), flush=True)
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8100), Handler).serve_forever()
"""


class Failed(Exception):
    """Something is not as it must be."""


def run(*words: str | Path, fails: bool = False) -> str:
    """Run a command and give what it prints on both streams."""
    ran = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
    if (ran.returncode != 0) is not fails:
        command = " ".join(map(str, words))
        raise Failed(f"{command}: ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return (ran.stdout + ran.stderr).strip()


def wait_for(what: str, found: Callable[[], object], longest_s: float = LONGEST_S) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + longest_s
    while not found():
        if time.monotonic() > deadline:
            raise Failed(f"not within {longest_s} s: {what}")
        time.sleep(0.05)


def fails(call: Callable[[], object]) -> bool:
    """Whether a command does."""
    try:
        call()
    except Failed:
        return True
    return False


def require(what: str, *, so: bool) -> None:
    """It must be so."""
    if not so:
        raise Failed(what)


def shown(name: str) -> str:
    """A property of the unit."""
    return run("systemctl", "show", UNIT, f"--property={name}", "--value")


def in_journal(text: str) -> Callable[[], bool]:
    """Whether the daemon has written it."""
    return lambda: any(text in message for message, _ in journal())


def journal() -> list[tuple[str, int]]:
    """What the daemon wrote: the message and its priority."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--unit", UNIT, "--output", "json", "--quiet").splitlines()
    records = [json.loads(line) for line in lines]
    # Not what systemd says of it, nor what `aqsync reload` says to people.
    daemons = {r["_PID"] for r in records if str(r["MESSAGE"]).startswith("info started")}
    own = [record for record in records if record.get("_PID") in daemons]
    return [(str(record["MESSAGE"]), int(record["PRIORITY"])) for record in own]


class Boot:
    """The checks, in the order of their names' appearance; each builds on those before."""

    def __init__(self) -> None:
        self.eid = ""

    def everything(self) -> None:
        for name, check in vars(type(self)).items():
            if name.startswith("check_"):
                began = time.monotonic()
                check(self)
                words = name.removeprefix("check_").replace("_", " ")
                sys.stdout.write(f"ok: {words} ({time.monotonic() - began:.1f} s)\n")

    def remote(self) -> set[str]:
        """The names in the experiment."""
        access = ("--url", URL, "--token-file", "/etc/aqsync/token")
        listed = json.loads(run(AQSYNC, "files", "list", self.eid, "--json", *access))
        return {file["name"] for file in listed}

    def arrives(self, name: str) -> None:
        """It will be there; its mapping's prefix and name are parted by ``~``."""
        wait_for(f"{name} is on the server", lambda: name in self.remote())

    def write(self, name: str, folder: Path = DATA) -> None:
        """Whom the data belongs to writes a file."""
        run("setpriv", "--reuid=anna", "--regid=lab", "--clear-groups", "sh", "-c",
            f"umask 027; mkdir -p {folder}; echo {name} > {folder / name}")  # fmt: skip

    def configure(self, *folders: Path) -> None:
        mappings = "".join(
            f"  - {{name: {f.name}, directory: {f}, experiment: {self.eid}, prefix: {f.name}}}\n"
            for f in folders
        )
        CONFIG.write_text(
            f"server: {{url: '{URL}'}}\ndefaults: {{settle: 1s}}\nmappings:\n{mappings}"
        )

    def check_a_server_that_wants_a_token_and_data_that_belongs_to_anna(self) -> None:
        CONFIG.parent.mkdir()
        token = CONFIG.parent / "token"
        token.touch(mode=0o600)
        token.write_text(f"{TOKEN}\n")
        Path("/etc/systemd/system/aqueduct.service").write_text(SERVER_UNIT)
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "aqueduct")
        create = (AQSYNC, "experiment", "create", "boot", "--url", URL, "--token-file", token)
        wait_for("the server is up", lambda: not fails(lambda: run(*create)))
        self.eid = run(*create)
        run("groupadd", "lab")
        run("useradd", "--gid", "lab", "--no-create-home", "anna")
        DATA.parent.mkdir(mode=0o755)
        DATA.mkdir(mode=0o750)
        run("chown", "anna:lab", DATA)
        self.write("before.csv")

    def check_install_refuses_a_wrong_configuration(self) -> None:
        CONFIG.write_text("server: {adress: x}\n")
        said = run(AQSYNC, "service", "install", fails=True)
        require(f"it says so: {said}", so="adress: unknown key" in said)
        require("nothing was written", so=not Path("/etc/systemd/system", UNIT).exists())

    def check_install_makes_the_user_and_starts_the_daemon(self) -> None:
        self.configure(DATA)
        said = run(AQSYNC, "service", "install")
        require(f"the user was made: {said}", so="made the user aqsync" in said)
        require(f"what it cannot read is said: {said}", so=str(DATA) in said)
        require("it is active", so=shown("ActiveState") == "active")
        require("it is enabled", so=shown("UnitFileState") == "enabled")
        require("it is the user's", so=shown("User") == "aqsync")

    def check_doctor_looks_as_the_user_of_the_service(self) -> None:
        said = run(AQSYNC, "doctor", fails=True)
        closed = f"fault: permissions: the directory {DATA} cannot be looked at"
        require(f"only {DATA} is closed: {said}", so=closed in said and "1 fault," in said)

    def check_a_member_of_the_group_may_read(self) -> None:
        run("usermod", "--append", "--groups", "lab", "aqsync")
        run("systemctl", "stop", UNIT)
        run("systemctl", "start", "--no-block", UNIT)
        states = set()
        while "active" not in states:
            states.add(shown("ActiveState"))
            require(f"it starts: {states}", so=not states - {"activating", "active"})
        require(f"it was not active before READY: {states}", so="activating" in states)
        require("it says how it is", so="1 mapping" in shown("StatusText"))
        # The token can only have come as a credential: the user may not read the file.
        self.arrives("data~before.csv")

    def check_a_file_that_is_written_is_uploaded(self) -> None:
        self.write("after.csv")
        self.arrives("data~after.csv")
        listed = run("journalctl", "--unit", UNIT, "--quiet", "--no-pager")
        require("the token is not in the log", so=TOKEN not in listed)
        wait_for("the upload is in the log", in_journal("after.csv"))

    def check_doctor_finds_no_fault(self) -> None:
        said = run(AQSYNC, "doctor")
        for well in ("service: aqsync.service is active", "daemon: it answers", "access: "):
            require(f"{well}: {said}", so=f"ok: {well}" in said)
        require(f"the journal is the service's: {said}", so="/var/lib/aqsync/journal.db" in said)
        said = run("setpriv", "--reuid=anna", "--regid=lab", "--clear-groups", AQSYNC, "doctor")
        require(f"anna is told to call it with sudo: {said}", so="call it with sudo" in said)

    def check_the_daemon_may_write_nothing_but_its_state(self) -> None:
        inside = ("nsenter", "--mount", f"--target={shown('MainPID')}")
        for place in (DATA, Path("/etc"), Path("/srv"), Path("/"), Path("/usr")):
            said = run(*inside, "touch", place / "x", fails=True)
            require(f"{place} is read-only: {said}", so="Read-only file system" in said)
        run(*inside, "touch", "/var/lib/aqsync/x")
        require("the journal lies there", so=Path("/var/lib/aqsync/journal.db").exists())

    def check_it_sees_nothing_but_the_system_and_the_data(self) -> None:
        inside = ("nsenter", "--mount", f"--target={shown('MainPID')}")
        for place in ("/home", "/root/.profile", "/var/log", "/var/backups", "/boot"):
            run(*inside, "ls", place, fails=True)
        for place in ("/etc/aqsync/token", "/etc/shadow"):
            run(*inside, "cat", place)
            hidden = run(*inside, "stat", "--format=%a", place)
            require(f"{place} is hidden, even from root: {hidden}", so=hidden == "0")
        run(*inside, "cat", DATA / "after.csv")
        require("it sees processes", so="systemd" in run(*inside, "cat", "/proc/1/comm"))

    def check_a_disk_that_is_mounted_later_is_seen(self) -> None:
        late = DATA / "late"
        late.mkdir()
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "late", late)
        run("chown", "anna:lab", late)
        self.write("mounted.csv", late)
        # No event tells of a mount: the file is found by a scan, which a push asks for.
        run("setpriv", "--reuid=aqsync", "--regid=aqsync", "--init-groups", "env",
            "STATE_DIRECTORY=/var/lib/aqsync", AQSYNC, "push", "--config", CONFIG)  # fmt: skip
        self.arrives("data~late~mounted.csv")
        inside = ("nsenter", "--mount", f"--target={shown('MainPID')}")
        asked = f"from aqsync.local.mounts import mounts_below as m; print(*m('{DATA}'))"
        require("it looks them up in /proc", so=run(*inside, PYTHON, "-c", asked) == "late")

    def check_a_disk_without_events_is_seen_and_known(self) -> None:
        """FUSE stands for network disks: both are mounted by others, and give no events."""
        if not Path("/dev/fuse").exists():
            sys.stdout.write("not checked, for want of FUSE: ")
            return
        place = DATA.parent / "network"
        place.mkdir()
        before = CONFIG.read_text()
        with mounted_hanging_disk(place) as disk:
            disk.files["far.csv"] = b"far"
            self.configure(DATA, place)
            run("systemctl", "reload", UNIT)
            self.arrives("network~far.csv")
            inside = ("nsenter", "--mount", f"--target={shown('MainPID')}")
            asked = f"from pathlib import Path as P; print(without_events(P('{place}')))"
            said = run(
                *inside, PYTHON, "-c", f"from aqsync.local.mounts import without_events; {asked}"
            )
            require(f"its kind is known: {said}", so=said == "fuse.hanging")
        CONFIG.write_text(before)
        run("systemctl", "reload", UNIT)

    def check_a_root_that_comes_after_the_start_is_seen(self) -> None:
        lab, plugged, elsewhere = DATA.parent, Path("/data/usb"), Path("/data/plain")
        plugged.mkdir(parents=True)
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "usb", plugged)  # so it is at the install
        (plugged / "run").mkdir()
        elsewhere.mkdir()
        roots = (DATA, lab / "missing", plugged / "run", elsewhere / "root")
        self.configure(*roots)
        run("umount", plugged)
        run(AQSYNC, "service", "install")
        run("systemctl", "stop", UNIT)
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "usb", plugged)
        (plugged / "run").mkdir()
        run(AQSYNC, "service", "install")
        run("systemctl", "stop", UNIT)
        run("umount", plugged)  # as after a start of the machine
        run("systemctl", "start", UNIT)
        self.write("starts.csv")
        self.arrives("data~starts.csv")
        (lab / "missing").mkdir()
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "usb", plugged)
        for root in roots[1:]:
            root.mkdir(exist_ok=True)
            run("chown", "anna:lab", root)
            self.write("late.csv", root)
        push = ("setpriv", "--reuid=aqsync", "--regid=aqsync", "--init-groups", "env",
                "STATE_DIRECTORY=/var/lib/aqsync", AQSYNC, "push", "--config", CONFIG)  # fmt: skip
        wait_for("all are seen", lambda: not fails(lambda: run(*push)), 60)
        for root in roots[1:]:
            self.arrives(f"{root.name}~late.csv")

    def check_a_root_that_is_replaced_is_seen(self) -> None:
        """Within the unit too it is another directory: nothing counts as removed."""
        root = Path("/data/plain/root")
        root.rename("/data/plain/old")
        root.mkdir()
        run("chown", "anna:lab", root)
        wait_for("it is told", in_journal("is not the one known before"))
        root.rmdir()
        Path("/data/plain/old").rename(root)
        self.write("again.csv", root)
        self.arrives("root~again.csv")

    def check_a_link_in_the_place_of_a_root_leads_nowhere(self) -> None:
        inside = ("nsenter", "--mount", f"--target={shown('MainPID')}")
        root = Path("/data/plain/root")
        root.rename("/data/plain/aside")
        secret = Path("/root/secret")
        secret.mkdir(mode=0o755)
        (secret / "key").write_text("s3cret")
        root.symlink_to(secret)
        run(*inside, "ls", f"{root}/", fails=True)
        root.unlink()
        Path("/data/plain/aside").rename(root)

    def check_reload_with_a_root_that_is_not_seen_says_what_to_do(self) -> None:
        before = CONFIG.read_text()
        far = Path("/scratch/far")
        far.mkdir(parents=True)
        self.configure(DATA, far)
        run("systemctl", "reload", UNIT, fails=True)
        wait_for("the log says what to do", in_journal("aqsync service install"))
        require("it goes on", so=shown("ActiveState") == "active")
        run("chown", "anna:lab", far)
        run(AQSYNC, "service", "install")
        self.write("far.csv", far)
        self.arrives("far~far.csv")
        CONFIG.write_text(before)
        run(AQSYNC, "service", "install")

    def check_reload_takes_a_new_configuration(self) -> None:
        second = DATA.parent / "second"
        second.mkdir(mode=0o750)
        run("chown", "anna:lab", second)
        process = shown("MainPID")
        self.configure(DATA, second)
        run("systemctl", "reload", UNIT)
        self.write("second.csv", second)
        self.arrives("second~second.csv")
        require("it is the same process", so=shown("MainPID") == process)
        require("it is active", so=shown("ActiveState") == "active")

    def check_reload_refuses_a_wrong_one_and_goes_on(self) -> None:
        before = CONFIG.read_text()
        CONFIG.write_text(before + "nonsense: 1\n")
        run("systemctl", "reload", UNIT, fails=True)
        run("systemctl", "kill", "--signal=HUP", UNIT)
        wait_for("the log says what is wrong", in_journal("is refused, the old one stays"))
        CONFIG.write_text(before)
        wait_for("it is active", lambda: shown("ActiveState") == "active")
        self.write("goes-on.csv")
        self.arrives("data~goes-on.csv")

    def check_a_server_that_is_away_and_back(self) -> None:
        run("systemctl", "stop", "aqueduct")
        self.write("waits.csv")
        wait_for("the log says so", in_journal("the server cannot be used"))
        run("systemctl", "start", "aqueduct")
        wait_for("the server is up", lambda: not fails(self.remote))
        self.arrives("data~waits.csv")

    def check_lines_have_priorities_and_no_marks(self) -> None:
        lines = journal()
        priorities = {priority for _, priority in lines}
        require(f"info, warning and error: {lines}", so={6, 4, 3} <= priorities)
        require(f"no marks are left: {lines}", so=not any(m.startswith("<") for m, _ in lines))
        require(f"no times: {lines}", so=not any(m.startswith("20") for m, _ in lines))
        for message, priority in lines:
            said = {6: "info ", 4: "warning ", 3: "error "}[priority]
            require(f"{message!r} has priority {priority}", so=message.startswith(said))

    def check_a_stuck_daemon_is_started_again(self) -> None:
        drop_in = Path(f"/etc/systemd/system/{UNIT}.d/quick.conf")
        drop_in.parent.mkdir()
        drop_in.write_text("[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\nRestartSec=0\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)
        time.sleep(5)
        require("a healthy one is left alone", so=shown("NRestarts") == "0")
        process = shown("MainPID")
        run("kill", f"-{signal.SIGSTOP.name.removeprefix('SIG')}", process)
        wait_for("it is another process", lambda: shown("MainPID") not in {process, "0"})
        wait_for("it is active", lambda: shown("ActiveState") == "active")
        require("it is a restart", so=shown("NRestarts") == "1")
        self.write("restarted.csv")
        self.arrives("data~restarted.csv")

    def check_a_daemon_that_is_killed_is_told_of_once(self) -> None:
        Path("/srv/receiver.py").write_text(RECEIVER)
        run("systemd-run", "--unit=receiver", PYTHON, "/srv/receiver.py")
        text = CONFIG.read_text()
        CONFIG.write_text(
            f"{text}notify: {{urls: ['http://127.0.0.1:8100/s3cret'], on: [stopped, recovered]}}\n"
        )
        said = run(AQSYNC, "notify", "test")
        require(f"a message arrives: {said}", so="has taken the message" in said)
        run("systemctl", "restart", UNIT)
        for count in (1, 2):
            process = shown("MainPID")
            run("kill", "-KILL", process)
            wait_for("it is another", lambda p=process: shown("MainPID") not in {p, "0"})  # type: ignore[misc]  # bound now
            wait_for("it is active", lambda: shown("ActiveState") == "active")
            require(f"kill {count} is told once: {self.told()}", so=len(self.told()) == 2)
        require(f"by whom: {self.told()}", so=self.told()[1][0] == "stopped")
        require(f"and why: {self.told()}", so="systemd says: signal" in self.told()[1][1])
        wait_for(
            "its end is over", lambda: [event for event, _ in self.told()][2:] == ["recovered"]
        )

    def check_one_that_is_not_started_again_is_told_of_by_the_other_unit(self) -> None:
        drop_in = Path(f"/etc/systemd/system/{UNIT}.d/never.conf")
        drop_in.write_text("[Service]\nRestart=no\nExecStopPost=\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)
        wait_for("it has run for a while", lambda: self.told()[-1][0] == "recovered")
        before = len(self.told())
        run("kill", "-KILL", shown("MainPID"))
        wait_for("it is told", lambda: len(self.told()) > before)
        event, why = self.told()[-1]
        require(f"by OnFailure: {event} {why}", so=event == "stopped" and "signal" in why)
        listed = run("journalctl", "--quiet", "--no-pager")
        require("the address is in no log", so="8100/s3cret" not in listed)
        drop_in.unlink()
        run("systemctl", "stop", "receiver")
        self.configure(DATA)
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)

    @staticmethod
    def told() -> list[tuple[str, str]]:
        """The messages that came: event and text."""
        lines = Path("/srv/received").read_text().splitlines()
        return [(found["event"], found["text"]) for found in map(json.loads, lines)]

    def check_stop_in_good_order(self) -> None:
        run("systemctl", "stop", UNIT)
        require("it ended well", so=shown("Result") == "success")
        require(
            "by itself, with 0", so=(shown("ExecMainCode"), shown("ExecMainStatus")) == ("1", "0")
        )
        wait_for("it says so", in_journal("stopped"))

    def check_status(self) -> None:
        said = run(AQSYNC, "service", "status", fails=True)
        require(f"it is down: {said}", so="state: inactive (dead)" in said)
        run("systemctl", "start", UNIT)
        said = run(AQSYNC, "service", "status")
        require(f"it is up: {said}", so="state: active (running)" in said)
        require(f"with its last lines: {said}", so="info " in said)

    def check_a_token_file_is_not_needed(self) -> None:
        Path("/etc/aqsync/token").rename("/etc/aqsync/token.away")
        run("systemctl", "restart", UNIT)
        wait_for("the server refuses it", in_journal("token"))
        Path("/etc/aqsync/token.away").rename("/etc/aqsync/token")

    def check_the_right_to_read_everything(self) -> None:
        closed = DATA.parent / "closed"
        closed.mkdir(mode=0o700)
        run("chown", "anna:lab", closed)
        self.write("closed.csv", closed)
        self.configure(DATA, closed)
        drop_in = Path(f"/etc/systemd/system/{UNIT}.d/rights.conf")
        right = "CAP_DAC_READ_SEARCH"
        drop_in.write_text(
            f"[Service]\nCapabilityBoundingSet={right}\nAmbientCapabilities={right}\n"
        )
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", UNIT)
        self.arrives("closed~closed.csv")
        run(AQSYNC, "doctor", "--only", "permissions")

    def check_uninstall(self) -> None:
        run(AQSYNC, "service", "uninstall")
        require("it is gone", so=shown("LoadState") == "not-found")
        require("the journal stays", so=Path("/var/lib/aqsync/journal.db").exists())

    def check_a_service_of_annas_own(self) -> None:
        if not Path("/usr/bin/dbus-daemon").exists():
            sys.stdout.write("not checked, for want of D-Bus: ")
            return
        home = Path("/home/anna")
        folder = home / ".config/aqsync"
        folder.mkdir(parents=True)
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(TOKEN)
        own = DATA.parent / "own"
        own.mkdir()
        (folder / "config.yaml").write_text(
            f"server: {{url: '{URL}', token_file: token}}\ndefaults: {{settle: 1s}}\n"
            f"mappings: [{{name: own, directory: {own}, experiment: {self.eid}, prefix: own}}]\n"
        )
        run("chown", "-R", "anna:lab", home, own)
        run("systemctl", "start", "dbus", "systemd-logind")
        run("loginctl", "enable-linger", "anna")
        runtime = Path(f"/run/user/{home.stat().st_uid}")
        wait_for("anna's systemd runs", (runtime / "systemd/private").exists)
        as_anna = (
            *("setpriv", "--reuid=anna", "--regid=lab", "--init-groups"),
            *("env", f"HOME={home}", f"XDG_RUNTIME_DIR={runtime}", AQSYNC),
        )
        said = run(*as_anna, "service", "install", "--user")
        require(f"it lingers already: {said}", so="loginctl" not in said)
        self.write("hers.csv", own)
        self.arrives("own~hers.csv")
        require(
            "she sees it", so="active (running)" in run(*as_anna, "service", "status", "--user")
        )
        run(*as_anna, "push")  # by way of the daemon, without more ado
        run(*as_anna, "service", "uninstall", "--user")
        run(*as_anna, "service", "status", "--user", fails=True)


def main() -> None:
    """Check everything."""
    try:
        Boot().everything()
    except Failed as exc:
        sys.stdout.write(f"FAILED: {exc}\n")
        last = subprocess.run(
            ["journalctl", "--no-pager", "--lines=60"], capture_output=True, text=True, check=False
        )
        sys.stdout.write(f"{last.stdout}\n")
        sys.exit(1)
    Path("/mnt/boot/passed").touch()


if __name__ == "__main__":
    main()
