"""Who wants alerts about new devices, and when the next check is due."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, select, text, update

from bot.storage.database import Database
from bot.storage.tables import UtcTime, alert_subscriptions, columns_of, select_account, values_of


@dataclass(frozen=True, slots=True)
class AlertSubscription:
    """A user's alerts; ``problem`` is why no check succeeds at present, of which the user knows."""

    user_id: str
    since: datetime
    next_check_at: datetime
    problem: str = ""


_row: Final = alert_subscriptions.c
_COLUMNS: Final = columns_of(alert_subscriptions, AlertSubscription)

_TAKE_NOW: Final = (
    update(alert_subscriptions)
    .where(_row.user_id == bindparam("of_user"), _row.next_check_at <= bindparam("before"))
    .values(next_check_at=bindparam("next_at"))
    .returning(*_COLUMNS)
)

_TAKE: Final = (
    text("""
    UPDATE alert_subscriptions SET next_check_at = :next_check_at
    WHERE next_check_at <= :now AND user_id = (
        SELECT user_id FROM alert_subscriptions WHERE next_check_at <= :now
        ORDER BY next_check_at, user_id LIMIT 1
    )
    RETURNING user_id, since, next_check_at, problem
""")
    .bindparams(bindparam("next_check_at", type_=UtcTime), bindparam("now", type_=UtcTime))
    .columns(since=UtcTime, next_check_at=UtcTime)
)


class AlertSubscriptions:
    """At most one subscription for each user. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, subscription: AlertSubscription) -> None:
        """Save the subscription of a person with an account; a stored one stays as it is."""
        await self._database.insert_or_ignore(
            alert_subscriptions,
            values_of(subscription),
            only_if=select_account(subscription.user_id),
        )

    async def load(self, user_id: str) -> AlertSubscription | None:
        """Return the user's subscription; None where there is none."""
        row = await self._database.fetch_one(select(*_COLUMNS).where(_row.user_id == user_id))
        return AlertSubscription(*row) if row else None

    async def count(self) -> int:
        """Return the number of subscriptions."""
        query = select(func.count()).select_from(alert_subscriptions)
        return int(await self._database.fetch_value(query))

    async def take(self, *, now: datetime, next_check_at: datetime) -> AlertSubscription | None:
        """Return the subscription whose check is longest due, and put its next check off.

        None where no check is due.
        """
        values = {"now": now, "next_check_at": next_check_at}
        row = await self._database.write(
            lambda connection: connection.execute(_TAKE, values).one_or_none()
        )
        return AlertSubscription(*row) if row else None

    async def bring_back(self, *, now: datetime, latest: datetime) -> int:
        """Let the checks that are due after ``latest`` be due now; return how many."""
        statement = update(alert_subscriptions).where(_row.next_check_at > latest)
        return await self._database.execute(statement.values(next_check_at=now))

    async def take_now(
        self, user_id: str, *, before: datetime, next_check_at: datetime
    ) -> AlertSubscription | None:
        """Return the user's subscription, and put its next check off.

        None where there is none, or where the next check is due after ``before``.
        """
        values = {"of_user": user_id, "before": before, "next_at": next_check_at}
        row = await self._database.write(
            lambda connection: connection.execute(_TAKE_NOW, values).one_or_none()
        )
        return AlertSubscription(*row) if row else None

    async def check_by(self, user_id: str, moment: datetime) -> None:
        """Make the user's next check due at that time, unless it is due earlier."""
        is_later = (_row.user_id == user_id, _row.next_check_at > moment)
        await self._database.execute(
            update(alert_subscriptions).where(*is_later).values(next_check_at=moment)
        )

    async def load_user_ids(self) -> frozenset[str]:
        """Return the ids of all users with alerts."""
        rows = await self._database.fetch_all(select(_row.user_id))
        return frozenset(row.user_id for row in rows)

    async def save_problem(self, user_id: str, problem: str) -> None:
        """Save why the last check failed; an empty text where it did not."""
        statement = update(alert_subscriptions).where(_row.user_id == user_id)
        await self._database.execute(statement.values(problem=problem))

    async def delete(self, user_id: str) -> bool:
        """Delete the subscription; return false where there was none."""
        statement = delete(alert_subscriptions).where(_row.user_id == user_id)
        return await self._database.execute(statement) == 1
