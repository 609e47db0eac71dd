"""A person in a browser between an application and the workspace's consent page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from rocketchat_simulator import open_person
from tests.support.rest_caller import open_world


@asynccontextmanager
async def open_site(app: web.Application) -> AsyncIterator[str]:
    """Serve it; return its URL."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def make_application(found: dict[str, str]) -> web.Application:
    """Make a site that sends people to consent and remembers their browser by a cookie."""

    async def start(request: web.Request) -> web.Response:
        form = await request.post()
        response = web.Response(status=303, headers={"Location": found["consent"]})
        response.set_cookie("browser", str(form["browser"]))
        return response

    async def finish(request: web.Request) -> web.Response:
        seen = (request.cookies.get("browser"), request.query["state"], len(request.query["code"]))
        return web.Response(text=str(seen))

    app = web.Application()
    app.router.add_post("/start", start)
    app.router.add_get("/finish", finish)
    return app


async def test_a_person_goes_to_consent_and_back_with_their_cookies() -> None:
    found: dict[str, str] = {}
    async with open_world() as world, open_site(make_application(found)) as site:
        workspace, url = world.workspace, world.simulator.url
        app = workspace.oauth.make_app("session bot", f"{site}/finish")
        found["consent"] = (
            f"{url}/oauth/authorize?client_id={app.client_id}&redirect_uri={site}/finish"
            "&response_type=code&state=made-up"
        )
        async with open_person(url, "alice", world.alice.password) as alice:
            allowed = await alice.authorize(f"{site}/start", {"browser": "firefox"})
            refused = await alice.authorize(f"{site}/start", {"browser": "x"}, allows=False)
            elsewhere = await alice.authorize(f"{site}/nothing")

    assert allowed.page == "('firefox', 'made-up', 64)"
    assert refused.status == 401
    assert refused.url.startswith(url)
    assert elsewhere.status == 404
