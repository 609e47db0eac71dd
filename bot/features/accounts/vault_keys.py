"""Opening the vault with the keys that the stored tokens are sealed with."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.features.accounts.key_rotation import check_keys
from bot.features.accounts.store import count_accounts
from bot.storage.database import Database
from bot.storage.key_file import load_key_ring, watch_key_file
from bot.storage.vault import KeyRing, Vault


async def open_vault(
    database: Database,
    *,
    keys: Sequence[SecretStr],
    key_file: Path | None,
    workspace_url: str,
    is_shared: bool,
) -> Vault:
    """Open the vault with ``keys``, or with those of the file.

    The file is made where the database is new and not shared: on a shared one, each machine would
    make a key of its own. Raises ConfigError where a key is missing that tokens are sealed with.
    """
    is_creation_allowed = not is_shared and await count_accounts(database) == 0
    ring = load_key_ring(keys, key_file, is_creation_allowed=is_creation_allowed)
    await check_keys(database, ring)
    return make_vault(ring, workspace_url, None if keys else key_file)


def make_vault(ring: KeyRing, workspace_url: str, key_file: Path | None) -> Vault:
    """Make the vault of a workspace; it follows changes of the key file, if there is one."""
    # Without the scheme, so that moving a workspace to https does not lock everybody out.
    parts = urlsplit(workspace_url)
    workspace = parts.netloc + parts.path
    return Vault(ring, workspace, watch_key_file(key_file)) if key_file else Vault(ring, workspace)
