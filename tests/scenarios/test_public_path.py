"""A public URL with a path, behind a reverse proxy that takes the path off, or passes it on."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest
from aiohttp import web

from bot.admin.checks.network import check_public_url
from bot.config import WebSettings
from tests.support.deadlines import DEADLINE_S
from tests.support.stage import open_stage
from tests.support.storage_faults import choose_port

ROOT = "/session-bot"
HEADERS = {"Cookie", "Content-Type"}
PASSED_ON = ("/connect/", "/oauth/callback", "/style.css")  # as docs/operating.md says


@asynccontextmanager
async def open_proxy(bot_port: int, *, is_path_taken_off: bool) -> AsyncIterator[str]:
    """Serve what is below ``ROOT`` from the bot; yield the URL of ``ROOT``."""

    async def pass_on(request: web.Request) -> web.StreamResponse:
        if not request.path.removeprefix(ROOT).startswith(PASSED_ON):
            return web.Response(status=404)
        path = request.path_qs.removeprefix(ROOT if is_path_taken_off else "")
        sent = {name: value for name, value in request.headers.items() if name in HEADERS}
        asking = http.request(
            request.method,
            f"http://127.0.0.1:{bot_port}{path}",
            data=await request.read(),
            headers=sent,
            allow_redirects=False,
        )
        async with asking as answer:
            kept = {n: v for n, v in answer.headers.items() if n in {"Set-Cookie", "Content-Type"}}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application()
    app.router.add_route("*", ROOT + "/{path:.*}", pass_on)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}{ROOT}"
        finally:
            await runner.cleanup()


@pytest.mark.parametrize("is_path_taken_off", [True, False])
async def test_every_address_on_the_page_leads_to_the_bot(
    tmp_path: Path, *, is_path_taken_off: bool
) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        port = choose_port(stage.settings).web.port
        async with open_proxy(port, is_path_taken_off=is_path_taken_off) as public_url:
            own = WebSettings(public_url=public_url, port=port)
            settings = stage.settings.model_copy(update={"web": own})
            (checked,) = [each async for each in check_public_url(settings, DEADLINE_S)]
            assert str(checked) == f"ok       public url  {public_url} leads here"
            await stage.start_bot(web=own)
            (checked,) = [each async for each in check_public_url(settings, DEADLINE_S)]
            assert str(checked).endswith("leads here; a bot is running there")
            alice = await stage.meet("alice")
            link = await alice.ask_for_link()
            assert link.startswith(f"{public_url}/connect/")
            page = (await alice.person.visit(link)).page
            assert link in [urljoin(link, each) for each in re.findall(r'action="([^"]+)"', page)]
            (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
            assert (await alice.person.visit(urljoin(link, style))).status == 200
            token = await alice.person.make_personal_access_token("session bot")
            status, _ = await alice.person.fill_in(link, user_id=alice.person.user_id, token=token)
            assert status == 200
            assert (await alice.hear()).startswith("You are connected.")
            await stage.stop_bots()
