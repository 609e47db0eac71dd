"""Listening for a moment, to see whether it is possible."""

import asyncio
import itertools

from bot.errors import ProtocolError, TokenRejectedError
from bot.models import AuthToken
from bot.rocketchat.realtime.calls import Calls
from bot.rocketchat.realtime.connection import Connection
from bot.rocketchat.realtime.link import format_address, open_link
from bot.rocketchat.realtime.oddities import Oddities
from bot.rocketchat.realtime.timing import Timing


async def try_listening(url: str, token: AuthToken, timing: Timing) -> None:
    """Connect, log in, subscribe, and hang up; raise the WorkspaceError that stands in the way.

    A bot that is listening already with the same token is not disturbed.
    """
    async with open_link(format_address(url), timing.connect, token.user_id) as link:
        calls = Calls(
            link,
            ids=itertools.count(1),
            timing=timing,
            oddities=Oddities(),
        )
        try:
            await _listen(Connection(calls), token)
        except ExceptionGroup as errors:
            # A refusal explains the closing that may come with it.
            final = errors.subgroup((TokenRejectedError, ProtocolError))
            raise (final or errors).exceptions[0] from None


async def _listen(connection: Connection, token: AuthToken) -> None:
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(connection.run_forever())
        await connection.resume(token)
        await connection.subscribe_to_messages(lambda *_: None)
        reading.cancel()
