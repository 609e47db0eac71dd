"""Report runs: each report that is due, claimed by the process that makes it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Update, bindparam, delete, select, text, update

from bot.storage.database import Database
from bot.storage.tables import UtcTime, report_runs

MAX_DELAY: Final = timedelta(hours=6)
"""A report that is later than this is skipped; the next report says so."""

_row: Final = report_runs.c

# The condition stands twice: PostgreSQL checks the outer one again when another claim on the same
# row is committed.
_CLAIM: Final = (
    text("""
    UPDATE report_runs SET claimed_by = :by, claimable_at = :until, tries = tries + 1
    WHERE finished_at IS NULL AND claimable_at <= :now AND (user_id, rule, due_at) IN (
        SELECT user_id, rule, due_at FROM report_runs
        WHERE finished_at IS NULL AND claimable_at <= :now
        ORDER BY claimable_at, user_id LIMIT 1
    )
    RETURNING user_id, rule, due_at, tries
""")
    .bindparams(bindparam("until", type_=UtcTime), bindparam("now", type_=UtcTime))
    .columns(due_at=UtcTime)
)
_IS_RUN: Final = (
    _row.user_id == bindparam("of_user"),
    _row.rule == bindparam("of_rule"),
    _row.due_at == bindparam("of_time"),
)
_IS_OPEN: Final = (*_IS_RUN, _row.finished_at.is_(None))
_TAKE: Final = (
    update(report_runs)
    .where(*_IS_OPEN, _row.claimable_at <= bindparam("now"))
    .values(claimed_by=bindparam("by"), claimable_at=bindparam("until"), tries=_row.tries + 1)
    .returning(_row.tries)
)
_EXTEND: Final = (
    update(report_runs)
    .where(*_IS_OPEN, _row.claimed_by == bindparam("by"))
    .values(claimable_at=bindparam("until"))
)
_RELEASE: Final = _EXTEND.values(claimed_by="")
_FINISH: Final = (
    update(report_runs)
    .where(*_IS_RUN)
    .values(finished_at=bindparam("at"), outcome=bindparam("word"))
)


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A report that is due, identified by user, rule and time; ``tries`` includes this one."""

    user_id: str
    rule: str
    due_at: datetime
    tries: int = field(default=1, compare=False)


class ReportRuns:
    """The runs that schedules have created. Every method raises StorageError.

    A power cut may undo claims and ends: the report is then made again, and the workspace refuses
    its message, which has the same id.
    """

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def claim(self, *, now: datetime, by: str, until: datetime) -> ReportRun | None:
        """Claim the run that has been claimable longest; None where none is claimable.

        A run that is not finished by ``until`` can be claimed again.
        """
        values = {"by": by, "until": until, "now": now}
        row = await self._database.write_soon(
            lambda connection: connection.execute(_CLAIM, values).one_or_none()
        )
        return ReportRun(row.user_id, row.rule, row.due_at, row.tries) if row else None

    async def take(
        self, run: ReportRun, *, now: datetime, by: str, until: datetime
    ) -> ReportRun | None:
        """Claim this run, as ``claim`` does; None where it is claimed, finished or gone."""
        values = _name(run) | {"by": by, "until": until, "now": now}
        tries = await self._database.write_soon(
            lambda connection: connection.execute(_TAKE, values).scalar_one_or_none()
        )
        return replace(run, tries=tries) if tries else None

    async def load_claimable(self, now: datetime, limit: int) -> list[ReportRun]:
        """Return the runs that may be claimed now, in the order in which ``claim`` takes them."""
        query = (
            select(_row.user_id, _row.rule, _row.due_at, _row.tries)
            .where(_row.finished_at.is_(None), _row.claimable_at <= now)
            .order_by(_row.claimable_at, _row.user_id)
            .limit(limit)
        )
        return [ReportRun(*row) for row in await self._database.fetch_all(query)]

    async def extend(self, run: ReportRun, *, by: str, until: datetime) -> None:
        """Extend a claim; do nothing where another process has claimed the run."""
        await self._write(_EXTEND, run, by=by, until=until)

    async def release(self, run: ReportRun, *, by: str, claimable_at: datetime) -> None:
        """End a claim; the run can be claimed again from ``claimable_at`` on."""
        await self._write(_RELEASE, run, by=by, until=claimable_at)

    async def finish(self, run: ReportRun, outcome: str, now: datetime) -> None:
        """Mark the run as finished, with its outcome in a word; it cannot be claimed again."""
        await self._write(_FINISH, run, at=now, word=outcome)

    async def sweep(self, before: datetime) -> int:
        """Delete the runs that were finished before that time; return how many."""
        return await self._database.execute(delete(report_runs).where(_row.finished_at < before))

    async def _write(self, statement: Update, run: ReportRun, /, **values: object) -> None:
        named = _name(run) | values
        await self._database.write_soon(lambda connection: connection.execute(statement, named))


def _name(run: ReportRun) -> dict[str, Any]:
    return {"of_user": run.user_id, "of_rule": run.rule, "of_time": run.due_at}
