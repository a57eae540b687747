"""The queue of tasks that several servers share: Procrastinate, in the catalog's PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from aqsync.server.catalog.database import Connection, DatabaseAway
from aqsync.server.catalog.postgres import PostgresDatabase
from aqsync.server.catalog.task_records import TaskEnd, TaskRecords, TaskStatus
from aqsync.server.extensions.left_behind import Doubts, enqueue_again, tasks_without_job
from aqsync.server.extensions.patient_connector import PatientConnector
from aqsync.server.extensions.process import kill_marked, marked
from aqsync.server.extensions.queue_orders import QUEUE, TASK, QueueOrders
from aqsync.server.extensions.queue_schema import bring_up_to_date
from aqsync.server.extensions.script_runner import RunningTask, ScriptRunner
from aqsync.server.extensions.task_queue import SERVER_DIED, STOP_SECONDS
from aqsync.server.extensions.variables import TASK_MARK

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_SILENT_S = 60.0
"""A worker without a sign of life for so long has died."""
_LOOK_S = 15.0
_BREAK_S = 4 * _LOOK_S
_RETRY_S = 5.0


class SharedQueue:
    """Runs tasks from the queue that all servers of one database share. Any thread may call.

    Each task is run once, by one of them. If a server dies while it runs one, the task has failed;
    one that a server took and never began goes back into the queue.

    Args:
        database: Where the queue is.
        records: The tasks.
        scripts: Runs the script of a task.
        max_tasks: How many tasks run at once, in this process.
    """

    def __init__(
        self,
        database: PostgresDatabase,
        records: TaskRecords,
        scripts: ScriptRunner,
        max_tasks: int,
    ) -> None:
        bring_up_to_date(database.address)
        self._database = database
        self._records = records
        self._scripts = scripts
        self._max_tasks = max_tasks
        self._stopping = threading.Event()
        self._running: set[RunningTask] = set()
        self._threads = ThreadPoolExecutor(max_tasks, thread_name_prefix="task")
        self._app = App(connector=PatientConnector(database.address, self._stopping))
        self._app.task(name=TASK, queue=QUEUE, pass_context=True)(self._run)
        self._orders = QueueOrders()
        self._doubts = Doubts[int | None](_BREAK_S)
        self._doubts_of_tasks = Doubts[UUID](_BREAK_S)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._live, name="queue", daemon=True)

    def start(self) -> None:
        """Begin to run the tasks that wait."""
        self._thread.start()

    def enqueue(self, connection: Connection, task: UUID) -> None:
        """Put a task into the queue, in the transaction that enters it."""
        self._orders.enqueue(connection, task)

    def wake(self) -> None:
        """Do nothing: the database tells all servers."""

    def cancel(self, task: UUID) -> None:
        """Make sure that a task does not start, or ask its script to end, wherever it runs."""
        self._records.revoke_waiting(task)
        self.end_all([task])

    def end_all(self, tasks: Iterable[UUID]) -> None:
        """Ask the scripts of tasks to end, wherever they run."""
        with self._database.changing() as connection:
            for task in tasks:
                rows = connection.execute(
                    "SELECT id FROM procrastinate_jobs WHERE lock = ?"
                    " AND status IN ('todo', 'doing')",
                    (str(task),),
                ).fetchall()
                for (job,) in rows:
                    self._orders.cancel_job(connection, job)

    def stop(self, patience: float = STOP_SECONDS) -> None:
        """End the scripts that run here, and wait until they have ended.

        Args:
            patience: How long each signal is given to work, in seconds.
        """
        self._stopping.set()
        for running in list(self._running):
            running.stop.ask(patience)
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._end_work)
        if self._thread.ident is not None:
            self._thread.join()
        self._threads.shutdown()

    def _end_work(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def _live(self) -> None:
        asyncio.run(self._live_on())

    async def _live_on(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            self._work = asyncio.create_task(self._serve())
            try:
                await self._work
            except asyncio.CancelledError:
                return
            except ConnectorException as exc:
                if not self._stopping.is_set():
                    why = self._database.address.without_secrets(str(exc))
                    _log.warning("the queue of tasks has failed, and is begun again: %s", why)
                    await asyncio.sleep(_RETRY_S)

    async def _serve(self) -> None:
        async with self._app.open_async():
            looking = asyncio.create_task(self._look_after_the_dead())
            try:
                await self._app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=self._max_tasks,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    stalled_worker_timeout=_SILENT_S,
                )
            finally:
                looking.cancel()

    async def _run(self, context: JobContext, task: str) -> None:
        """Run one task to its end. It is cancelled when a client cancels the task."""
        running = RunningTask()
        self._running.add(running)
        if self._stopping.is_set():
            running.stop.ask(STOP_SECONDS)
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._run_script, UUID(task), running
        )
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if context.should_abort():
                running.cancel()
            await work
            raise
        finally:
            self._running.discard(running)

    def _run_script(self, uuid: UUID, running: RunningTask) -> None:
        task = self._patiently(lambda: self._records.start(uuid))
        if task is not None:
            end = self._scripts.run(task, running)
            self._patiently(lambda: self._records.finish(uuid, end))

    def _patiently(self, act: Callable[[], _Result]) -> _Result | None:
        """Use the database; try again as long as it fails, until the server stops."""
        told = False
        while True:
            try:
                return act()
            except DatabaseAway as exc:
                if not told:
                    _log.warning("a task waits for the database: %s", exc)
            except Exception:  # noqa: BLE001 - a task that is lost would wait for ever
                if not told:
                    _log.exception("the catalog cannot be used")
            told = True
            if self._stopping.wait(_RETRY_S):
                return None

    async def _look_after_the_dead(self) -> None:
        """Look now and again at what servers that have died left behind."""
        while True:
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - nobody would know that nobody looks any more
                _log.exception("what servers that have died left behind cannot be looked after")
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        await asyncio.to_thread(self._kill_what_is_left)
        manager = self._app.job_manager
        jobs = list(await manager.list_jobs_async(queue=QUEUE, status=Status.DOING.value))
        silent = {
            job.id
            for job in await manager.get_stalled_jobs(
                queue=QUEUE, seconds_since_heartbeat=_SILENT_S
            )
        }
        waiting = await asyncio.to_thread(self._waiting, jobs)
        left = {job.id: job for job in jobs if job.id in silent or _task_of(job) in waiting}
        for number in self._doubts.confirmed(left, time.monotonic(), _SILENT_S):
            await self._end(left[number], begin_anew=_task_of(left[number]) in waiting)
        await asyncio.to_thread(self._patiently, self._look_after_tasks_without_job)

    def _look_after_tasks_without_job(self) -> None:
        found = tasks_without_job(self._database)
        for task in self._doubts_of_tasks.confirmed(found, time.monotonic(), _SILENT_S):
            self._records.finish(task, TaskEnd(TaskStatus.FAILURE, err=SERVER_DIED))
            enqueue_again(self._database, task, self._orders)

    def _waiting(self, jobs: Sequence[Job]) -> set[UUID]:
        return self._patiently(lambda: self._records.waiting(map(_task_of, jobs))) or set()

    async def _end(self, job: Job, *, begin_anew: bool) -> None:
        """Put a job that was never begun back into the queue; the task of any other has failed."""
        # Another server may do the same, and be first.
        with suppress(ConnectorException):
            if begin_anew:
                await self._app.job_manager.retry_job(job)
                return
            died = TaskEnd(TaskStatus.FAILURE, err=SERVER_DIED)
            await asyncio.to_thread(
                self._patiently, lambda: self._records.finish(_task_of(job), died)
            )
            await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)

    def _kill_what_is_left(self) -> None:
        """Kill the scripts on this machine whose servers have died."""
        found = _uuids(marked(TASK_MARK))
        if found:
            lost = self._patiently(lambda: self._records.ended_without_code(found)) or set()
            kill_marked(TASK_MARK, map(str, lost))


def _uuids(texts: Iterable[str]) -> set[UUID]:
    found = set()
    for text in texts:
        with suppress(ValueError):  # another program's variable
            found.add(UUID(text))
    return found


def _task_of(job: Job) -> UUID:
    return UUID(str(job.task_kwargs["task"]))
