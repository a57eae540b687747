"""Hints of changes below a directory, from the operating system by way of watchdog.

A hint only says "look here". A late, repeated or needless hint does no harm. A lost one does, so
everything that may have lost hints is reported: see `Hints.everything`, `Watcher.ailment` and
`Watcher.blind`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver

from aqsync.errors import EventsUnavailable
from aqsync.local.disk import REAL_DISK, real_root
from aqsync.local.hints import Hints, PendingHints
from aqsync.local.watches import blind, start_problem, watched_inodes

__all__ = ["STOP_S", "Hints", "Watcher"]

STOP_S = 2.0
"""Seconds that watchdog's threads get to end; they may hang in a file system."""

# Not among them: what reading causes, and the change of a directory by a change in it.
_HEARD: list[type[FileSystemEvent]] = [
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,  # a program may keep its file open for days
    FileMovedEvent,
]
_ENTRIES_SEARCHED = 1_000


class _Handler(FileSystemEventHandler):
    def __init__(self, heard: Callable[[FileSystemEvent], None]) -> None:
        self._heard = heard

    def dispatch(self, event: FileSystemEvent) -> None:
        self._heard(event)


if sys.platform == "linux":
    from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
    from watchdog.observers.inotify_c import (
        InotifyConstants,
        InotifyEvent,
        InotifyFD,
        WatchDescriptor,
    )
    from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

    # How long all hints wait for the other half of a move. The halves come together, and to a
    # hint it does not matter; the half second of watchdog would delay every file behind it.
    InotifyMoveEventGrouper.delay = 0.05

    # Events that watchdog needs to keep its watches right.
    _ABOUT_WATCHES = (
        InotifyConstants.IN_ISDIR
        | InotifyConstants.IN_DELETE_SELF
        | InotifyConstants.IN_IGNORED
        | InotifyConstants.IN_UNMOUNT
        | InotifyConstants.IN_Q_OVERFLOW
    )

    _REFUSED = WatchDescriptor(-1)
    """watchdog takes that it may not watch a directory for a watch of this number."""

    class _Reader(InotifyFD):
        """One inotify instance and the thread that reads it, which tells of losses.

        Once everything is to be looked at, events of files are dropped: watchdog's queues have no
        limit, and many events would fill the memory.
        """

        def __init__(self, pending: PendingHints) -> None:
            self._pending = pending
            super().__init__()

        @property
        def descriptor(self) -> int:
            return self._inotify_fd

        def handle_event(self, event: InotifyEvent) -> None:
            if self._pending.is_everything and not event.mask & _ABOUT_WATCHES:
                return
            try:
                super().handle_event(event)
            except Exception as exc:  # noqa: BLE001 - else the thread ends and nothing is heard
                self._pending.doubt(f"an event could not be understood: {exc!r}")
            # Only now: what was overflowed has been given new watches.
            if event.mask & InotifyConstants.IN_Q_OVERFLOW:
                self._pending.doubt("the kernel's queue of events overflowed")
            elif event.mask & InotifyConstants.IN_UNMOUNT:
                self._pending.doubt("a file system was unmounted")

    class _Group(InotifyWatchGroup):
        """The watches below one root, which come also to directories that were closed at first."""

        def on_event(self, event: InotifyEvent) -> None:
            if event.is_attrib and event.is_directory:
                with self._lock:
                    path = self._build_event_source_path(event)
                    # The directory above reports all others too.
                    if self._is_active and path and (event.name or path == self.path):
                        self._reach(path)
            super().on_event(event)

        def reach(self, path: bytes) -> bool:
            """Watch a directory and what is below it; true if anything of it was not watched."""
            with self._lock:
                return self._is_active and self._reach(path)

        def _reach(self, path: bytes) -> bool:
            """It is watched and those in it are not where it could be listed and not entered."""
            unwatched = []
            if path not in self._active_callbacks_by_path:
                unwatched.append(path)
            else:
                with suppress(OSError), os.scandir(path) as entries:
                    unwatched = [
                        entry.path
                        for entry in entries
                        if entry.is_dir(follow_symlinks=False)
                        and entry.path not in self._active_callbacks_by_path
                    ]
            for top in unwatched:
                self._add_all_callbacks(top)
            return any(top in self._active_callbacks_by_path for top in unwatched)

        def _add_callback(self, path: bytes) -> None:
            super()._add_callback(path)
            if self._active_callbacks_by_path.get(path) == _REFUSED:
                del self._active_callbacks_by_path[path]
                del self._active_callbacks_by_watch[_REFUSED]

    class _Emitter(InotifyEmitter):
        """watchdog's emitter, with our watches."""

        def on_thread_start(self) -> None:
            self._inotify = _Group(
                self._inotify_fd,
                os.fsencode(self.watch.path),
                is_recursive=self.watch.is_recursive,
                event_mask=self.get_event_mask_from_filter(),
            )

        def reach(self, path: bytes) -> bool:
            group = self._inotify
            return isinstance(group, _Group) and group.reach(path)

    class _Listener(BaseObserver):
        """watchdog's observer for Linux, with our reader and our watches."""

        def __init__(self, pending: PendingHints) -> None:
            self.reader = _Reader(pending)
            self.reader.start()
            super().__init__(_Emitter, inotify_fd=self.reader)

        def on_thread_stop(self) -> None:
            try:
                super().on_thread_stop()
            finally:
                self.reader.stop()
                self.reader.join()

        def threads(self) -> list[threading.Thread]:
            return [self, self.reader, *self.emitters]

        def watched(self) -> set[int] | None:
            return watched_inodes(self.reader.descriptor) if self.reader.is_alive() else set()

        def reach(self, path: bytes) -> bool:
            found = [e.reach(path) for e in self.emitters if isinstance(e, _Emitter)]
            return any(found)

