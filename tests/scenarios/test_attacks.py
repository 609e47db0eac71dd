"""Attacks on connecting and on stored tokens; each test fails without its defence."""

import html
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from sqlalchemy import text

from bot.storage.database import open_database
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage

COOKIE_KEY = "browser"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, has_oauth=True) as opened:
        yield opened


async def is_connected(conversation: Conversation) -> bool:
    told = await conversation.ask("!whoami")
    return not ("not connected" in told or "nicht verbunden" in told)


async def test_a_forged_state_leads_nowhere(stage: Stage) -> None:
    alice = await stage.meet("alice")
    way_back = await alice.get_way_back(await alice.ask_for_link())
    state = parse_qs(urlsplit(way_back).query)["state"][0]
    before = stage.count_calls("/oauth/token")
    for forged, status in (("x" * 43, 410), ("short", 400), ("", 400), (state + "x", 400)):
        visit = await alice.person.visit(way_back.replace(state, forged))
        assert visit.status == status
        assert "!connect" in visit.page
    assert stage.count_calls("/oauth/token") == before
    assert not await is_connected(alice)
    assert (await alice.person.visit(way_back)).status == 200


async def test_the_state_is_the_random_secret_of_one_request(stage: Stage) -> None:
    alice, bob = await stage.meet("alice"), await stage.meet("bob")
    states = set()
    for each in (alice, bob, alice):
        address = await each.go_to_consent(await each.ask_for_link())
        states |= set(parse_qs(urlsplit(address).query)["state"])
    assert {len(state) for state in states} == {43}
    assert len(states) == 3
    stored = b"".join(path.read_bytes() for path in stage.folder.iterdir())
    assert not [state for state in states if state.encode() in stored]


async def test_a_code_cannot_be_used_twice(stage: Stage) -> None:
    alice = await stage.meet("alice")
    way_back = await alice.get_way_back(await alice.ask_for_link())
    before = stage.count_calls("/oauth/token")
    assert (await alice.person.visit(way_back)).status == 200
    visit = await alice.person.visit(way_back)
    assert visit.status == 410
    assert stage.count_calls("/oauth/token") == before + 1


async def test_a_code_from_another_flow_connects_its_owner_to_nobody_else(stage: Stage) -> None:
    alice, mallory = await stage.meet("alice"), await stage.meet("bob")
    stolen = await alice.get_way_back(await alice.ask_for_link())
    own = await mallory.get_way_back(await mallory.ask_for_link())
    code, state = (
        parse_qs(urlsplit(way).query)[key][0]
        for way, key in zip((stolen, own), ("code", "state"), strict=True)
    )
    base = own.partition("?")[0]
    visit = await mallory.person.visit(f"{base}?code={code}&state={state}")
    assert visit.status == 403
    assert "another account" in visit.page
    assert not await is_connected_as_other(mallory)


async def is_connected_as_other(conversation: Conversation) -> bool:
    await conversation.hear()
    return await is_connected(conversation)


async def test_the_attackers_link_opened_by_the_victim_connects_nobody(stage: Stage) -> None:
    victim, attacker = await stage.meet("alice"), await stage.meet("bob")
    link = await attacker.ask_for_link()
    visit = await victim.press_button(link)
    assert visit.status == 403
    assert "another account" in visit.page
    assert "bob" not in visit.page
    assert "made for bob" in await victim.hear()
    await attacker.hear()
    for each in (victim, attacker):
        assert not await is_connected(each)


async def test_the_attackers_consent_address_sent_to_the_victim_connects_nobody(
    stage: Stage,
) -> None:
    victim, attacker = await stage.meet("alice"), await stage.meet("bob")
    address = await attacker.go_to_consent(await attacker.ask_for_link())
    answered = await victim.person.answer_consent(address)
    before = stage.count_calls("/oauth/token")
    visit = await victim.person.visit(answered.location)
    assert visit.status == 403
    assert "not the browser that opened the link" in visit.page
    # The victim's code was not even exchanged.
    assert stage.count_calls("/oauth/token") == before
    for each in (victim, attacker):
        assert not await is_connected(each)


async def test_the_victims_link_opened_by_the_attacker_connects_nobody(stage: Stage) -> None:
    victim, attacker = await stage.meet("alice"), await stage.meet("bob")
    link = await victim.ask_for_link()
    visit = await attacker.press_button(link)
    assert visit.status == 403
    assert "alice" not in visit.page
    assert "another account, bob" in await victim.hear()
    await attacker.hear()
    for each in (victim, attacker):
        assert not await is_connected(each)


async def test_the_attackers_way_back_opened_by_the_victim_connects_nobody(stage: Stage) -> None:
    victim, attacker = await stage.meet("alice"), await stage.meet("bob")
    way_back = await attacker.get_way_back(await attacker.ask_for_link())
    await victim.person.visit(await victim.ask_for_link())
    assert (await victim.person.visit(way_back)).status == 403
    for each in (victim, attacker):
        assert not await is_connected(each)


