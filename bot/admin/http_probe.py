"""Whether people's browsers would find this bot where the settings say that it is."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    web,
)

from bot.errors import ConfigError, UnreachableError
from bot.web.server import open_socket


@dataclass(frozen=True, slots=True)
class Greeting:
    """What stands at an address; ``is_bot`` where it is a bot's health page.

    ``sign`` is what a stand-in shows; ``status`` is HTTP's.
    """

    status: int
    is_bot: bool
    sign: str = ""


@asynccontextmanager
async def open_stand_in(host: str, port: int) -> AsyncIterator[str]:
    """Serve a health page where the bot would; return its sign, "" if a bot is there."""
    try:
        listening = open_socket(host, port)
    except ConfigError:
        yield ""
        return
    sign = secrets.token_hex(8)

    async def show(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True, "sign": sign})

    app = web.Application()
    app.router.add_get("/healthz", show)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield sign
    finally:
        await runner.cleanup()
        listening.close()


async def visit(url: str, *, timeout: float) -> Greeting:  # noqa: ASYNC109 - aiohttp keeps it
    """See what stands at ``url``/healthz; raises UnreachableError."""
    status, content = await _fetch(f"{url}/healthz", timeout)
    match content:
        case {"alive": bool(), **others}:
            return Greeting(status, is_bot=True, sign=str(others.get("sign", "")))
    return Greeting(status, is_bot=False)


async def fetch_metrics(url: str, *, timeout: float) -> str:  # noqa: ASYNC109 - the same
    """Return what a running bot shows under ``url``/metrics; nothing where it shows none."""
    try:
        _, content = await _fetch(f"{url}/metrics", timeout)
    except UnreachableError:
        return ""
    return content if isinstance(content, str) else ""


async def _fetch(url: str, seconds: float) -> tuple[int, object]:
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=seconds)) as session,
            session.get(url) as response,
        ):
            text = await response.text(errors="replace")
            is_json = response.content_type == "application/json"
            return response.status, json.loads(text) if is_json else text
    except TimeoutError as error:
        raise UnreachableError("no answer in time") from error
    except ClientConnectorCertificateError as error:
        raise UnreachableError("its certificate is not trusted") from error
    except ClientConnectorError as error:
        raise UnreachableError(error.strerror or "no connection") from error
    except (ClientError, OSError, ValueError) as error:
        raise UnreachableError(type(error).__name__) from error
