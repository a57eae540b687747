"""Boots a real systemd on a copy of this machine, and runs the real unit in it: as root,

    make system-boot

The copy is an overlay in memory of this machine's root, in namespaces of its own, so nothing here
changes; systemd is its process 1. What is checked stands in `in_systemd.py`. Exit status: 0 all
is well, 1 something is not, 77 this machine cannot do it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
CANNOT = 77
LONGEST_S = 3600
OUT = Path("/mnt/boot")
"""Where the copy sees the folder for what it says."""
_NOT_ITS_OWN = "-sys_module,-sys_time,-sys_rawio,-mac_admin,-mac_override"
"""Capabilities over what the copy shares with the machine: its kernel and its clock."""
_NAMESPACES = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup")
_NODES = ("null", "zero", "full", "random", "urandom", "tty")

_TARGET = """[Unit]
Requires=basic.target boot-check.service
After=basic.target
AllowIsolate=yes
"""
_CHECK = f"""[Unit]
After=basic.target
SuccessAction=exit
SuccessActionExitStatus=0
FailureAction=exit
FailureActionExitStatus=1
[Service]
Type=exec
ExecStart={sys.executable} {Path(__file__).with_name("in_systemd.py")}
StandardOutput=append:{OUT}/said
StandardError=append:{OUT}/said
Environment=PYTHONUNBUFFERED=1 PYTHONPATH={PROJECT}
"""


def main() -> int:
    """Boot it, and tell what it says."""
    reason = why_not()
    if reason:
        sys.stderr.write(f"a real systemd cannot be booted here: {reason}\n")
        return CANNOT
    with tempfile.TemporaryDirectory(prefix="aqsync-boot-") as name:
        folder = Path(name)
        _build_wheel(folder)
        cgroup = _make_cgroup()
        try:
            return _boot(folder, cgroup)
        finally:
            _remove_cgroup(cgroup)


def why_not() -> str:
    """What this machine lacks; empty if nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "that takes Linux, and root (not in a container without rights)"
    for program in ("unshare", "mount", "setpriv", "useradd", "usermod", "nsenter"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    if not SYSTEMD.exists():
        return f"there is no {SYSTEMD} (Debian: apt install systemd)"
    if _cgroup_mount() is None:
        return "cgroup2 is not mounted"
    layers = "mkdir u w r && mount -t overlay o -o lowerdir=/,upperdir=u,workdir=w r"
    script = f"mount -t tmpfs t /mnt && cd /mnt && {layers}"
    tried = subprocess.run(
        ["unshare", *_NAMESPACES, "sh", "-c", script], capture_output=True, text=True, check=False
    )
    return tried.stderr.strip()


def _build_wheel(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _cgroup_mount() -> Path | None:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.startswith("cgroup2 "):
            return Path(fields.split()[4])
    return None


def _make_cgroup() -> Path:
    mount = _cgroup_mount()
    assert mount is not None
    [ours] = [
        line.removeprefix("0::")
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if line.startswith("0::")
    ]
    made = mount / ours.strip("/") / f"aqsync-boot-{os.getpid()}"
    made.mkdir()
    return made


def _remove_cgroup(cgroup: Path) -> None:
    folders = [Path(found) for found, _, _ in os.walk(cgroup, topdown=False)]
    for folder in folders:
        for _ in range(50):  # the last processes may still be on their way out
            try:
                folder.rmdir()
                break
            except OSError:
                time.sleep(0.1)


def _boot(folder: Path, cgroup: Path) -> int:
    said = folder / "said"
    said.touch()
    script = 'echo $$ > "$0/cgroup.procs" && exec unshare --kill-child "$@"'
    inside = [sys.executable, __file__, "--inside", str(folder)]
    machine = subprocess.Popen(
        ["sh", "-c", script, str(cgroup), *_NAMESPACES, *inside],
        stdin=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + LONGEST_S
    try:
        with said.open() as lines:
            while machine.poll() is None:
                sys.stdout.write(lines.read())
                sys.stdout.flush()
                if time.monotonic() > deadline:
                    sys.stderr.write(f"it has not ended in {LONGEST_S} s\n")
                    return 1
                time.sleep(0.1)
            sys.stdout.write(lines.read())
    finally:
        if machine.poll() is None:
            machine.send_signal(signal.SIGKILL)
            machine.wait()
    # What systemd's own exit status says differs between ways to end; this does not.
    return 0 if (folder / "passed").exists() else 1


def become_the_machine(folder: Path) -> None:
    """In the new namespaces, as process 1: make the copy of the root and become its systemd."""
    root = _mount_root(folder)
    _mount_kernel_things(root)
    _configure(root)
    os.chdir(root)
    _run("mount", "--move", ".", "/")
    os.chroot(".")
    os.chdir("/")
    _run("mount", "--make-rshared", "/")  # as on a machine: units see what is mounted later
    _install_aqsync()
    os.environ.clear()
    os.environ.update(container="aqsync-boot", PATH="/usr/sbin:/usr/bin:/sbin:/bin")
    without = ["setpriv", f"--bounding-set={_NOT_ITS_OWN}", "--inh-caps=-all"]
    os.execvp(without[0], [*without, str(SYSTEMD), "--system", "--unit=boot.target"])


def _mount_root(folder: Path) -> Path:
    memory = folder / "memory"
    memory.mkdir()
    _run("mount", "-t", "tmpfs", "memory", memory)
    for name in ("upper", "work", "root"):
        (memory / name).mkdir()
    root = memory / "root"
    parts = f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work"
    _run("mount", "-t", "overlay", "overlay", "-o", parts, root)
    # What lies on other file systems the overlay does not show.
    for path in {PROJECT, Path(sys.prefix), Path(sys.base_prefix)}:
        if path.stat().st_dev != Path("/").stat().st_dev:
            _run("mount", "--bind", "--mkdir", path, f"{root}{path}")
    _run("mount", "--bind", "--mkdir", folder, f"{root}{OUT}")
    return root


def _mount_kernel_things(root: Path) -> None:
    for where in ("run", "tmp", "srv", "dev", "var/log"):
        _run("mount", "-t", "tmpfs", "-o", "mode=0755", "memory", root / where)
    (root / "tmp").chmod(0o1777)
    _run("mount", "-t", "proc", "proc", root / "proc")
    _run("mount", "--bind", root / "proc/sys", root / "proc/sys")
    _run("mount", "-o", "remount,bind,ro", root / "proc/sys")
    _run("mount", "-t", "sysfs", "-o", "ro", "sysfs", root / "sys")
    _run("mount", "-t", "cgroup2", "cgroup2", root / "sys/fs/cgroup")
    for name in (*_NODES, *(name for name in ("fuse",) if Path("/dev", name).exists())):
        (root / "dev" / name).touch()
        _run("mount", "--bind", f"/dev/{name}", root / "dev" / name)
    (root / "dev/console").touch()
    _run("mount", "--bind", "/dev/null", root / "dev/console")
    for name, target in (("fd", "/proc/self/fd"), ("ptmx", "pts/ptmx")):
        (root / "dev" / name).symlink_to(target)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (root / "dev" / name).symlink_to(f"/proc/self/fd/{number}")
    (root / "dev/pts").mkdir()
    (root / "dev/shm").mkdir()
    _run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", root / "dev/pts")
    _run("mount", "-t", "tmpfs", "memory", root / "dev/shm")


def _configure(root: Path) -> None:
    units = root / "etc/systemd/system"
    (units / "boot.target").write_text(_TARGET)
    (units / "boot-check.service").write_text(_CHECK)
    (units / "timers.target").unlink(missing_ok=True)
    (units / "timers.target").symlink_to("/dev/null")  # what the machine does at night
    (root / "etc/fstab").write_text("")
    journald = root / "etc/systemd/journald.conf.d"
    journald.mkdir(parents=True, exist_ok=True)
    (journald / "boot.conf").write_text("[Journal]\nStorage=volatile\nRateLimitBurst=0\n")
    # Other users than root run this Python; in the copy they may.
    for path in (Path(sys.base_prefix), Path(sys.prefix), PROJECT):
        for folder in (path, *path.parents):
            os.chmod(f"{root}{folder}", os.stat(f"{root}{folder}").st_mode | 0o055)  # noqa: PTH101, PTH116 - the copy's


def _install_aqsync() -> None:
    """As docs/how-to/run-as-a-service.md says, but with the packages of this environment."""
    environment = Path("/opt/aqsync")
    shutil.rmtree(environment, ignore_errors=True)
    _run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    [wheel] = OUT.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
    [packages] = environment.glob("lib/python*/site-packages")
    [ours] = Path(sys.prefix).glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(f"{ours}\n")


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        become_the_machine(Path(sys.argv[2]))
    sys.exit(main())
