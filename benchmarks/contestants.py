"""Who is measured: our bot, the floor, and what people could use instead."""

from dataclasses import dataclass, field
from pathlib import Path

_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Contestant:
    """Something that answers in chat.

    ``noop`` and ``session`` are the commands that it is asked; an empty one it does not have.
    ``packages`` go into an environment of its own, of the folder ``environment``; without any it
    runs in this one. ``most_serial`` caps commands said one after the other, for those who take a
    second for each; ``people`` caps how many rooms it is tried with; ``ping_after`` is the
    workspace's first ping, in seconds, where that is not the usual one.
    """

    name: str
    title: str
    script: Path | None
    noop: str = "!ping {key}"
    session: str = "!session {session}"
    environment: str = ""
    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    most_serial: int = 100_000
    most_burst: int = 100_000
    people: int = 100_000
    is_poller: bool = False
    ping_after: float | None = None


OURS = Contestant("ours", "session-bot", None, noop="!help", notes=("no-op command: `!help`",))
FLOOR = Contestant(
    "floor",
    "floor",
    _PEERS / "floor.py",
    notes=("a bare loop on websockets and aiohttp: two REST calls, nothing kept, nothing checked",),
)
_RCA = ("rocketchat-async==4.3.0", "aiohttp==3.14.5")
RCA = Contestant(
    "rocketchat-async",
    "rocketchat-async 4.3.0",
    _PEERS / "rocketchat_async_mine.py",
    environment="rocketchat-async",
    packages=_RCA,
    notes=("one subscription, `__my_messages__`; skips what is marked as repeated",),
)
RCA_README = Contestant(
    "rocketchat-async-readme",
    "rocketchat-async 4.3.0, README form",
    _PEERS / "rocketchat_async_readme.py",
    session="",
    environment="rocketchat-async",
    packages=_RCA,
    notes=("as its README: a subscription per room, and the loop that reconnects",),
)
BOT_SDK = Contestant(
    "rocketchat-bot-sdk",
    "rocketchat-bot-sdk 0.0.8",
    _PEERS / "rocketchat_bot_sdk_bot.py",
    noop="$ping {key}",
    session="",
    environment="rocketchat-bot-sdk",
    packages=("rocketchat-bot-sdk==0.0.8", "rocketchat_API==1.37.0"),
    notes=("with rocketchat_API 1.37.0, as 2 and later do not fit it",),
)
ROCKETBOTTE = Contestant(
    "rocketbotte",
    "rocketbotte 0.2.4",
    _PEERS / "rocketbotte_bot.py",
    environment="rocketbotte",
    packages=("rocketbotte==0.2.4", "aiohttp[speedups]==3.14.5"),
    notes=("does not log in before the server's first ping, so it is pinged after 1 s, not 15",),
    ping_after=1.0,
)
API_BOT = Contestant(
    "rocketchatapibot",
    "RocketChatAPIBot 0.1.4",
    _PEERS / "rocketchat_api_bot.py",
    session="",
    environment="rocketchatapibot",
    packages=("RocketChatAPIBot==0.1.4", "rocketchat_API==1.37.0"),
    notes=("polls every room once a second; lists 50 direct messages and no more",),
    most_serial=3,
    most_burst=500,
    people=45,
    is_poller=True,
)

ALL = (FLOOR, OURS, RCA, RCA_README, BOT_SDK, ROCKETBOTTE, API_BOT)
ABSENT = (
    (
        "hubot-rocketchat 2.0.0",
        "its @rocket.chat/sdk needs `asteroid` from a git repository, not from a registry",
    ),
    (
        "errbot 6.2.1",
        "it installs, but its Rocket.Chat backend is on no registry",
    ),
)
