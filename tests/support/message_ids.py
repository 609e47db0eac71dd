"""A known key of message ids, so that stress runs recognise the bot's messages by their ids."""

from pydantic import SecretStr

from bot.app import open_vault
from bot.config import Settings
from bot.storage.database import open_database
from bot.storage.message_id_key import load_message_id_key

ID_KEY = b"the key of message ids in stress runs"


async def plant_message_id_key(settings: Settings) -> None:
    """Store the key before the first bot starts."""
    async with open_database(settings.storage.url) as database:
        vault = await open_vault(database, settings)
        found = await load_message_id_key(database, vault, if_missing=SecretStr(ID_KEY.decode()))
    assert found == ID_KEY
