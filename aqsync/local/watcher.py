"""Hints of changes below a directory, from the operating system by way of watchdog.

A hint only says "look here". A late, repeated or needless hint does no harm. A lost one does, so
everything that may have lost hints is reported: see `Hints.everything`, `Watcher.ailment` and
`Watcher.blind`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from watchdog.events import FileClosedEvent, FileOpenedEvent, FileSystemEvent

from aqsync.errors import EventsUnavailable
from aqsync.local.disk import REAL_DISK, real_root
from aqsync.local.hints import Hints, PendingHints
from aqsync.local.listener import HEARD, Handler, Listener, quieten_watchdog, stop_listening
from aqsync.local.watches import blind, start_problem

_ENTRIES_SEARCHED = 1_000


class Watcher:
    """Listens for changes below one root, from `start` to `stop`; it is not started again.

    Args:
        root: A directory, reached as `local.disk` reaches it; links below it are not followed.
        wake: Called in any thread when there is something to take; it must return at once.
    """

    def __init__(self, root: Path, wake: Callable[[], None]) -> None:
        self._named = root
        self._pending = PendingHints(wake)
        self._listener: Listener | None = None
        self._prefix = ""
        self._identity: tuple[int, int] | None = None
        self._kernel_names_root = False

    def start(self) -> None:
        """Begin to listen: what changes from now on is hinted at.

        Directories below the root that cannot be watched do not keep it from starting: see `blind`.

        Raises:
            EventsUnavailable: The root cannot be watched; its hint names the cure.
        """
        quieten_watchdog()
        listener = None
        try:
            root = real_root(self._named)
            self._prefix = root.rstrip(os.sep) + os.sep
            status = Path(root).stat()
            with os.scandir(root):  # one that may not be read would be watched without an error
                pass
            listener = Listener(self._pending)
            listener.schedule(Handler(self._heard), root, recursive=True, event_filter=HEARD)
            listener.start()
        except OSError as exc:
            if listener is not None:
                stop_listening(listener)
            message, hint = start_problem(exc, self._named)
            raise EventsUnavailable(message, hint=hint) from exc
        self._listener = listener
        self._identity = (status.st_dev, status.st_ino)
        self._kernel_names_root = status.st_ino in (listener.watched() or ())

    def stop(self) -> None:
        """Stop listening. It returns within `listener.STOP_S`, even if the file system hangs."""
        if self._listener is not None:
            stop_listening(self._listener)

    def take(self) -> Hints:
        """What has come since the last call."""
        return self._pending.take()

    def ailment(self) -> str | None:
        """Why it no longer hears everything, so that a new Watcher must replace it.

        It asks the operating system each time. It does not see directories without a watch
        (`blind`), nor a kernel that does not tell (`proves`).
        """
        if self._listener is None:
            return "it was not started"
        threads = self._listener.threads()
        if not self._listener.emitters or not all(thread.is_alive() for thread in threads):
            return "a thread that listens has ended"
        try:
            status = self._named.stat()
        except OSError as exc:
            return f"{self._named} cannot be looked at: {exc.strerror}"
        if (status.st_dev, status.st_ino) != self._identity:
            return f"{self._named} was replaced by another directory"
        if self._kernel_names_root and status.st_ino not in (self._listener.watched() or ()):
            return f"the kernel does not watch {self._named} any longer"
        return None

    def reach(self, path: str) -> bool:
        """Watch a directory that could not be entered before, and what is below it.

        Args:
            path: Relative to the root.

        Returns:
            Whether anything of it was not watched, so that changes there went unheard.
        """
        if self._listener is None:
            return False
        place = (self._prefix + path.replace("/", os.sep)).rstrip(os.sep)
        return self._listener.reach(os.fsencode(place))

    def blind(self, directories: Collection[int]) -> int:
        """How many of the directories have no watch, so that changes in them go unheard.

        Args:
            directories: The inodes of those below the root, and of the root itself.
        """
        watched = None if self._listener is None else self._listener.watched()
        if not watched or self._identity is None:
            return 0  # the system does not tell, or all is lost and `ailment` says so
        return blind(directories, self._identity[1], watched)

    def proves(self, timeout_s: float) -> bool:
        """Whether events arrive: a test that writes nothing.

        One regular file at or below the root, the first that is found, is opened for reading and
        closed again, and a second listener for that file's directory has to hear of it. That
        proves that the kernel tells what this machine does on that file's file system. Together
        with `ailment`, which counts too, it is nearly certain that this Watcher hears of it. It
        does not prove that what other machines do is told (`mounts.without_events`), nor that
        every directory is watched (`blind`).

        Where no file is found, or none may be opened, or there is no room for a second listener,
        only `ailment` counts.

        Args:
            timeout_s: How long to wait for the event.
        """
        if self.ailment() is not None:
            return False
        found = _first_file(self._prefix) if sys.platform == "linux" else None
        return found is None or _is_heard(*found, timeout_s)

    def _heard(self, event: FileSystemEvent) -> None:
        try:
            closed = isinstance(event, FileClosedEvent)
            for path in (event.src_path, event.dest_path):
                if path:
                    self._hint(os.fsdecode(path), directory=event.is_directory, closed=closed)
        except Exception as exc:  # noqa: BLE001 - else the thread ends and nothing more is heard
            self._pending.doubt(f"an event could not be understood: {exc!r}")

    def _hint(self, path: str, *, directory: bool, closed: bool) -> None:
        if path.startswith(self._prefix):
            relative = path[len(self._prefix) :].replace(os.sep, "/")
            self._pending.add(relative, directory=directory, closed=closed)
        else:
            self._pending.doubt("the directory itself changed")


def _first_file(top: str) -> tuple[str, str] | None:
    """The directory and the name of a regular file, near the top, on the top's file system."""
    waiting = deque([top])
    left = _ENTRIES_SEARCHED
    with suppress(OSError):
        device = Path(top).stat().st_dev
        while waiting and left > 0:
            directory = waiting.popleft()
            with suppress(OSError), os.scandir(directory) as entries:
                for entry in entries:
                    left -= 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif (
                        entry.is_file(follow_symlinks=False)
                        and entry.stat(follow_symlinks=False).st_dev == device
                        and os.access(entry.path, os.R_OK)
                    ):
                        return directory, entry.name
                    if left <= 0:
                        break
    return None


def _is_heard(directory: str, name: str, timeout_s: float) -> bool:
    """Whether opening the file makes an event; True where the test itself fails."""
    heard = threading.Event()
    try:
        listener = Listener(PendingHints(lambda: None))
    except OSError:
        return True
    handler = Handler(lambda _: heard.set())
    try:
        listener.schedule(handler, directory, event_filter=[FileOpenedEvent])
        listener.start()
        REAL_DISK.open(Path(directory), name).close()
        return heard.wait(timeout_s)
    except OSError:
        return True
    finally:
        stop_listening(listener)