async def test_a_token_of_another_account_is_not_kept(stage: Stage) -> None:
    alice, mallory = await stage.meet("alice"), await stage.meet("bob")
    token = await alice.person.make_personal_access_token("stolen")
    link = await mallory.ask_for_link()
    status, _ = await mallory.person.fill_in(link, user_id=alice.person.user_id, token=token)
    assert status == 403
    assert not await is_connected_as_other(mallory)


@pytest.mark.parametrize("version", ["6.5", "7.7", "8.8"])
async def test_a_server_that_trusts_the_header_vouches_for_nobody(
    tmp_path: Path, version: str
) -> None:
    async with open_stage(tmp_path, version, has_oauth=True) as stage:
        stage.simulator.workspace.allows_anonymous_reading = True
        mallory = await stage.meet("bob")
        link = await mallory.ask_for_link()
        # Mallory has only a made-up token, which must not be accepted.
        status, page = await mallory.person.fill_in(
            link, user_id=mallory.person.user_id, token="x" * 43
        )
        assert status in {422, 502}, page
        assert not await is_connected(mallory)


async def test_a_server_that_trusts_the_header_cannot_be_used_to_annoy_others(
    tmp_path: Path,
) -> None:
    async with open_stage(tmp_path, "7.7") as stage:
        stage.simulator.workspace.allows_anonymous_reading = True
        alice, mallory = await stage.meet("alice"), await stage.meet("bob")
        link = await mallory.ask_for_link()
        status, page = await mallory.person.fill_in(
            link, user_id=alice.person.user_id, token="x" * 43
        )
        assert status == 502
        assert "even made-up tokens" in page
        await alice.expect_silence()


