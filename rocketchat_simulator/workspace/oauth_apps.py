"""The applications that may ask people for access; an administrator registers them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rocketchat_simulator.workspace.documents import Document, make_id, make_object_id, make_token
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.people import People

_BETWEEN_ADDRESSES: Final = re.compile(r"[,\n]")


@dataclass(slots=True, eq=False)
class OAuthApp:
    """An application: who it is, and where people may be sent back to."""

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
        """Every address that people may be sent back to."""
        return self.redirect_uri.split(",")


class OAuthApps:
    """Registered applications."""

    def __init__(self, people: People, now: Callable[[], datetime]) -> None:
        self._people = people
        self._now = now
        self._apps: dict[str, OAuthApp] = {}

    @property
    def all(self) -> tuple[OAuthApp, ...]:
        """Every application, in the order in which they came."""
        return tuple(self._apps.values())

    def add(
        self, name: str, redirect_uris: Iterable[str], *, by: User, is_active: bool = True
    ) -> OAuthApp:
        """Register an application; raise RefusedError for an empty name or no address."""
        now = self._now()
        app = OAuthApp(
            id=make_object_id(now),
            name=_check_name(name),
            client_id=make_id(),
            client_secret=make_token(),
            redirect_uri=_join(redirect_uris),
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
        """Change an application; raise RefusedError where there is none."""
        app = self._get(app_id, "updateOAuthApp")
        app.name, app.redirect_uri = _check_name(name), _join(redirect_uris)
        app.is_active, app.updated_at = is_active, self._now()
        app.updated_by = {"_id": by.id, "username": by.username}
        return app

    def remove(self, app_id: str) -> OAuthApp:
        """Forget an application; raise RefusedError where there is none."""
        app = self._get(app_id, "deleteOAuthApp")
        del self._apps[app_id]
        return app

    def find(self, any_id: str) -> OAuthApp | None:
        """Find an application by its id or its client id, switched off ones included."""
        return next((app for app in self.all if any_id in {app.id, app.client_id}), None)

    def find_active(self, client_id: str, client_secret: str | None = None) -> OAuthApp | None:
        """Find an application that is switched on; a given secret must be its own."""
        for app in self.all:
            is_meant = app.is_active and app.client_id == client_id
            if is_meant and client_secret in {None, app.client_secret}:
                return app
        return None

    def _get(self, app_id: str, method: str) -> OAuthApp:
        if app_id not in self._apps:
            details = {"method": method}
            raise RefusedError("Application not found", "error-application-not-found", details)
        return self._apps[app_id]


def split_addresses(text: str) -> list[str]:
    """Read a list of addresses as administrators type it: by commas or on lines."""
    return [address.strip() for address in _BETWEEN_ADDRESSES.split(text) if address.strip()]


def _check_name(name: str) -> str:
    if not name.strip():
        raise RefusedError("Invalid name", "error-invalid-name", {"method": "addOAuthApp"})
    return name


def _join(redirect_uris: Iterable[str]) -> str:
    joined = ",".join(redirect_uris)
    if not joined:
        details = {"method": "addOAuthApp"}
        raise RefusedError("Invalid redirectUri", "error-invalid-redirectUri", details)
    return joined
