"""A REST caller of the simulated workspace, with or without a user."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from rocketchat_simulator import Simulator, User, Workspace

Json = Any
EVERY_VERSION = ("6.5", "7.7", "8.3", "8.8")


@dataclass(slots=True)
class Clock:
    """A clock that a test moves."""

    moment: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of the REST API; each method returns status and body."""

    http: aiohttp.ClientSession
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def get(self, route: str, **params: object) -> tuple[int, Json]:
        texts = {name: str(value) for name, value in params.items()}
        return await self.call("GET", f"/api/v1/{route}", params=texts)

    async def post(self, route: str, **body: object) -> tuple[int, Json]:
        return await self.call("POST", f"/api/v1/{route}", json=body)

    async def call(self, method: str, path: str, **arguments: Any) -> tuple[int, Json]:  # noqa: ANN401 - aiohttp's own
        headers = {**self.headers, **arguments.pop("headers", {})}
        async with self.http.request(
            method, self.url + path, headers=headers, **arguments
        ) as response:
            is_json = response.content_type == "application/json" and response.content_length
            return response.status, await (response.json() if is_json else response.text())


@dataclass(frozen=True, slots=True)
class World:
    """A simulator with alice, bob and the bot account, who share the channel general."""

    simulator: Simulator
    http: aiohttp.ClientSession
    alice: User
    bob: User
    bot: User

    @property
    def workspace(self) -> Workspace:
        return self.simulator.workspace

    def sign_in(self, user: User | None = None, *, token: str | None = None) -> Caller:
        """Return a caller with the user's ``token``, which is created if it is missing."""
        if user is None:
            return Caller(self.http, self.simulator.url)
        secret = token or self.workspace.make_login_token(user)
        headers = {"X-User-Id": user.id, "X-Auth-Token": secret}
        return Caller(self.http, self.simulator.url, headers)


@asynccontextmanager
async def open_world(version: str = "8.3", **settings: Any) -> AsyncIterator[World]:  # noqa: ANN401 - the simulator's own
    async with (
        Simulator(version=version, **settings) as simulator,
        aiohttp.ClientSession() as http,
    ):
        workspace = simulator.workspace
        alice = workspace.add_user("alice", "Alice Example", password="wonderland")
        bob = workspace.add_user("bob", "Bob Beispiel")
        bot = workspace.add_user("sessions", "Sessions", roles=("user", "bot"))
        workspace.make_channel("general", [alice, bob, bot])
        yield World(simulator, http, alice, bob, bot)
