"""The workspace's accounts and their tokens."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from rocketchat_simulator.workspace.documents import (
    digest_password,
    hash_token,
    make_id,
    make_token,
)
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.events import EventBus, PresenceChanged, TokenRevoked
from rocketchat_simulator.workspace.models import Token, User
from rocketchat_simulator.workspace.permissions import Permissions

_MAX_LOGIN_TOKENS: Final = 50


def make_field_in_use(value: str, field: str) -> RefusedError:
    """Make the error for a username or an e-mail address that another account has."""
    return RefusedError(
        f"{value} is already in use :(", "error-field-unavailable", {"field": field}
    )


class People:
    """All accounts and tokens of the workspace, and what each role may do."""

    def __init__(self, event_bus: EventBus, now: Callable[[], datetime]) -> None:
        self.permissions: Final = Permissions()
        self._event_bus = event_bus
        self._now = now
        self._users: dict[str, User] = {}
        self._by_name: dict[str, User] = {}
        self._by_token: dict[str, User] = {}
        self._secrets: set[str] = set()

    @property
    def users(self) -> tuple[User, ...]:
        """All accounts, oldest first."""
        return tuple(self._users.values())

    def add(
        self,
        username: str,
        name: str = "",
        *,
        password: str | None = None,
        roles: Iterable[str] = ("user",),
        language: str = "",
        utc_offset: float | None = None,
        id: str | None = None,  # noqa: A002 - Rocket.Chat's word
        email: str = "",
        type: str = "user",  # noqa: A002 - Rocket.Chat's word
    ) -> User:
        """Add an account; raise RefusedError if the username is taken."""
        self._require_free(username)
        now = self._now()
        secret = password if password is not None else make_id(20)
        user = User(
            id=id or make_id(),
            username=username,
            name=name or username,
            password=secret,
            roles=tuple(roles),
            created_at=now,
            updated_at=now,
            permissions=self.permissions,
        )
        user.email, user.type = email or f"{username}@example.test", type
        user.language, user.utc_offset = language, utc_offset
        if "admin" in user.roles and not any(other.is_installer for other in self.users):
            user.is_installer, user.utc_offset = True, utc_offset or 0
        self._users[user.id] = user
        self._by_name[username.casefold()] = user
        self._secrets |= {secret, digest_password(secret)}
        return user

    def count_connections(self, user: User, change: int) -> None:
        """Add to the user's open websockets; the first and the last one change the presence."""
        user.connections += change
        if user.connections == max(0, change):
            is_online = user.connections and not user.is_shown_offline
            self.show_status(user, "online" if is_online else "offline")

    def set_away(self, user: User, session_id: str, *, is_away: bool) -> None:
        """Note what a client says about its user, who is away if all their clients say so."""
        change = user.away_sessions.add if is_away else user.away_sessions.discard
        change(session_id)
        is_online = len(user.away_sessions) < user.connections
        status = "online" if is_online else "away"
        if user.connections and user.status != status and user.status in {"online", "away"}:
            self.show_status(user, status)

    def show_status(self, user: User, status: str) -> None:
        """Change what others see of the user's presence: online, away, busy or offline."""
        user.status = status
        self.tell_presence(user, text=user.status_text)

    def tell_presence(self, user: User, *, text: str | None) -> None:
        """Tell those who follow the user what is shown of the presence, with this status text."""
        self._event_bus.publish(PresenceChanged(user.id, user.username, user.status, text))

    def change_password(self, user: User, password: str) -> None:
        """Change a password; what is logged in stays so."""
        user.password, user.updated_at = password, self._now()
        self._secrets |= {password, digest_password(password)}

    def remove(self, user: User) -> None:
        """Delete an account and revoke all its tokens."""
        self.set_active(user, is_active=False)
        del self._users[user.id]
        del self._by_name[user.username.casefold()]

    def rename(self, user: User, username: str) -> None:
        """Change a username, and free the old one; raise RefusedError if the new one is taken."""
        if self.find_by_name(username) is not user:
            self._require_free(username)
        del self._by_name[user.username.casefold()]
        user.username, user.updated_at = username, self._now()
        self._by_name[username.casefold()] = user

    def find(self, user_id: str) -> User | None:
        """Find an account by id."""
        return self._users.get(user_id)

    def find_by_name(self, username: str) -> User | None:
        """Find an account by username, regardless of case."""
        return self._by_name.get(username.casefold())

    def find_by_email(self, address: str) -> User | None:
        """Find an account by e-mail address."""
        return next((user for user in self._users.values() if user.email == address), None)

    def find_by_login(self, name: str) -> User | None:
        """Find an account by what a login form takes: username or e-mail address."""
        return self.find_by_name(name) or self.find_by_email(name)

    def make_login_token(self, user: User, *, made_at: datetime | None = None) -> str:
        """Return a new login token; of more than 50, the oldest are revoked."""
        token = self._store_token(user, made_at=made_at)
        logins = [stored for stored in user.tokens.values() if not stored.name]
        for oldest in logins[:-_MAX_LOGIN_TOKENS]:
            self.revoke_token_hash(user, oldest.hash)
        return token

    def make_personal_access_token(
        self, user: User, name: str, *, bypasses_two_factor: bool = False
    ) -> str:
        """Return a new personal access token; raise RefusedError if the name is in use."""
        if self._find_personal_token(user, name):
            raise RefusedError(
                "A token with this name already exists",
                "error-token-already-exists",
                {"method": "personalAccessTokens:generateToken"},
            )
        return self._store_token(user, name=name, bypasses=bypasses_two_factor)

    def remove_personal_access_token(self, user: User, name: str) -> None:
        """Remove a personal access token; raise RefusedError if there is none of this name."""
        token = self._find_personal_token(user, name)
        if token is None:
            raise RefusedError(
                "Token does not exist",
                "error-token-does-not-exists",
                {"method": "personalAccessTokens:removeToken"},
            )
        self.revoke_token_hash(user, token.hash, is_removal=True)

    def user_of_token(self, token: str, user_id: str | None = None) -> User | None:
        """Find the user of a token; with ``user_id``, only if it is that user's."""
        user = self._by_token.get(hash_token(token))
        return user if user and user_id in {None, user.id} else None

    def find_token(self, user: User, token: str) -> Token | None:
        """Return what is stored about a user's token."""
        return user.tokens.get(hash_token(token))

    def revoke_token(self, token: str) -> None:
        """Make a token invalid and end the connections that use it."""
        user = self.user_of_token(token)
        if user is not None:
            self.revoke_token_hash(user, hash_token(token))

    def revoke_token_hash(self, user: User, token_hash: str, *, is_removal: bool = False) -> None:
        """Revoke a token by its hash; ``is_removal`` as in TokenRevoked."""
        if user.tokens.pop(token_hash, None):
            del self._by_token[token_hash]
            self._event_bus.publish(TokenRevoked(user.id, token_hash, is_removal))

    def revoke_other_logins(self, user: User, kept: str) -> None:
        """Revoke the user's login tokens but this one; personal access tokens stay."""
        for token in tuple(user.tokens.values()):
            if not token.name and token.hash != hash_token(kept):
                self.revoke_token_hash(user, token.hash)

    def set_active(self, user: User, *, is_active: bool) -> None:
        """Activate or deactivate an account; deactivating it revokes all its tokens."""
        user.is_active = is_active
        user.updated_at = self._now()
        if not is_active:
            for token_hash in tuple(user.tokens):
                self.revoke_token_hash(user, token_hash)

    def add_secret(self, secret: str) -> None:
        """Add a secret that was made elsewhere to ``secrets``."""
        self._secrets.add(secret)

    def secrets(self) -> frozenset[str]:
        """Return every secret ever made: passwords, tokens, codes and their hashes."""
        return frozenset(self._secrets)

    def _require_free(self, username: str) -> None:
        if self.find_by_name(username):
            raise make_field_in_use(username, "username")

    def _find_personal_token(self, user: User, name: str) -> Token | None:
        return next((token for token in user.tokens.values() if name and token.name == name), None)

    def _store_token(
        self, user: User, *, name: str = "", bypasses: bool = False, made_at: datetime | None = None
    ) -> str:
        token = make_token()
        stored = Token(hash_token(token), made_at or self._now(), name, token[-6:], bypasses)
        user.tokens[stored.hash] = stored
        self._by_token[stored.hash] = user
        user.updated_at = self._now()
        self._secrets |= {token, stored.hash}
        return token
