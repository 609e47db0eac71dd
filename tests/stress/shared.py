"""What the stress runs share: pauses, databases, and what the bot says."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rocketchat_simulator import Event, MessageStored, Workspace
from tests.support.postgres import open_empty_database, open_server


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Wait for so long, or until the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0.001)):
            await until.wait()


@contextmanager
def open_database_url(kind: str) -> Iterator[str]:
    """Return the address of an empty database; "sqlite" has none, it is a file in the run's folder.

    Any kind but "sqlite" and "postgresql" is an address already.
    """
    if kind != "postgresql":
        yield "" if kind == "sqlite" else kind
        return
    with open_server() as server, open_empty_database(server.url) as url:
        yield url


def subscribe_to_messages(
    workspace: Workspace, listen: Callable[[MessageStored], None]
) -> Callable[[], None]:
    """Call ``listen`` with each stored message; return what ends that."""

    def take(event: Event) -> None:
        if isinstance(event, MessageStored):
            listen(event)

    return workspace.subscribe(take)
