"""A registered OAuth application of the simulated workspace, used step by step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from rocketchat_simulator import OAuthApp, Person, User, open_person
from tests.support.rest_caller import Caller, Json, World, open_world

CALLBACK = "http://127.0.0.1:8099/oauth/callback"
SERVER_ERROR = "server_error"


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application and its workspace."""

    world: World
    app: OAuthApp

    def consent_address(self, **changed: str) -> str:
        query = {
            "client_id": self.app.client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "state": "made-up-state",
        }
        return f"{self.world.simulator.url}/oauth/authorize?{urlencode(query | changed)}"

    @asynccontextmanager
    async def open_alice(self) -> AsyncIterator[Person]:
        alice = self.world.alice
        async with open_person(self.world.simulator.url, "alice", alice.password) as person:
            yield person

    def make_code(self, user: User | None = None) -> str:
        """Return an authorization code, as the consent page does."""
        user = user or self.world.alice
        return self.world.workspace.oauth.make_code(user, self.app, CALLBACK)

    async def ask_for_tokens(self, **form: str) -> tuple[int, Json]:
        """Send a token request; the application's id and secret are the defaults."""
        app = self.app
        sent = {"client_id": app.client_id, "client_secret": app.client_secret} | form
        return await self.world.sign_in().call("POST", "/oauth/token", data=sent)

    async def exchange(self, code: str, **form: str) -> tuple[int, Json]:
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return await self.ask_for_tokens(**sent | form)

    async def refresh(self, refresh_token: str, **form: str) -> tuple[int, Json]:
        sent = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.ask_for_tokens(**sent | form)

    async def connect(self, user: User | None = None) -> Json:
        """Return a token pair for a user; alice by default."""
        status, pair = await self.exchange(self.make_code(user))
        assert status == 200
        return pair

    def bearer(self, token: str, *, kind: str = "Bearer") -> Caller:
        headers = {"Authorization": f"{kind} {token}"}
        return Caller(self.world.http, self.world.simulator.url, headers)


@asynccontextmanager
async def open_application(version: str = "8.3", **settings: Any) -> AsyncIterator[Application]:  # noqa: ANN401 - the simulator's own
    async with open_world(version, **settings) as world:
        yield Application(world, world.workspace.oauth.make_app("session bot", CALLBACK))


def read_query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