async def test_a_second_tab_connects_once(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    first, second = await alice.get_way_back(link), await alice.get_way_back(link)
    assert (await alice.person.visit(first)).status == 200
    assert (await alice.person.visit(second)).status == 410
    assert (await alice.paste_token(link))[0] == 410


@pytest.mark.parametrize("path", ["", "/oauth"])
async def test_a_form_without_its_cookie_is_refused(stage: Stage, path: str) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    fields = await alice.person.open_form(link)
    token = await alice.person.make_personal_access_token("bot")
    fields |= {"user_id": alice.person.user_id, "token": token}
    for cookies in ({}, {COOKIE_KEY: "x" * 43}, {COOKIE_KEY: ""}):
        async with (
            aiohttp.ClientSession(cookies=cookies) as another,
            another.post(link + path, data=fields, allow_redirects=False) as response,
        ):
            assert response.status == 403
            assert "another browser" in await response.text()
    assert not await is_connected(alice)


async def test_the_way_back_without_its_cookie_is_refused(stage: Stage) -> None:
    alice = await stage.meet("alice")
    way_back = await alice.get_way_back(await alice.ask_for_link())
    before = stage.count_calls("/oauth/token")
    async with aiohttp.ClientSession() as another, another.get(way_back) as response:
        assert response.status == 403
    assert stage.count_calls("/oauth/token") == before
    assert not await is_connected(alice)


async def test_looking_at_the_way_back_uses_nothing_up(stage: Stage) -> None:
    alice = await stage.meet("alice")
    way_back = await alice.get_way_back(await alice.ask_for_link())
    async with aiohttp.ClientSession() as preview, preview.head(way_back) as response:
        assert response.status == 405
    assert (await alice.person.visit(way_back)).status == 200


async def test_nothing_in_a_request_decides_where_it_leads(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    elsewhere = "https://evil.example"
    fields = await alice.person.open_form(link)
    fields |= {"redirect_uri": elsewhere, "next": elsewhere, "return_to": elsewhere}
    query = f"?redirect_uri={elsewhere}&next={elsewhere}&url={elsewhere}"
    async with (
        aiohttp.ClientSession(headers={"Host": "evil.example"}) as liar,
        liar.get(f"{link}{query}") as response,
    ):
        assert "evil.example" not in await response.text()
    visit = await alice.person.visit(f"{link}/oauth{query}", fields, follows=False)
    address = urlsplit(visit.location)
    assert f"{address.scheme}://{address.netloc}" == stage.simulator.url
    assert parse_qs(address.query)["redirect_uri"] == [f"{stage.bot.public_url}/oauth/callback"]


async def test_no_page_can_be_framed_or_leak_where_it_came_from(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    base = stage.bot.public_url
    fields = await alice.person.open_form(link)
    way_back = await alice.get_way_back(link)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        answers = [
            await browser.get(link),
            await browser.post(f"{link}/oauth", data=fields),
            await browser.post(link, data=fields),
            await browser.get(f"{base}/oauth/callback"),
            await browser.get(way_back),
            await browser.get(f"{base}/nothing"),
            await browser.get(f"{base}/style.css"),
            await browser.put(link),
        ]
        redirect = await alice.person.visit(f"{link}/oauth", fields, follows=False)
    assert redirect.status == 410
    for answer in answers:
        check_headers(answer)


async def test_the_redirect_to_the_workspace_has_the_headers_too(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(link) as page:
            field = (await page.text()).partition('name="browser" value="')[2].partition('"')[0]
            assert (
                f"form-action 'self' {stage.simulator.url};"
                in page.headers["Content-Security-Policy"]
            )
        sent = browser.post(f"{link}/oauth", data={"browser": field}, allow_redirects=False)
        async with sent as answer:
            assert answer.status == 303
            check_headers(answer)


def check_headers(answer: aiohttp.ClientResponse) -> None:
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy, answer.url
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    async with aiohttp.ClientSession() as browser, browser.get(link) as answer:
        cookie = answer.cookies[COOKIE_KEY]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert len(cookie.value) == 43


async def test_html_in_a_name_stays_text(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\"'{{7*7}}"
    async with open_stage(tmp_path, has_oauth=True) as stage:
        alice = await stage.meet("alice")
        link = await alice.ask_for_link()
        status, page = await alice.person.fill_in(link, user_id=evil, token="x" * 43)
        assert status == 422
        assert evil not in page
        assert (
            html.escape(evil, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
            in page
        )
        visit = await alice.person.visit(f"{stage.bot.public_url}/oauth/callback?state={evil}")
        assert "<img" not in visit.page
        visit = await alice.person.visit(f"{stage.bot.public_url}/connect/{evil}")
        assert "<img" not in visit.page


async def change(stage: Stage, statement: str, **values: object) -> None:
    async with open_database(f"sqlite:///{stage.folder / 'bot.db'}") as database:
        await database.write(lambda connection: connection.execute(text(statement), values))


async def test_a_row_copied_to_another_user_opens_nothing_and_is_audited(stage: Stage) -> None:
    alice, mallory = await stage.meet("alice"), await stage.meet("bob")
    await alice.connect_by_button()
    await mallory.connect_by_button()
    await change(
        stage,
        "UPDATE accounts SET (sealed_token, sealed_refresh_token) = (SELECT sealed_token,"
        " sealed_refresh_token FROM accounts WHERE user_id = :alice) WHERE user_id = :mallory",
        alice=alice.person.user_id,
        mallory=mallory.person.user_id,
    )
    answer = await mallory.ask("!sessions")
    assert "`!session 1`" not in answer
    assert "/connect/" in answer
    assert "the stored token does not open" in await load_audit(stage)
    assert "`!session 1`" in await alice.ask("!sessions")


async def load_audit(stage: Stage) -> str:
    query = text("SELECT user_id || ' ' || action || ' ' || detail FROM audit ORDER BY id")
    async with open_database(f"sqlite:///{stage.folder / 'bot.db'}") as database:
        lines = await database.write(lambda connection: list(connection.execute(query).scalars()))
    return "\n".join(lines)


async def test_the_two_tokens_of_one_row_cannot_be_swapped(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    await change(
        stage,
        "UPDATE accounts SET sealed_token = sealed_refresh_token,"
        " sealed_refresh_token = sealed_token",
    )
    assert "damaged or changed" in await alice.ask("!sessions")


async def test_an_altered_row_is_told_and_can_be_replaced(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    await change(
        stage,
        "UPDATE accounts SET sealed_token = CAST(substr(sealed_token, 1, 30) || x'00' ||"
        " substr(sealed_token, 32) AS BLOB)",
    )
    assert "damaged or changed" in await alice.ask("!sessions")
    await alice.connect_by_button()
    assert "signed in as you" in await alice.ask("!sessions")


@pytest.mark.parametrize("start", ["", "token ", "!session ", "here it is: ", "→ `", "!connect "])
async def test_a_token_in_the_chat_is_neither_used_nor_kept(stage: Stage, start: str) -> None:
    alice = await stage.meet("alice")
    token = await alice.person.make_personal_access_token("oops")
    answer = await alice.ask(f"{start}{token}{'`' if '`' in start else ''}")
    assert "looks like a token" in answer
    assert "Personal Access Tokens" in answer
    assert token not in answer
    assert "/connect/" not in answer
    assert not await is_connected(alice)
    stored = b"".join(path.read_bytes() for path in stage.folder.iterdir())
    assert token.encode() not in stored


async def test_a_token_in_a_channel_is_told_in_private(stage: Stage) -> None:
    alice = await stage.meet("alice")
    token = await alice.person.make_personal_access_token("oops")
    room = stage.simulator.workspace.rooms.find_by_name("general")
    assert room is not None
    await alice.person.say(room.id, f"@{stage.people.bot.username} {token}")
    assert "looks like a token" in await alice.hear()
    await alice.person.say(room.id, f"not for the bot: {token}")
    await alice.expect_silence()
