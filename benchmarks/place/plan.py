"""What a simulated workspace for a measurement is like, and who is in it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """``people`` have a direct message with the bot each; ``channels`` are rooms it is in, too.

    Each of the people has so many ``sessions``. A bot may answer the same question from memory for
    some seconds, so people who are asked about more often need several.
    ``limit_calls`` is the REST limit per minute, route and address; None for no limit. Measured is
    on 6.5, where bots may send as fast as they like: from 8 on the realtime ``sendMessage`` is
    refused to them more than five times a second, and half of the peers answer by it. The first
    ``WAKERS`` of the people are there to find out whether the bot hears.
    """

    people: int = 200
    channels: int = 0
    sessions: int = 1
    limit_calls: int | None = None
    version: str = "6.5"
    ping_after: float = 15.0


WAKERS = 20


@dataclass(frozen=True)
class Account:
    """Somebody in the workspace; ``session_ids`` are their sessions; the bot has none."""

    user_id: str
    username: str
    password: str
    token: str
    room_id: str = ""
    session_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Site:
    """Where the workspace is and who is there; all that a contestant is told."""

    url: str
    bot: Account
    people: tuple[Account, ...]