else:
    from watchdog.observers import Observer

    class _Listener(Observer):
        """watchdog's observer for this system."""

        def __init__(self, pending: PendingHints) -> None:  # noqa: ARG002 - it never tells
            super().__init__()

        def threads(self) -> list[threading.Thread]:
            return [self, *self.emitters]

        def watched(self) -> set[int] | None:
            return None

        def reach(self, path: bytes) -> bool:  # noqa: ARG002 - it finds its own ways
            return False


class Watcher:
    """Listens for changes below one root, from `start` to `stop`; it is not started again.

    Args:
        root: A directory, reached as `local.disk` reaches it; links below it are not followed.
        wake: Called in any thread when there is something to take; it must return at once.
    """

    def __init__(self, root: Path, wake: Callable[[], None]) -> None:
        self._named = root
        self._pending = PendingHints(wake)
        self._listener: _Listener | None = None
        self._prefix = ""
        self._identity: tuple[int, int] | None = None
        self._kernel_names_root = False

    def start(self) -> None:
        """Begin to listen: what changes from now on is hinted at.

        Directories below the root that cannot be watched do not keep it from starting: see `blind`.

        Raises:
            EventsUnavailable: The root cannot be watched; its hint names the cure.
        """
        _quieten_watchdog()
        listener = None
        try:
            root = real_root(self._named)
            self._prefix = root.rstrip(os.sep) + os.sep
            status = Path(root).stat()
            with os.scandir(root):  # one that may not be read would be watched without a word
                pass
            listener = _Listener(self._pending)
            listener.schedule(_Handler(self._heard), root, recursive=True, event_filter=_HEARD)
            listener.start()
        except OSError as exc:
            if listener is not None:
                _end(listener)
            message, hint = start_problem(exc, self._named)
            raise EventsUnavailable(message, hint=hint) from exc
        self._listener = listener
        self._identity = (status.st_dev, status.st_ino)
        self._kernel_names_root = status.st_ino in (listener.watched() or ())

    def stop(self) -> None:
        """Stop listening. It returns within `STOP_S`, even if the file system hangs."""
        if self._listener is not None:
            _end(self._listener)

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


def _quieten_watchdog() -> None:
    """Keep its warnings off the terminal: their causes are reported as hints or as an ailment."""
    logger = logging.getLogger("watchdog")
    logger.propagate = False
    logger.setLevel(logging.WARNING)  # below, it logs every single event
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    # One for each directory that is moved out and in again.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")


def _end(listener: BaseObserver) -> None:
    """Stop it on a thread of its own, as watchdog waits without a limit."""

    def end() -> None:
        with suppress(Exception):  # it is not needed any more, so its errors do not matter
            listener.stop()
        if listener.ident is not None:
            listener.join()

    ending = threading.Thread(target=end, name="stops watching", daemon=True)
    ending.start()
    ending.join(STOP_S)


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
        listener = _Listener(PendingHints(lambda: None))
    except OSError:
        return True
    handler = _Handler(lambda _: heard.set())
    try:
        listener.schedule(handler, directory, event_filter=[FileOpenedEvent])
        listener.start()
        REAL_DISK.open(Path(directory), name).close()
        return heard.wait(timeout_s)
    except OSError:
        return True
    finally:
        _end(listener)
