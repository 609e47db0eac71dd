"""The commands ``migrate``, ``keys …`` and ``accounts …``, which may run beside the bot.

Each yields lines of text to print, which never contain a token or a key. All raise ConfigError and
StorageError. Only ``migrate`` makes or updates tables, and only ``keys new`` makes a key.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final

from bot.config import Settings
from bot.errors import ConfigError, StorageError
from bot.features.accounts.audit import load_records
from bot.features.accounts.key_rotation import count_seals, reseal_all
from bot.features.accounts.store import load_accounts
from bot.features.accounts.vault_keys import make_vault
from bot.features.personal_data import PersonalData
from bot.scheduler.shared.open_cluster import migrate_jobs
from bot.storage.database import Database, migrate_database, open_database
from bot.storage.engine import is_on_server
from bot.storage.inspection import (
    inspect_database,
    make_missing_error,
    open_existing_database,
)
from bot.storage.key_file import add_key, load_key_ring, make_key_file, read_key_file
from bot.storage.message_id_key import reseal_message_id_key
from bot.storage.vault import KeyRing

_MAX_PASSES: Final = 5


async def migrate(settings: Settings) -> AsyncIterator[str]:
    """Make or update all tables; several processes may do so at once."""
    url = settings.storage.url
    result = await migrate_database(url)
    yield f"Tables of the bot: {_describe_migration(result.before, result.after)}"
    async with open_database(url) as database:
        steps = await migrate_jobs(database, url)
    if steps is None:
        yield "Tables of the jobs: none, only PostgreSQL has them"
    else:
        yield f"Tables of the jobs: {f'{len(steps)} steps applied' if steps else 'up to date'}"


async def make_key(settings: Settings) -> AsyncIterator[str]:
    """Add a new key to the key file, as the first, with which the bot seals."""
    file = settings.find_key_file()
    if settings.vault.keys or file is None:
        raise ConfigError(
            "[vault] keys: the keys are in the settings, so add a new one there, as the first;"
            " make one with: openssl rand -base64 32 | tr '+/' '-_'"
        )
    url = settings.storage.url
    state = await inspect_database(url)
    if state.is_new and not is_on_server(url):
        # The bot makes the first key itself, but for a database on a server.
        raise make_missing_error(url)
    is_first = state.accounts == 0 and not file.exists()
    key_id = load_key_ring((), file, is_creation_allowed=True).sealing_id if is_first else None
    key_id = key_id or add_key(file)
    yield f"Made the key {key_id.hex()}, first in {file}. New tokens are sealed with it."
    if is_first:
        yield "Back the file up, and copy it to every machine that shares the database."
    else:
        yield "Back the file up, then seal the old tokens with it: session-bot keys rotate"


async def make_first_key(file: Path) -> AsyncIterator[str]:
    """Make a file with a key that no configuration names yet; ``file`` is absolute."""
    if not make_key_file(file):
        raise ConfigError(
            f"{file} is there already, and was not changed. To add a new key to the file that a"
            " configuration names, run session-bot keys new without --file."
        )
    yield f"Made {file} with the key {read_key_file(file).sealing_id.hex()}; mode 0600."
    yield "Next, name it in the configuration, and let the user own it that the bot runs as:"
    yield "  [vault]"
    yield f'  key_file = "{file}"'
    yield "Copy it to every machine that shares the database. Keep a copy apart from the backups of"
    yield "the database: without this key everybody must connect again."


async def list_keys(settings: Settings) -> AsyncIterator[str]:
    """List the keys by id, with the number of tokens that each has sealed."""
    async with open_existing_database(settings.storage.url) as database:
        ring = _load_keys(settings)
        counts = dict(await count_seals(database))
    for key_id in ring.ids:
        role = "seals and opens" if key_id == ring.sealing_id else "opens"
        yield f"{key_id.hex()}  {role}  {_count(counts.pop(key_id, 0))}"
    counts.pop(b"", None)
    for key_id, count in counts.items():
        yield f"{key_id.hex()}  MISSING  {_count(count)}"


async def rotate_keys(settings: Settings) -> AsyncIterator[str]:
    """Reseal with the first key what other keys sealed; can be stopped and repeated."""
    total = 0
    async with open_existing_database(settings.storage.url) as database:
        ring = _load_keys(settings)
        key_file = None if settings.vault.keys else settings.find_key_file()
        vault = make_vault(ring, settings.workspace.url, key_file)
        await reseal_message_id_key(database, vault)
        for _ in range(_MAX_PASSES):
            done, broken = 0, list[str]()
            async for batch in reseal_all(database, vault, ring.sealing_id):
                done += batch.done
                broken += batch.broken
                if batch.done:
                    yield f"{total + done} accounts resealed"
            total += done
            if not done:
                break
        left = await _count_unrotated(database, ring)
    for user_id in broken:
        yield f"The token of {user_id} cannot be opened; it was not changed."
    yield "All tokens are sealed with the first key." if not left else f"{_count(left)} left."


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


def _describe_migration(before: str, after: str) -> str:
    if not before:
        return f"made, at {after}"
    return f"up to date, at {after}" if before == after else f"updated from {before} to {after}"


async def _find_user_id(database: Database, user: str) -> str:
    accounts = await load_accounts(database)
    found = [each for each in accounts if user in {each.user_id, each.username}]
    if len(found) > 1:
        raise StorageError(f"Several accounts have the name {user}: use the user id.")
    return found[0].user_id if found else user


async def _count_unrotated(database: Database, ring: KeyRing) -> int:
    counts = await count_seals(database)
    return sum(count for key_id, count in counts.items() if key_id not in {ring.sealing_id, b""})


def _count(number: int) -> str:
    return f"{number} token" if number == 1 else f"{number} tokens"


def _load_keys(settings: Settings) -> KeyRing:
    file = settings.find_key_file()
    return load_key_ring(settings.vault.keys, file, is_creation_allowed=False)
