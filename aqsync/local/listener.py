"""watchdog's observer, which here also tells of losses, and of what it watches."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress

from watchdog import events
from watchdog.observers.api import BaseObserver

from aqsync.local.hints import PendingHints
from aqsync.local.watches import watched_inodes

STOP_S = 2.0
"""Seconds that watchdog's threads get to end; they may hang in a file system."""

# Not among them: what reading causes, and the change of a directory by a change in it.
HEARD: list[type[events.FileSystemEvent]] = [
    events.DirAttribEvent,
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirMovedEvent,
    events.FileAttribEvent,
    events.FileClosedEvent,
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileModifiedEvent,  # a program may keep its file open for days
    events.FileMovedEvent,
]


class Handler(events.FileSystemEventHandler):
    """Passes each event on."""

    def __init__(self, heard: Callable[[events.FileSystemEvent], None]) -> None:
        self._heard = heard

    def dispatch(self, event: events.FileSystemEvent) -> None:
        """Called by watchdog."""
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
        """The watches below one root; directories that could not be entered get theirs later."""

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
            """Where a directory could be listed but not entered, those in it have no watch yet."""
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

    class Listener(BaseObserver):
        """watchdog's observer for Linux, with our reader and our watches."""

        def __init__(self, pending: PendingHints) -> None:
            self.reader = _Reader(pending)
            self.reader.start()
            super().__init__(_Emitter, inotify_fd=self.reader)

        def on_thread_stop(self) -> None:
            """Called by watchdog; our reader ends too."""
            try:
                super().on_thread_stop()
            finally:
                self.reader.stop()
                self.reader.join()

        def threads(self) -> list[threading.Thread]:
            """All that must live for it to hear everything."""
            return [self, self.reader, *self.emitters]

        def watched(self) -> set[int] | None:
            """The inodes that the kernel watches for it; None where the system does not tell."""
            return watched_inodes(self.reader.descriptor) if self.reader.is_alive() else set()

        def reach(self, path: bytes) -> bool:
            """As `Watcher.reach`."""
            found = [e.reach(path) for e in self.emitters if isinstance(e, _Emitter)]
            return any(found)

else:
    from watchdog.observers import Observer

    class Listener(Observer):
        """watchdog's observer for this system."""

        def __init__(self, pending: PendingHints) -> None:  # noqa: ARG002 - it never tells
            super().__init__()

        def threads(self) -> list[threading.Thread]:
            """All that must live for it to hear everything."""
            return [self, *self.emitters]

        def watched(self) -> set[int] | None:
            """The system does not tell."""
            return None

        def reach(self, path: bytes) -> bool:  # noqa: ARG002 - it finds its own ways
            """As `Watcher.reach`."""
            return False


def quieten_watchdog() -> None:
    """Keep its warnings off the terminal: their causes are reported as hints or as an ailment."""
    logger = logging.getLogger("watchdog")
    logger.propagate = False
    logger.setLevel(logging.WARNING)  # below, it logs every single event
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    # One for each directory that is moved out and in again.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")


def stop_listening(listener: Listener) -> None:
    """Stop it on a thread of its own, as watchdog waits without a limit; wait `STOP_S` at most."""

    def end() -> None:
        with suppress(Exception):  # it is not needed any more, so its errors do not matter
            listener.stop()
        if listener.ident is not None:
            listener.join()

    ending = threading.Thread(target=end, name="stops watching", daemon=True)
    ending.start()
    ending.join(STOP_S)
