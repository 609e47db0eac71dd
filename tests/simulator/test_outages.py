"""The workspace is away, restarts, or has the wrong time."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from rocketchat_simulator import Outage, Simulator
from tests.support.deadlines import DEADLINE_S

GONE = {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}


async def fetch_status(http: aiohttp.ClientSession, simulator: Simulator) -> int:
    async with http.get(f"{simulator.url}/api/info") as response:
        return response.status


async def log_in(http: aiohttp.ClientSession, simulator: Simulator) -> int:
    async with http.post(f"{simulator.url}/api/v1/login", json={}) as response:
        return response.status


async def wait_until_met(simulator: Simulator) -> None:
    """Wait until a login has run into an outage."""
    async with asyncio.timeout(DEADLINE_S):
        while not simulator.faults.has_failed("login"):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", [Outage.REFUSED, Outage.RESET])
async def test_in_an_outage_nobody_gets_through_and_afterwards_everybody_does(kind: Outage) -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as http:
        assert await fetch_status(http, simulator) == 200
        async with simulator.outage(kind):
            with pytest.raises(aiohttp.ClientConnectionError):
                await fetch_status(http, simulator)
        assert await fetch_status(http, simulator) == 200


async def test_a_refused_connection_is_refused_by_the_system() -> None:
    async with Simulator() as simulator:
        async with simulator.outage(Outage.REFUSED):
            with pytest.raises(aiohttp.ClientConnectorError, match="Connect call failed"):
                async with aiohttp.ClientSession() as http:
                    await fetch_status(http, simulator)
        # It can be away more than once.
        async with simulator.outage(Outage.REFUSED):
            pass
        async with aiohttp.ClientSession() as http:
            assert await fetch_status(http, simulator) == 200


async def test_unavailable_is_503_for_rest_and_websocket() -> None:
    async with (
        Simulator() as simulator,
        aiohttp.ClientSession() as http,
        simulator.outage(Outage.UNAVAILABLE),
    ):
        assert await fetch_status(http, simulator) == 503
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await http.ws_connect(f"{simulator.url}/websocket")


async def test_silence_lasts_as_long_as_the_outage() -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as http:
        async with simulator.outage(Outage.SILENT):
            # Not a GET, which aiohttp asks again when its connection ends.
            asking = asyncio.create_task(log_in(http, simulator))
            await wait_until_met(simulator)
            await asyncio.wait([asking], timeout=0.2)
            assert not asking.done()
        with pytest.raises(aiohttp.ClientConnectionError):
            await asking


@pytest.mark.parametrize("kind", list(Outage))
async def test_an_outage_ends_every_websocket(kind: Outage) -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"{simulator.url}/websocket")
        async with simulator.outage(kind):
            pass
        async with asyncio.timeout(DEADLINE_S):
            message = await socket.receive()
        assert message.type in GONE


async def test_a_restart_ends_connections_and_forgets_what_was_counted() -> None:
    async with Simulator(limit_calls=1) as simulator, aiohttp.ClientSession() as http:
        workspace = simulator.workspace
        ann = workspace.add_user("ann")
        headers = {"X-User-Id": ann.id, "X-Auth-Token": workspace.make_login_token(ann)}
        url = f"{simulator.url}/api/v1/me"
        socket = await http.ws_connect(f"{simulator.url}/websocket")
        assert await fetch_statuses(http, url, headers, 2) == [200, 429]
        await simulator.restart()
        async with asyncio.timeout(DEADLINE_S):
            assert (await socket.receive()).type in GONE
        # The token is in the database.
        assert await fetch_statuses(http, url, headers, 2) == [200, 429]


async def fetch_statuses(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str], times: int
) -> list[int]:
    statuses = []
    for _ in range(times):
        async with http.get(url, headers=headers) as response:
            statuses.append(response.status)
    return statuses


async def test_while_it_restarts_nobody_gets_through() -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as http:
        restarting = asyncio.create_task(simulator.restart(0.3))
        async with asyncio.timeout(DEADLINE_S):
            while not simulator.faults.is_away:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
        with pytest.raises(aiohttp.ClientConnectionError):
            await fetch_status(http, simulator)
        await restarting
        assert await fetch_status(http, simulator) == 200


@pytest.mark.parametrize("minutes", [-2, 2])
async def test_a_wrong_clock_is_wrong_everywhere_and_may_be_put_right(minutes: int) -> None:
    skew = timedelta(minutes=minutes)
    async with Simulator(skew=skew) as simulator, aiohttp.ClientSession() as http:
        workspace = simulator.workspace
        ann = workspace.add_user("ann")
        message = workspace.say(ann, workspace.direct_room(ann), "hello")
        assert_is_near(message["ts"], datetime.now(UTC) + skew)
        assert_is_near(await fetch_date(http, simulator), datetime.now(UTC) + skew)
        simulator.skew = timedelta()
        assert_is_near(await fetch_date(http, simulator), datetime.now(UTC))


def assert_is_near(told: datetime, moment: datetime) -> None:
    assert abs(told - moment) < timedelta(seconds=30)


async def fetch_date(http: aiohttp.ClientSession, simulator: Simulator) -> datetime:
    async with http.get(f"{simulator.url}/api/info") as response:
        return parsedate_to_datetime(response.headers["Date"])


async def test_the_date_header_tells_the_workspace_s_time() -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as http:
        year = simulator.workspace.now().year
        async with http.get(f"{simulator.url}/api/info") as response:
            assert str(year) in response.headers["Date"]
            assert response.headers["Date"].endswith("GMT")


@pytest.mark.parametrize("kind", [Outage.UNAVAILABLE, Outage.RESET, Outage.SILENT])
async def test_one_program_can_be_cut_off_while_the_others_get_through(kind: Outage) -> None:
    mine = {"User-Agent": "my-bot/1.0"}
    async with (
        Simulator() as simulator,
        aiohttp.ClientSession(headers=mine) as bot,
        aiohttp.ClientSession() as other,
        bot.ws_connect(f"{simulator.url}/websocket") as cut_off,
        other.ws_connect(f"{simulator.url}/websocket") as spared,
    ):
        async with simulator.outage(kind, agent="my-bot/"):
            assert await fetch_status(other, simulator) == 200
            asking = asyncio.create_task(log_in(bot, simulator))
            await wait_until_met(simulator)
            is_silent = kind is Outage.SILENT
            await asyncio.wait([asking], timeout=0.1 if is_silent else DEADLINE_S)
            assert asking.done() != is_silent
        result = await asyncio.gather(asking, return_exceptions=True)
        assert result[0] == 503 or isinstance(result[0], aiohttp.ClientConnectionError)
        async with asyncio.timeout(DEADLINE_S):
            assert (await cut_off.receive()).type in GONE
        await spared.send_json({"msg": "connect", "version": "1", "support": ["1"]})
        async with asyncio.timeout(DEADLINE_S):
            assert (await spared.receive_json())["msg"] == "connected"


async def test_connections_cannot_be_refused_to_one_program() -> None:
    async with Simulator() as simulator:
        with pytest.raises(ValueError, match="one client"):
            async with simulator.outage(Outage.REFUSED, agent="my-bot/"):
                pass
