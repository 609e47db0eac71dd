"""Consent and the registering of applications in the simulated workspace."""

import pytest

from rocketchat_simulator import Visit
from tests.support.oauth_provider import CALLBACK, open_application, read_query
from tests.support.rest_caller import EVERY_VERSION

PRIVATE = "clientSecret"


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_a_person_who_allows_is_sent_back_with_code_and_state(version: str) -> None:
    async with open_application(version) as application, application.open_alice() as alice:
        answered = await alice.answer_consent(application.consent_address())
        status, _ = await application.exchange(read_query(answered.location)["code"])

    assert (answered.status, status) == (302, 200)
    assert answered.location.startswith(f"{CALLBACK}?")
    assert read_query(answered.location)["state"] == "made-up-state"


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_a_person_who_refuses_stays_on_the_servers_own_page(version: str) -> None:
    async with open_application(version) as application, application.open_alice() as alice:
        visit = await alice.authorize(application.consent_address(), allows=False)

    assert (visit.status, visit.location) == (401, "")
    assert "access_denied" in visit.page


async def test_a_request_without_state_is_refused() -> None:
    async with open_application() as application, application.open_alice() as alice:
        visit = await alice.answer_consent(application.consent_address(state=""))

    assert (visit.status, visit.location) == (400, "")
    assert "Missing parameter: `state`" in visit.page


async def test_a_foreign_redirect_uri_is_refused_on_the_page_and_behind_it() -> None:
    async with open_application() as application, application.open_alice() as alice:
        address = application.consent_address(redirect_uri="http://127.0.0.1:1/x")
        shown = await alice.visit(address)
        posted = await alice.answer_consent(address)

    assert shown.url.endswith("/oauth/error/invalid_redirect_uri")
    assert "Redirect URL does not match" in shown.page
    assert (posted.status, posted.location) == (400, "")


async def test_an_unknown_or_switched_off_application_is_refused() -> None:
    async with open_application() as application, application.open_alice() as alice:
        unknown = await alice.visit(application.consent_address(client_id="unknown"))
        application.app.is_active = False
        switched_off = await alice.visit(application.consent_address())
        posted = await alice.answer_consent(application.consent_address())

    assert unknown.url.endswith("/oauth/error/404")
    assert switched_off.url.endswith("/oauth/error/404")
    assert posted.status == 503


async def test_consent_needs_a_login_token() -> None:
    async with open_application() as application:
        nobody = application.world.sign_in()
        path = "/oauth/authorize"
        none = await nobody.call("POST", path, data={"allow": "yes"})
        wrong = await nobody.call("POST", path, data={"allow": "yes", "token": "made-up"})

    assert (none, wrong) == ((401, "No token"), (401, "Invalid token"))


async def test_the_page_asks_who_one_is_and_then_what_one_wants() -> None:
    async with open_application() as application, application.open_alice() as browser:
        address = application.consent_address()
        url, query = application.world.simulator.url, address.partition("?")[2]
        first = await browser.visit(address)
        form = {"query": query, "user": "alice"}
        refused = await browser.visit(f"{url}/demo/sign-in", form | {"password": "wrong"})
        password = application.world.alice.password
        asked = await browser.visit(f"{url}/demo/sign-in", form | {"password": password})
        left = await browser.visit(f"{url}/demo/sign-in", {"query": query, "leave": "yes"})

    assert "Password" in first.page
    assert (refused.status, "Incorrect" in refused.page) == (401, True)
    assert "asks for full access" in asked.page
    assert "Alice Example" in asked.page
    assert not is_pressed_by_itself(asked)
    assert "Password" in left.page


async def test_people_of_the_demo_sign_in_with_one_click_and_nobody_else_does() -> None:
    async with open_application() as application, application.open_alice() as browser:
        world = application.world
        world.simulator.demo_people.append(world.bob)
        query = application.consent_address().partition("?")[2]
        url = f"{world.simulator.url}/demo/sign-in"
        as_alice = await browser.visit(url, {"query": query, "person": "alice"})
        as_bob = await browser.visit(url, {"query": query, "person": "bob"})

    assert as_alice.status == 401
    assert "Bob Beispiel" in as_bob.page


async def test_who_allowed_before_is_not_asked_again() -> None:
    async with open_application() as application, application.open_alice() as alice:
        world = application.world
        world.simulator.demo_people.append(world.alice)
        await alice.answer_consent(application.consent_address())
        query = application.consent_address().partition("?")[2]
        form = {"query": query, "person": "alice"}
        again = await alice.visit(f"{world.simulator.url}/demo/sign-in", form)
        me = await alice.call("GET", "me")

    assert is_pressed_by_itself(again)
    assert me["oauth"] == {"authorizedClients": [application.app.client_id]}


def is_pressed_by_itself(visit: Visit) -> bool:
    return ".click()" in visit.page


async def test_an_administrator_registers_changes_and_removes_applications() -> None:
    async with open_application() as application:
        world = application.world
        root = world.workspace.add_user("root", roles=("admin",))
        admin = world.sign_in(root)
        fields = {
            "name": "bot",
            "redirectUri": f"{CALLBACK},\nhttp://other.example",
            "active": True,
        }
        _, made = await admin.post("oauth-apps.create", **fields)
        app_id = made["application"]["_id"]
        changed = fields | {"redirectUri": CALLBACK, "active": False}
        _, updated = await admin.post("oauth-apps.update", appId=app_id, **changed)
        _, listed = await admin.get("oauth-apps.list")
        gone = await admin.post("oauth-apps.delete", appId=app_id)
        missing = await admin.post("oauth-apps.delete", appId=app_id)
        lost = await admin.get("oauth-apps.get", clientId=made["application"]["clientId"])

    assert made["application"]["redirectUri"] == f"{CALLBACK},http://other.example"
    assert (updated["redirectUri"], updated["active"]) == (CALLBACK, False)
    assert [app["name"] for app in listed["oauthApps"]] == ["session bot", "bot"]
    assert gone == (200, True)
    assert (missing[0], missing[1]["errorType"]) == (400, "error-application-not-found")
    assert lost[0] == 400


async def test_removing_an_application_ends_what_it_was_given() -> None:
    async with open_application() as application:
        pair, code = await application.connect(), application.make_code()
        application.world.workspace.oauth.remove_app(application.app.id)
        bearer, _ = await application.bearer(pair["access_token"]).get("me")
        refreshed, _ = await application.refresh(pair["refresh_token"])
        exchanged, _ = await application.exchange(code)

    assert (bearer, refreshed, exchanged) == (401, 503, 503)


async def test_only_administrators_register_applications() -> None:
    async with open_application() as application:
        alice = application.world.sign_in(application.world.alice)
        status, _ = await alice.post(
            "oauth-apps.create", name="x", redirectUri=CALLBACK, active=True
        )

    assert status == 403


@pytest.mark.parametrize(("version", "is_shown"), [("6.5", True), ("8.3", False)])
async def test_old_servers_show_everybody_the_client_secret(version: str, is_shown: bool) -> None:
    async with open_application(version) as application:
        alice = application.world.sign_in(application.world.alice)
        _, body = await alice.get("oauth-apps.get", clientId=application.app.client_id)

    assert (PRIVATE in body["oauthApp"]) == is_shown
