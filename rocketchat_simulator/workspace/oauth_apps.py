"""The OAuth applications that administrators have registered."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rocketchat_simulator.workspace.documents import Document, make_id, make_object_id, make_token
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.people import People

_URI_SEPARATOR: Final = re.compile(r"[,\n]")


@dataclass(slots=True, eq=False)
class OAuthApp:
    """A registered application. ``redirect_uri`` is a comma-separated list."""

    id: str
    name: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    created_at: datetime
    updated_at: datetime
    created_by: Document
    is_active: bool = True
    updated_by: Document | None = None

    @property
    def redirect_uris(self) -> list[str]:
        """The URIs that users may be redirected to."""
        return self.redirect_uri.split(",")


class OAuthApps:
    """All registered applications."""

    def __init__(self, people: People, now: Callable[[], datetime]) -> None:
        self._people = people
        self._now = now
        self._apps: dict[str, OAuthApp] = {}

    @property
    def all(self) -> tuple[OAuthApp, ...]:
        """All applications, oldest first."""
        return tuple(self._apps.values())

    def add(
        self, name: str, redirect_uris: Iterable[str], *, by: User, is_active: bool = True
    ) -> OAuthApp:
        """Register an application; raise RefusedError without a name or a redirect URI."""
        now = self._now()
        app = OAuthApp(
            id=make_object_id(now),
            name=_check_name(name),
            client_id=make_id(),
            client_secret=make_token(),
            redirect_uri=_join_uris(redirect_uris),
            created_at=now,
            updated_at=now,
            created_by={"_id": by.id, "username": by.username},
            is_active=is_active,
        )
        self._apps[app.id] = app
        self._people.add_secret(app.client_secret)
        return app

    def change(
        self, app_id: str, name: str, redirect_uris: Iterable[str], *, is_active: bool, by: User
    ) -> OAuthApp:
        """Change an application; raise RefusedError if there is none with this id."""
        app = self._get(app_id, "updateOAuthApp")
        app.name, app.redirect_uri = _check_name(name), _join_uris(redirect_uris)
        app.is_active, app.updated_at = is_active, self._now()
        app.updated_by = {"_id": by.id, "username": by.username}
        return app

    def remove(self, app_id: str) -> OAuthApp:
        """Remove an application; raise RefusedError if there is none with this id."""
        app = self._get(app_id, "deleteOAuthApp")
        del self._apps[app_id]
        return app

    def find(self, any_id: str) -> OAuthApp | None:
        """Find an application by its id or its client id, even if it is inactive."""
        return next((app for app in self.all if any_id in {app.id, app.client_id}), None)

    def find_active(self, client_id: str, client_secret: str | None = None) -> OAuthApp | None:
        """Find an active application; if ``client_secret`` is given, it must match."""
        for app in self.all:
            is_found = app.is_active and app.client_id == client_id
            if is_found and client_secret in {None, app.client_secret}:
                return app
        return None

    def _get(self, app_id: str, method: str) -> OAuthApp:
        if app_id not in self._apps:
            details = {"method": method}
            raise RefusedError("Application not found", "error-application-not-found", details)
        return self._apps[app_id]


def parse_redirect_uris(text: str) -> list[str]:
    """Return the URIs of a text, separated by commas or line breaks."""
    return [uri.strip() for uri in _URI_SEPARATOR.split(text) if uri.strip()]


def _check_name(name: str) -> str:
    if not name.strip():
        raise RefusedError("Invalid name", "error-invalid-name", {"method": "addOAuthApp"})
    return name


def _join_uris(redirect_uris: Iterable[str]) -> str:
    joined = ",".join(redirect_uris)
    if not joined:
        details = {"method": "addOAuthApp"}
        raise RefusedError("Invalid redirectUri", "error-invalid-redirectUri", details)
    return joined
