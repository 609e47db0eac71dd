"""Requests to the bot's own address, to find out whether browsers would reach this bot there."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientTimeout,
    web,
)

from bot.errors import ConfigError, ProtocolError, UnreachableError
from bot.rocketchat.http_session import make_session, read_body
from bot.rocketchat.wire import parse_document
from bot.web.server import PROBE_PATH, open_socket

_MAX_PAGE_BYTES: Final = 2**20  # /metrics is far below it; the address may lead anywhere


@dataclass(frozen=True, slots=True)
class HealthPage:
    """The response to the probe of a public URL; ``is_bot`` is true if it is a bot's.

    ``nonce`` identifies a placeholder, and is empty for a running bot.
    """

    status: int
    is_bot: bool
    nonce: str = ""


@asynccontextmanager
async def serve_placeholder(host: str, port: int) -> AsyncIterator[str]:
    """Serve a health page where the bot would, and yield its nonce; "" if the port is taken."""
    try:
        listening = open_socket(host, port)
    except ConfigError:
        yield ""
        return
    nonce = secrets.token_hex(8)

    async def show(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True, "nonce": nonce})

    app = web.Application()
    # At any path: the reverse proxy may pass on that of the public URL.
    app.router.add_get("/{path:.*}", show)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield nonce
    finally:
        await runner.cleanup()
        listening.close()


async def fetch_health_page(url: str, timeout_s: float, ca_file: Path | None = None) -> HealthPage:
    """Fetch the page that tells a bot, whatever answers there; raise UnreachableError."""
    status, content = await _fetch(url + PROBE_PATH, timeout_s, ca_file)
    match content:
        case {"alive": bool(), **others}:
            return HealthPage(status, is_bot=True, nonce=str(others.get("nonce", "")))
    return HealthPage(status, is_bot=False)


async def fetch_metrics(url: str, timeout_s: float) -> str:
    """Fetch ``url``/metrics of a running bot; return "" where there are none."""
    try:
        _, content = await _fetch(f"{url}/metrics", timeout_s)
    except UnreachableError:
        return ""
    return content if isinstance(content, str) else ""


async def _fetch(url: str, timeout_s: float, ca_file: Path | None = None) -> tuple[int, object]:
    try:
        async with (
            make_session(url, ClientTimeout(total=timeout_s), ca_file) as session,
            session.get(url) as response,
        ):
            content = await read_body("the page", response, _MAX_PAGE_BYTES)
            is_json = response.content_type == "application/json"
            page = parse_document(content) if is_json else content.decode(errors="replace")
            return response.status, page
    except TimeoutError as error:
        raise UnreachableError("no answer in time") from error
    except ClientConnectorCertificateError as error:
        raise UnreachableError("its certificate is not trusted") from error
    except ClientConnectorError as error:
        raise UnreachableError(error.strerror or "no connection") from error
    except (ClientError, OSError) as error:
        raise UnreachableError(type(error).__name__) from error
    except ProtocolError as error:
        raise UnreachableError(str(error)) from error
