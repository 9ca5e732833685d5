"""Opens the queue: its database, the workflows of this process, and the threads beside them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from digital_human.jobs import cleanup, study
from digital_human.jobs.cancellation import JobRegistry
from digital_human.jobs.liveness import Liveness, hold_folder
from digital_human.jobs.queue import Jobs
from digital_human.jobs.records import JOBS, VERSION, WEBHOOKS, is_cancelled
from digital_human.jobs.sqlite import supply_unixepoch
from digital_human.jobs.steps import WorkflowContext
from digital_human.jobs.study import Studies
from digital_human.jobs.watcher import Watcher
from digital_human.jobs.worker.pool import WorkerPool
from digital_human.jobs.workflow import register
from digital_human.settings import Settings


@contextmanager
def open_jobs(
    settings: Settings,
    pool: WorkerPool,
    require_engine: Callable[[str], None],
    require_voices: Callable[[], None],
) -> Iterator[Jobs]:
    """The queue with its database and the workflows of this process; everything is stopped at the end.

    require_engine, require_voices: see `WorkflowContext`
    A running segment then has `shutdown_grace` seconds to finish; jobs go back to the queue.
    """
    (settings.state_path / "jobs").mkdir(exist_ok=True)
    with ExitStack() as stack:
        database = settings.database_url or f"sqlite:///{settings.state_path / 'queue.sqlite'}"
        executor_id = str(uuid.uuid4()) if settings.database_url else "local"
        liveness = None
        if settings.database_url:
            liveness = Liveness(settings.database_url, executor_id)
            liveness.start()
            stack.callback(liveness.stop)
        else:
            stack.enter_context(hold_folder(settings.state_path / "lock"))
        registry = JobRegistry()
        context = WorkflowContext(settings, pool, registry, is_cancelled, require_engine, require_voices)
        config: DBOSConfig = {
            "name": "digital-human",
            "system_database_url": database,
            "executor_id": executor_id,
            "application_version": VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
        }
        supply_unixepoch()
        DBOS(config=config)
        generate, notify = register(lambda: context)
        studies = Studies(context, study.register(lambda: context))
        DBOS.launch()
        stack.callback(DBOS.destroy, destroy_registry=True)
        DBOS.register_queue(WEBHOOKS, worker_concurrency=4, on_conflict="always_update")
        DBOS.register_queue(
            JOBS,
            worker_concurrency=settings.max_jobs,
            polling_interval_sec=settings.queue_poll_seconds,
            on_conflict="always_update",
        )
        if liveness is not None:
            liveness.watch()
        watcher = Watcher(registry, executor_id)
        watcher.start()
        ended = threading.Event()
        housekeeper = cleanup.start(settings, ended)
        try:
            studies.resume()
            yield Jobs(context, watcher, generate, notify, studies)
        finally:
            ended.set()
            registry.stop(settings.shutdown_grace)
            pool.stop()
            watcher.stop()
            housekeeper.join()
