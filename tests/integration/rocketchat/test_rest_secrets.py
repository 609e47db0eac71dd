import logging
import traceback

import pytest
import structlog

from bot.errors import BotError
from bot.models import AuthToken
from bot.rocketchat.client import RestClient, open_rest_client
from tests.support.scripted_rest import (
    ANN,
    ANN_SECRET,
    BEARER,
    BOT,
    BOT_SECRET,
    PAGE,
    Responder,
    Script,
    cut_off,
    disconnect,
    fail,
    hang,
    ok,
    reply_too_long,
    reply_with,
    serve_bytes,
)


async def test_no_token_is_ever_shown(
    script: Script, short_timeout_rest: RestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    responders: list[Responder] = [
        ok(_id="annid"),
        fail(401, "You must be logged in to do this."),
        reply_with(429, {"success": False}, headers={"Retry-After": "0.01"}),
        reply_with(200, text=PAGE, content_type="text/html"),
        reply_with(302, text="", headers={"Location": "http://example.org"}),
        reply_with(500, text="oh"),
        reply_too_long,
        hang,
        disconnect,
        cut_off,
    ]
    visible: list[str] = []
    with structlog.testing.capture_logs() as events:
        for responder in responders:
            for token in (ANN, BEARER):
                script.on("/api/v1/me", responder)
                visible += await collect_visible(short_timeout_rest, token)
        async with (
            serve_bytes(b"HTTP/1.1 twohundred OK\r\n\r\n") as url,
            open_rest_client(url, BOT, retry_pause_s=0.01) as rest,
        ):
            visible += await collect_visible(rest, ANN)
    visible += [caplog.text, repr(events), repr(short_timeout_rest), repr(vars(short_timeout_rest))]

    assert any("asked the workspace" in responder for responder in visible)
    assert not [
        responder for responder in visible if ANN_SECRET in responder or BOT_SECRET in responder
    ]


async def collect_visible(rest: RestClient, token: AuthToken) -> list[str]:
    """Return all that is visible of a call: its result, or its error with every cause."""
    try:
        return [repr(await rest.fetch_user(token))]
    except BotError as error:
        visible = traceback.format_exception(error)
        causes: list[BaseException | None] = [error, error.__cause__]
        if not error.__suppress_context__:
            causes.append(error.__context__)
        return visible + [f"{cause!r} {cause} {vars(cause)!r}" for cause in causes if cause]
