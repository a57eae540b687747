"""A program that writes, appends, renames, moves and deletes files, and knows what it did."""

from __future__ import annotations

import hashlib
import random
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from aqsync.layout.names import remote_name

FOLDERS = ("", "run-1", "run-2", "run-2/deep", "µ")
NAMES = ("a.csv", "b.csv", "c #1.bin", "d.csv")


class RandomWriter:
    """Changes a directory at random, by a seed.

    Args:
        root: The directory.
        outside: Beside it, where folders are made that are moved in whole.
        seed: Decides on everything but the moments.

    Attributes:
        versions: By remote name, the SHA-256 of everything that a file of that name ever held.
    """

    def __init__(self, root: Path, outside: Path, seed: int) -> None:
        self.root = root
        self.versions: defaultdict[str, set[str]] = defaultdict(set)
        self._outside = outside
        self._random = random.Random(seed)
        self._count = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._expected: dict[str, bytes] = {}
        outside.mkdir()

    # In the background

    def start(self) -> None:
        """Go on until `stop`."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _go_on(self) -> None:
        while not self._stop.is_set():
            self.act()
            time.sleep(self._random.choice((0.0, 0.01, 0.05)))

    # What it knows

    def disk(self) -> dict[str, bytes]:
        """What lies below the root, by path."""
        files = (file for file in self.root.rglob("*") if file.is_file())
        return {file.relative_to(self.root).as_posix(): file.read_bytes() for file in files}

    def is_untouched(self) -> bool:
        """Whether everything is as this program left it."""
        return self.disk() == self._expected

    def wanted(self) -> dict[str, bytes]:
        """What the server should hold, by remote name."""
        return {remote_name(path): content for path, content in self._expected.items()}

    def differences(self, remote: dict[str, bytes], *foreign: str) -> list[str]:
        """How the server differs from what it should hold, in words.

        Args:
            remote: What it holds, by name.
            foreign: Names of files that others put there, whatever this program wrote.
        """
        found = []
        for name, content in self.wanted().items():
            is_held = content == b"" and remote.get(name)
            if remote.get(name) != content and not is_held and name not in foreign:
                found.append(f"{name}: another content, or none")
        for name, content in remote.items():
            torn = hashlib.sha256(content).hexdigest() not in self.versions[name]
            if torn and name not in foreign:
                found.append(f"{name}: {len(content)} bytes that the file never held")
        return found

    # What it does

    def act(self) -> None:
        """Do one thing."""
        actions: list[tuple[Callable[[], None], int]] = [
            (self._write_whole, 4),
            (self._write_in_pieces, 2),
            (self._append, 3),
            (self._replace, 2),
            (self._rename, 2),
            (self._rename_folder, 1),
            (self._move_folder_in, 1),
            (self._delete, 2),
            (self._delete_folder, 1),
        ]
        [action] = self._random.choices([d for d, _ in actions], [weight for _, weight in actions])
        action()

    def _path(self) -> str:
        folder = self._random.choice(FOLDERS)
        name = self._random.choice(NAMES)
        return f"{folder}/{name}" if folder else name

    def _content(self) -> bytes:
        self._count += 1
        size = self._random.choice((0, 1, 40, 40, 3_000, 3_000, 200_000, 2_500_000))
        mark = f"{self._count}\n".encode()
        return (mark * (size // len(mark) + 1))[:size]

    def _note(self, path: str, content: bytes) -> None:
        self._expected[path] = content
        self.versions[remote_name(path)].add(hashlib.sha256(content).hexdigest())

    def _place(self, path: str) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _write_whole(self) -> None:
        path, content = self._path(), self._content()
        self._note(path, b"")  # for a moment, when an older one is opened for writing
        self._note(path, content)
        self._place(path).write_bytes(content)

    def _write_in_pieces(self) -> None:
        path, content = self._path(), self._content()
        self._note(path, b"")
        with self._place(path).open("wb", buffering=0) as file:
            for at in range(0, len(content), 1 + len(content) // 3):
                end = min(len(content), at + 1 + len(content) // 3)
                self._note(path, content[:end])
                file.write(content[at:end])
                time.sleep(0.02)

    def _append(self) -> None:
        if self._expected:
            path = self._random.choice(sorted(self._expected))
            more = self._content()[:3_000]
            self._note(path, self._expected[path] + more)
            with self._place(path).open("ab", buffering=0) as file:
                file.write(more)

    def _replace(self) -> None:
        """Write to a temporary name, then rename: as careful programs do."""
        path, content = self._path(), self._content()
        temporary = f"{path}.tmp"
        self._note(temporary, b"")
        self._note(temporary, content)
        self._place(temporary).write_bytes(content)
        self._note(path, content)
        self._place(temporary).rename(self._place(path))
        del self._expected[temporary]

    def _rename(self) -> None:
        if self._expected:
            path, to = self._random.choice(sorted(self._expected)), self._path()
            self._note(to, self._expected[path])
            self._place(path).rename(self._place(to))
            if to != path:
                del self._expected[path]

    def _rename_folder(self) -> None:
        folder = self._random.choice(FOLDERS[1:])
        self._count += 1
        to = f"{folder}-{self._count}"
        inside = self._inside(folder)
        if inside:
            for path, content in inside.items():
                self._note(to + path[len(folder) :], content)
                del self._expected[path]
            self._place(folder).rename(self._place(to))

    def _move_folder_in(self) -> None:
        self._count += 1
        folder = f"new-{self._count}"
        for name in NAMES:
            content = self._content()
            (self._outside / folder / "deep").mkdir(parents=True, exist_ok=True)
            (self._outside / folder / "deep" / name).write_bytes(content)
            self._note(f"{folder}/deep/{name}", content)
        (self._outside / folder).rename(self.root / folder)

    def _delete(self) -> None:
        if self._expected:
            path = self._random.choice(sorted(self._expected))
            del self._expected[path]
            (self.root / path).unlink()

    def _delete_folder(self) -> None:
        folders = sorted({p.rpartition("/")[0] for p in self._expected} - {""})
        if folders:
            folder = self._random.choice(folders)
            for path in self._inside(folder):
                del self._expected[path]
            shutil.rmtree(self.root / folder)

    def _inside(self, folder: str) -> dict[str, bytes]:
        return {p: c for p, c in self._expected.items() if p.startswith(f"{folder}/")}
