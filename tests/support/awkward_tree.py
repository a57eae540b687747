"""A tree with everything that a file system allows and that is easily lost on the way."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_NAMES = [
    b"plain.csv",
    b"with blank .csv",
    b" begins and ends ",
    b"dots...",
    b"a~b",
    b"a=7Eb",
    b"%41?#&+\"'<>|*:;",
    b"back\\slash",
    b"new\nline",
    b"tab\tand\x07bell\x7f",
    b"-rf",
    b".hidden",
    b"CON",
    b"aux.txt",
    "µ Δ 漢字 é e\u0301 😀".encode(),
    b"not utf-8 \xff\xfe\xe4",
    b"x" * 255,
    ("漢" * 85).encode(),
    b"Case",
    b"cASE",
    b"$(touch out)",
    b"aqsync=manifest.pc.0123456789ab.jsonl.gz",
]


def make_awkward_tree(root: Path) -> None:
    """Make it in a folder, which must be missing."""
    root.mkdir()
    top = os.fsencode(root)
    for number, name in enumerate(_NAMES):
        _write(os.path.join(top, name), b"content of %d" % number, number)  # noqa: PTH118 - bytes
        folder = os.path.join(top, b"in " + name[:200] + b" too")  # noqa: PTH118 - the same
        os.mkdir(folder)  # noqa: PTH102 - the same
        _write(os.path.join(folder, name), b"" if number % 2 else b"\0" * number, number)  # noqa: PTH118 - the same
    deep = root.joinpath(*(f"level {level}" for level in range(60)))
    deep.mkdir(parents=True)
    _write(os.fsencode(deep / "bottom"), os.urandom(300_000), 1)
    for empty in ("empty", "empty/in/empty", "full/and empty", "new\nline/empty"):
        folder_of_all = root / "folders" / empty
        folder_of_all.mkdir(parents=True)
    _write(os.fsencode(root / "folders" / "full" / "file"), b"", 2)


def differences(one: Path, other: Path) -> list[str]:
    """What ``diff -r`` says, and files whose times differ."""
    said = subprocess.run(
        ["/usr/bin/diff", "-r", "--no-dereference", "--", one, other],
        capture_output=True,
        check=False,
    )
    found = said.stdout.decode(errors="backslashreplace").splitlines()
    found += said.stderr.decode(errors="backslashreplace").splitlines()
    for folder, _, names in os.walk(os.fsencode(one)):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - bytes
            twin = os.fsencode(other) + path.removeprefix(os.fsencode(one))
            if not os.path.lexists(twin):
                continue  # diff has said it
            times = os.stat(path).st_mtime_ns, os.stat(twin).st_mtime_ns  # noqa: PTH116 - bytes
            if times[0] != times[1]:
                found.append(f"{path!r}: {times}")
    return found


def _write(path: bytes, content: bytes, number: int) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - bytes
        file.write(content)
    at_ns = 1_600_000_000_123_456_789 + number * 1_000_000_007
    os.utime(path, ns=(at_ns, at_ns))
