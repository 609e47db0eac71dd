"""Requests to the bot's own address, to find out whether browsers would reach this bot there."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import ClientError, ClientTimeout, web

from bot.errors import ProtocolError, UnreachableError
from bot.rocketchat.http_session import make_session, read_body
from bot.rocketchat.network import make_tls_context
from bot.rocketchat.network_errors import describe_failure
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
    """Serve a health page where the bot would, and yield its nonce.

    Raises ConfigError where the bot could not listen there.
    """
    listening = open_socket(host, port)
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


async def is_bot_listening(host: str, port: int, timeout_s: float) -> bool:
    """Return whether what listens on this machine is a bot, and no other program."""
    try:
        return (await fetch_health_page(_format_own_url(host, port), timeout_s)).is_bot
    except UnreachableError:
        return False


async def fetch_metrics(host: str, port: int, timeout_s: float) -> str:
    """Fetch the metrics of a bot that listens there; return "" where there are none."""
    try:
        _, content = await _fetch(f"{_format_own_url(host, port)}/metrics", timeout_s)
    except UnreachableError:
        return ""
    return content if isinstance(content, str) else ""


def _format_own_url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def _fetch(url: str, timeout_s: float, ca_file: Path | None = None) -> tuple[int, object]:
    try:
        async with (
            make_session(url, ClientTimeout(total=timeout_s), ca_file) as session,
            # A redirect may lead from http to https.
            session.get(url, ssl=make_tls_context(ca_file)) as response,
        ):
            content = await read_body("the page", response, _MAX_PAGE_BYTES)
            is_json = response.content_type == "application/json"
            page = parse_document(content) if is_json else content.decode(errors="replace")
            return response.status, page
    except (ClientError, TimeoutError, OSError) as error:
        raise UnreachableError(describe_failure(error)) from error
    except ProtocolError as error:
        raise UnreachableError(str(error)) from error
