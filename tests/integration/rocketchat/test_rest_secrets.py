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
    fail,
    flood,
    hang,
    hang_up,
    ok,
    say,
    serve_bytes,
    stop_in_the_middle,
)


async def test_no_token_is_ever_shown(
    script: Script, hasty: RestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[Responder] = [
        ok(_id="annid"),
        fail(401, "You must be logged in to do this."),
        say(429, {"success": False}, headers={"Retry-After": "0.01"}),
        say(200, text=PAGE, kind="text/html"),
        say(302, text="", headers={"Location": "http://example.org"}),
        say(500, text="oh"),
        flood,
        hang,
        hang_up,
        stop_in_the_middle,
    ]
    shown: list[str] = []
    with structlog.testing.capture_logs() as events:
        for line in lines:
            for token in (ANN, BEARER):
                script.on("/api/v1/me", line)
                shown += await everything_shown(hasty, token)
        async with (
            serve_bytes(b"HTTP/1.1 twohundred OK\r\n\r\n") as url,
            open_rest_client(url, BOT, retry_pause_s=0.01) as rest,
        ):
            shown += await everything_shown(rest, ANN)
    shown += [caplog.text, repr(events), repr(hasty), repr(vars(hasty))]

    assert any("asked the workspace" in line for line in shown)
    assert not [line for line in shown if ANN_SECRET in line or BOT_SECRET in line]


async def everything_shown(rest: RestClient, token: AuthToken) -> list[str]:
    """All that anybody can see of a call: its result or its error with every cause."""
    try:
        return [repr(await rest.fetch_user(token))]
    except BotError as error:
        shown = traceback.format_exception(error)
        causes: list[BaseException | None] = [error, error.__cause__]
        if not error.__suppress_context__:
            causes.append(error.__context__)
        return shown + [f"{cause!r} {cause} {vars(cause)!r}" for cause in causes if cause]
