"""The commands ``accounts …``, which may run beside the bot.

Each yields lines of text to print, which never contain a token. All raise ConfigError and
StorageError, and make no tables.
"""

from collections.abc import AsyncIterator, Callable, Mapping

from bot.config import Settings
from bot.errors import StorageError
from bot.features.accounts.audit import load_records
from bot.features.accounts.store import load_accounts
from bot.features.personal_data import PersonalData
from bot.storage.database import Database
from bot.storage.inspection import open_existing_database


async def list_accounts(settings: Settings) -> AsyncIterator[str]:
    """List the connected accounts, with the kind of their token."""
    async with open_existing_database(settings.storage.url) as database:
        accounts = await load_accounts(database)
    for account in accounts:
        since = account.connected_at.isoformat(timespec="seconds")
        yield f"{account.username}  {account.user_id}  {account.kind}  since {since}"
    yield f"{len(accounts)} connected"


async def show_audit(settings: Settings, user: str | None) -> AsyncIterator[str]:
    """Show the audit trail of one user, by user name or id, or of all users."""
    async with open_existing_database(settings.storage.url) as database:
        user_id = await _find_user_id(database, user) if user else None
        records = await load_records(database, user_id)
    for record in records:
        at = record.at.isoformat(timespec="seconds")
        yield f"{at}  {record.user_id}  {record.action}  {record.detail}".rstrip()
    yield f"{len(records)} records"


async def forget_account(
    settings: Settings, user: str, confirm: Callable[[str], object]
) -> AsyncIterator[str]:
    """Delete everything that is stored about a user, by user name or id; needs no key.

    ``confirm`` asks a question, and raises where the answer is no. Raises StorageError also where
    nothing is stored.
    """
    async with open_existing_database(settings.storage.url) as database:
        personal_data = PersonalData(database)
        user_id = await _find_user_id(database, user)
        stored = await personal_data.count(user_id)
        if not stored:
            raise StorageError(
                f"Nothing is stored about {user}. Of people who have disconnected only the user id"
                " is known: name that."
            )
        confirm(f"{user} ({user_id}) has {_format_rows(stored)}. Erase everything?")
        erased = await personal_data.forget(user_id)
    yield f"Erased of {user} ({user_id}): {_format_rows(erased)}. They can connect again in chat."


def _format_rows(rows: Mapping[str, int]) -> str:
    """Return the numbers of rows by table, as in ``1 in accounts, 12 in audit``."""
    return ", ".join(f"{count} in {table.replace('_', ' ')}" for table, count in rows.items())


async def _find_user_id(database: Database, user: str) -> str:
    accounts = await load_accounts(database)
    found = [each for each in accounts if user in {each.user_id, each.username}]
    if len(found) > 1:
        raise StorageError(f"Several accounts have the name {user}: use the user id.")
    return found[0].user_id if found else user
