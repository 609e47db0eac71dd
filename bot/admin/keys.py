"""The commands ``keys …``, which may run beside the bot.

Each yields lines of text to print, which never contain a key. All raise ConfigError and
StorageError. Only ``keys new`` makes a key, and none makes tables.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bot.config import Settings
from bot.errors import ConfigError
from bot.features.accounts.key_rotation import count_seals, reseal_all
from bot.features.accounts.vault_keys import make_vault
from bot.storage.database import Database
from bot.storage.engine import is_on_server
from bot.storage.inspection import inspect_database, make_missing_error, open_existing_database
from bot.storage.key_file import add_key, load_key_ring, make_key_file, read_key_file
from bot.storage.message_id_key import reseal_message_id_key
from bot.storage.vault import KeyRing

_MAX_PASSES: Final = 5


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
        ring = load_keys(settings)
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
        ring = load_keys(settings)
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


def load_keys(settings: Settings) -> KeyRing:
    """Return the keys that are there; raise ConfigError where there is none."""
    file = settings.find_key_file()
    return load_key_ring(settings.vault.keys, file, is_creation_allowed=False)


async def _count_unrotated(database: Database, ring: KeyRing) -> int:
    counts = await count_seals(database)
    return sum(count for key_id, count in counts.items() if key_id not in {ring.sealing_id, b""})


def _count(number: int) -> str:
    return f"{number} token" if number == 1 else f"{number} tokens"
