"""The same work on many things, by a few threads at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

THREADS = 4


def side_by_side(
    items: Iterable[_T],
    work: Callable[[_T], _R],
    *,
    stop: Event,
    abort: Callable[[], object] = lambda: None,
    threads: int = THREADS,
) -> Iterator[_R]:
    """Do the same to many things; give what becomes of each as it ends, in any order.

    Args:
        items: What to work on; taken as it is needed.
        work: The work. What it raises ends everything, and is raised here.
        stop: Set when no more is to be begun, and what has begun is to end.
        abort: Called when the work ends early, after `stop` is set and before the threads are
            waited for: it makes those end that wait for something.
        threads: How many.
    """
    bench = _Bench(items, work, stop)
    running: list[Thread] = []
    left = threads
    ended = False
    try:
        for _ in range(threads):
            running.append(Thread(target=bench.work_on, name="tree", daemon=True))
            running[-1].start()
        while left:
            result = bench.results.get()
            if isinstance(result, _Ended):
                left -= 1
                if result.error is not None:
                    raise result.error
            else:
                yield result[0]
        ended = True
    finally:
        if not ended:
            stop.set()
            abort()
        for thread in running:
            if thread.ident is not None:  # a person may break it off while they are started
                thread.join()


class _Ended:
    """A thread has no more to do."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Bench(Generic[_T, _R]):
    """What the threads share."""

    def __init__(self, items: Iterable[_T], work: Callable[[_T], _R], stop: Event) -> None:
        self.results: SimpleQueue[tuple[_R] | _Ended] = SimpleQueue()
        self._items = iter(items)
        self._work = work
        self._stop = stop
        self._lock = Lock()

    def work_on(self) -> None:
        error: BaseException | None = None
        try:
            while not self._stop.is_set():
                with self._lock:
                    item = next(self._items, _NONE)
                if isinstance(item, _Nothing):
                    break
                self.results.put((self._work(item),))
        except BaseException as exc:  # noqa: BLE001 - raised where the results are taken
            error = exc
        self.results.put(_Ended(error))
        if error is not None:
            self._stop.set()  # after it, as it makes others fail too, and the first error counts


class _Nothing:
    """There is nothing left."""


_NONE = _Nothing()
