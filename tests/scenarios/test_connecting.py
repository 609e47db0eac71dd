"""The connection page, as people open it, fill it in and get it wrong."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.logs import open_logs
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


async def make_token(conversation: Conversation, name: str = "session bot") -> str:
    return await conversation.person.make_personal_access_token(name)


async def test_a_wrong_token_can_be_put_right_on_the_same_page(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link, user_id = await alice.ask_for_link(), alice.person.user_id
    status, page = await alice.person.fill_in(link, user_id=user_id, token="x" * 43)
    assert status == 422
    assert "does not accept this user id and token together" in page
    assert "You can try again right here" in page
    retry = find_retry(page, link)
    status, page = await alice.person.fill_in(retry, user_id=user_id, token=await make_token(alice))
    assert status == 200, page
    assert (await alice.hear()).startswith("You are connected.")


async def test_five_wrong_tokens_end_the_link(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link, user_id = await alice.ask_for_link(), alice.person.user_id
    for _ in range(4):
        _, page = await alice.person.fill_in(link, user_id=user_id, token="x" * 43)
        link = find_retry(page, link)
    status, page = await alice.person.fill_in(link, user_id=user_id, token="x" * 43)
    assert status == 422
    assert "<form" not in page
    assert "!connect" in page


@pytest.mark.parametrize(
    ("user_id", "token", "complaint"),
    [
        ("alice with blanks", "x" * 43, "That is not a user id"),
        ("<script>alert(1)</script>", "x" * 43, "That is not a user id"),
        ("rbAXPnMktTFbNpwtJ", "short", "That is not a personal access token"),
        ("rbAXPnMktTFbNpwtJ", "x" * 43 + " y", "That is not a personal access token"),
    ],
)
async def test_what_cannot_be_a_token_costs_no_attempt(
    stage: Stage, user_id: str, token: str, complaint: str
) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    status, page = await alice.person.fill_in(link, user_id=user_id, token=token)
    assert status == 422
    assert complaint in page
    assert "<script>" not in page
    status, _ = await alice.person.fill_in(
        link, user_id=alice.person.user_id, token=await make_token(alice)
    )
    assert status == 200


async def test_another_persons_token_is_not_kept_and_both_are_told(stage: Stage) -> None:
    alice, bob = await stage.meet("alice"), await stage.meet("bob")
    link = await alice.ask_for_link()
    status, page = await bob.person.fill_in(
        link, user_id=bob.person.user_id, token=await make_token(bob)
    )
    assert status == 403
    assert "belongs to another account" in page
    assert "alice" not in page
    assert "permission for another account, bob" in await alice.hear()
    assert "made for alice" in await bob.hear()
    for each in (alice, bob):
        assert "not connected" in await each.ask("!whoami")


@pytest.mark.parametrize("muted", ["alice", "bob"])
async def test_who_refuses_messages_keeps_nobody_else_from_being_told(
    stage: Stage, muted: str
) -> None:
    people = {name: await stage.meet(name) for name in ("alice", "bob")}
    bob = people["bob"]
    link = await people["alice"].ask_for_link()
    stage.find_room(people.pop(muted)).muted_ids.add(stage.people.bot.id)
    status, _ = await bob.person.fill_in(
        link, user_id=bob.person.user_id, token=await make_token(bob)
    )
    assert status == 403
    (other,) = people.values()
    assert "permission for" in await other.hear()


async def test_a_used_link_is_dead(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link, token = await alice.ask_for_link(), await make_token(alice)
    for expected in (200, 410):
        status, page = await alice.person.fill_in(link, user_id=alice.person.user_id, token=token)
        assert status == expected, page
    assert "no longer valid" in page


async def test_a_link_opened_in_two_tabs_connects_once(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link, token = await alice.ask_for_link(), await make_token(alice)
    fields = {"user_id": alice.person.user_id, "token": token}
    first, second = [await alice.person.open_form(link) for _ in range(2)]
    assert (await alice.person.send_form(link, first | fields))[0] == 200
    assert (await alice.person.send_form(link, second | fields))[0] == 410


async def test_a_link_expires_after_ten_minutes(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    stage.clock.advance(seconds=601)
    status, page = await alice.person.fill_in(link)
    assert status == 410
    assert "no longer valid" in page


async def test_a_newer_link_replaces_the_older(stage: Stage) -> None:
    alice = await stage.meet("alice")
    older, newer = await alice.ask_for_link(), await alice.ask_for_link()
    assert (await alice.person.fill_in(older))[0] == 410
    status, _ = await alice.person.fill_in(
        newer, user_id=alice.person.user_id, token=await make_token(alice)
    )
    assert status == 200


async def test_a_form_cannot_be_sent_by_a_browser_that_did_not_open_it(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    form = await alice.person.open_form(link)
    form |= {"user_id": alice.person.user_id, "token": await make_token(alice)}
    async with aiohttp.ClientSession() as another, another.post(link, data=form) as response:
        assert response.status == 403
        assert "another browser" in await response.text()
    assert "not connected" in await alice.ask("!whoami")


async def test_a_made_up_link_and_a_made_up_page_say_what_to_do(stage: Stage) -> None:
    alice = await stage.meet("alice")
    base = (await alice.ask_for_link()).rpartition("/connect/")[0]
    status, page = await alice.person.fill_in(f"{base}/connect/{'x' * 43}")
    assert (status, "!connect" in page) == (410, True)
    status, page = await alice.person.fill_in(f"{base}/nothing")
    assert (status, "!connect" in page) == (404, True)


async def test_a_workspace_that_is_down_keeps_nothing_and_lets_try_again(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link, token = await alice.ask_for_link(), await make_token(alice)
    user_id = alice.person.user_id
    stage.simulator.faults.fail_next("me", status=500, times=3)
    status, page = await alice.person.fill_in(link, user_id=user_id, token=token)
    assert status == 502
    assert "did not answer" in page
    status, _ = await alice.person.fill_in(find_retry(page, link), user_id=user_id, token=token)
    assert status == 200


async def test_every_page_keeps_everybody_else_out(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    base = link.rpartition("/connect/")[0]
    pages = [link, f"{base}/style.css", f"{base}/nothing", f"{base}/healthz", f"{base}/readyz"]
    async with aiohttp.ClientSession() as browser:
        for page in pages:
            async with browser.get(page) as response:
                headers = response.headers
            assert "default-src 'none'" in headers["Content-Security-Policy"], page
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], page
            assert headers["Cache-Control"] == "no-store", page
            assert headers["Referrer-Policy"] == "no-referrer", page
            assert headers["X-Content-Type-Options"] == "nosniff", page


@pytest.mark.parametrize(
    "request_text",
    ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", "\x16\x03\x01\r\n"],
)
async def test_what_is_no_request_is_refused_with_the_same_headers(
    stage: Stage, request_text: str
) -> None:
    parts = urlsplit(stage.bot.public_url)
    locale, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request_text.encode())
    async with asyncio.timeout(DEADLINE_S):
        head, _, body = (await locale.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(("HTTP/1.1 400 ", "HTTP/1.0 400 "))
    assert "Content-Security-Policy: default-src 'none'" in head
    assert "Cache-Control: no-store" in head
    assert body == "400: this request cannot be answered."


FORM = "application/x-www-form-urlencoded"
FILE = b'--b\r\nContent-Disposition: form-data; name="browser"; filename="f"\r\n\r\nx\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nno name\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b"),
        ("multipart/form-data; boundary=b", FILE),
        (f"{FORM}; charset=no-such", b"a=b"),
        (f"{FORM}; charset=utf-16", b"a=b"),
        (FORM, b"\xff\xfe=b"),
        (FORM, b"&".join(b"a=b" for _ in range(3000))),
        ("text/plain", b"browser=b"),
        ("application/json", b"{"),
    ],
)
async def test_a_malformed_form_is_the_senders_fault(
    stage: Stage, content_type: str, body: bytes
) -> None:
    log = io.StringIO()
    open_logs("INFO", "text", log)
    base = stage.bot.public_url
    async with aiohttp.ClientSession() as browser:
        for path in (f"/connect/{'x' * 43}", f"/connect/{'x' * 43}/oauth"):
            sent = browser.post(base + path, data=body, headers={"Content-Type": content_type})
            async with sent as response:
                assert response.status in {400, 413}, await response.text()
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize(
    "head",
    [
        "GET /connect/%ff HTTP/1.1",
        "GET /connect/\xff HTTP/1.1",
        "GET /connect/%00 HTTP/1.1",
        "GET /connect/%ed%a0%80 HTTP/1.1",
        "GET /oauth/callback?state=%ff&code=\xff HTTP/1.1",
        f"GET /connect/x HTTP/1.1\r\nCookie: browser={chr(255) * 43}",
        f"POST /connect/x HTTP/1.1\r\nContent-Type: {FORM}\r\nCookie: browser={chr(255) * 43}",
    ],
)
async def test_bytes_that_are_no_text_leave_no_traceback(stage: Stage, head: str) -> None:
    log = io.StringIO()
    open_logs("INFO", "text", log)
    parts = urlsplit(stage.bot.public_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"{head}\r\nHost: bot\r\nConnection: close\r\n\r\n".encode("latin-1"))
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert "Traceback" not in log.getvalue()


async def test_health_and_readiness_are_told(stage: Stage) -> None:
    alice = await stage.meet("alice")
    base = (await alice.ask_for_link()).rpartition("/connect/")[0]
    async with aiohttp.ClientSession() as browser:
        for page in ("healthz", "readyz"):
            async with browser.get(f"{base}/{page}") as response:
                assert response.status == 200


def find_retry(page: str, link: str) -> str:
    base = link.rpartition("/connect/")[0]
    return base + page.partition('action="')[2].partition('"')[0]
