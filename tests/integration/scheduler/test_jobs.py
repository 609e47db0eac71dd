"""Jobs in PostgreSQL: each is done once, and dead processes leave nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from bot.errors import StorageError
from bot.features.reports.runs import ReportRun
from bot.scheduler.shared.job_queue import MORE, REPORTS, JobQueue, TakenJob, open_queue, read_runs
from bot.scheduler.shared.job_schema import ForeignSchema, apply_schema, load_schema
from bot.storage.database import open_database
from tests.support.deadlines import DEADLINE_S

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
RUN = ReportRun("ann", "daily 09:00", NOW)
PERIOD = 118_000_000
JOBS = "SELECT count(*) FROM session_bot_jobs.procrastinate_jobs"
AGE = "UPDATE session_bot_jobs.procrastinate_workers SET last_heartbeat = now() - interval '1 min'"


@pytest.fixture
async def url(postgres_url: str) -> str:
    async with open_database(postgres_url) as database:
        await apply_schema(database, load_schema())
    return postgres_url


async def ask(url: str, query: str) -> int:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        done = await connection.execute(query.encode())
        row = await done.fetchone() if done.description else None
        return int(row[0]) if row else done.rowcount


class JobWorker:
    """Takes jobs from a queue, and keeps each until ``may_end`` is set."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.done: asyncio.Queue[TakenJob] = asyncio.Queue()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def do(self, job: TakenJob) -> None:
        self.done.put_nowait(job)
        await self.may_end.wait()

    async def take(self) -> TakenJob:
        async with asyncio.timeout(DEADLINE_S):
            return await self.done.get()


@asynccontextmanager
async def open_job_worker(url: str) -> AsyncIterator[JobWorker]:
    async with open_queue(url) as queue:
        worker = JobWorker(queue)
        working = asyncio.create_task(queue.work(worker.do))
        try:
            yield worker
        finally:
            working.cancel()
            await asyncio.wait([working])


async def wait_until_empty(url: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await ask(url, JOBS):  # noqa: ASYNC110 - another process could do it
            await asyncio.sleep(0.01)


# Tables


async def test_of_several_that_make_the_tables_at_once_one_does(postgres_url: str) -> None:
    schema = load_schema()
    async with AsyncExitStack() as stack:
        managers = [open_database(postgres_url) for _ in range(4)]
        databases = [await stack.enter_async_context(each) for each in managers]
        made = await asyncio.gather(*(apply_schema(each, schema) for each in databases))
    assert sorted(map(len, made)) == [0, 0, 0, len(schema.steps)]


async def test_an_update_takes_the_new_steps_only_and_in_order(postgres_url: str) -> None:
    old = ForeignSchema(
        "other", "CREATE TABLE things (a int)", {"1": "CREATE TABLE things (a int)"}
    )
    steps = {"2": "ALTER TABLE things ADD b int", "3": "UPDATE things SET b = a % 2"}
    async with open_database(postgres_url) as database:
        assert await apply_schema(database, old) == ["1"]
        assert await apply_schema(database, replace(old, steps={**old.steps, **steps})) == [
            "2",
            "3",
        ]
        with pytest.raises(StorageError, match=r"a newer version \(schema 3\)"):
            await apply_schema(database, old)
    assert await ask(postgres_url, "SELECT count(b) FROM other.things") == 0


# What goes in


async def test_a_period_has_one_tick_however_many_ask(url: str) -> None:
    async with open_job_worker(url) as one, open_queue(url) as two:
        added = await asyncio.gather(*(each.add_tick(PERIOD) for each in (one.queue, two)))
        assert sorted(added) == [False, True]
        assert (await one.take()).values == {"timestamp": PERIOD}
        await wait_until_empty(url)
        assert not await two.add_tick(PERIOD)
        assert await two.add_tick(PERIOD + 1)


async def test_a_run_is_offered_once_and_taken_once(url: str) -> None:
    other = replace(RUN, user_id="bob")
    async with open_queue(url) as queue:
        assert await queue.load_offered() == frozenset()
        assert await queue.add_reports([RUN]) == 1
        assert await queue.load_offered() == {RUN}
        assert await queue.add_reports([RUN]) == 0
        assert await queue.add_reports([other]) == 1
        assert await queue.add_reports([]) == 0
        assert await queue.load_offered() == {RUN, other}
    async with open_job_worker(url) as one, open_job_worker(url) as two:
        await wait_until_empty(url)
        taken = [
            worker.done.get_nowait() for worker in (one, two) for _ in range(worker.done.qsize())
        ]
    assert sorted(run.user_id for job in taken for run in read_runs(job)) == ["ann", "bob"]


async def test_a_run_is_offered_while_it_is_being_worked_on(url: str) -> None:
    async with open_job_worker(url) as worker:
        worker.may_end.clear()
        await worker.queue.add_reports([RUN])
        await worker.take()
        assert await worker.queue.load_offered() == {RUN}
        worker.may_end.set()
        await wait_until_empty(url)
        assert await worker.queue.load_offered() == frozenset()


@pytest.mark.parametrize(("count", "jobs"), [(1, 1), (50, 50), (51, 26), (400, 50)])
async def test_many_runs_share_jobs_and_each_is_in_one(url: str, count: int, jobs: int) -> None:
    runs = [replace(RUN, user_id=f"user{number:03}") for number in range(count)]
    async with open_job_worker(url) as worker:
        assert await worker.queue.add_reports(runs) == jobs
        found = [run for _ in range(jobs) for run in read_runs(await worker.take())]
    assert sorted(found, key=lambda each: each.user_id) == runs


async def test_more_is_asked_for_when_no_report_waits_any_more(url: str) -> None:
    async with open_queue(url) as queue:
        await queue.add_more()
        await queue.add_more()
        await queue.add_reports([replace(RUN, user_id=f"user{number}") for number in range(10)])
    async with open_job_worker(url) as worker:
        tasks = [(await worker.take()).task for _ in range(11)]
        await wait_until_empty(url)
        assert worker.done.empty()
    assert tasks == [*[REPORTS] * 10, MORE]


async def test_what_is_done_or_fails_leaves_nothing_behind(url: str) -> None:
    async with open_queue(url) as queue:

        async def fail(job: TakenJob) -> None:
            raise ValueError(job.task)

        await queue.add_look("ann")
        await queue.add_look("ann")
        working = asyncio.create_task(queue.work(fail))
        await wait_until_empty(url)
        working.cancel()
        await asyncio.wait([working])


# The dead


async def test_jobs_of_a_process_that_died_are_found_by_another(url: str) -> None:
    async with open_job_worker(url) as dead, open_queue(url) as alive:
        dead.may_end.clear()
        await alive.add_reports([RUN])
        job = await dead.take()
        assert await alive.find_stalled() == []
        await ask(url, AGE)
        [stalled] = await alive.find_stalled()
        assert (stalled.task, stalled.attempt) == (REPORTS, job.attempt)
        assert await alive.add_reports([RUN]) == 1
        await alive.remove(stalled)
        assert (await dead.take()).attempt != job.attempt
        dead.may_end.set()


async def test_a_queue_that_cannot_be_opened_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(StorageError, match=r"within 0\.1 seconds"):
        async with open_queue("postgresql://bot@127.0.0.1:9/bot", call_timeout_s=0.1):
            pytest.fail("nothing listens there")
    assert asyncio.all_tasks() == before
