"""Logging in and out over the websocket."""

from dataclasses import dataclass
from typing import Final

from rocketchat_simulator.realtime.connection import Connection
from rocketchat_simulator.realtime.frames import Frame, MethodError, Value
from rocketchat_simulator.workspace.documents import Document, digest_password, hash_token
from rocketchat_simulator.workspace.models import LOGIN_TOKEN_LIFETIME, User

_LOGGED_OUT: Final = "You've been logged out by the server. Please log in again"


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The client of a connection; ``ip`` is from a proxy's header, None without one."""

    device: Document | None
    ip: str | None
    host: str


def log_in(connection: Connection, client: ClientInfo, options: Value) -> Frame:
    """Log a connection in by token or by password; raise MethodError if it is refused.

    Only a login by ``resume`` links its session row to the token.
    """
    allows_password = connection.flavour.accepts_password_login
    match options:
        case {"resume": str() as token}:
            user = _find_by_token(connection, token)
            _set_login(connection, client, user, token, is_resume=True)
            return _make_result(connection, user, token, "resume")
        case {"user": dict() as names, "password": password} if allows_password:
            user = _find_by_password(connection, names, password)
            token = connection.workspace.make_login_token(user)
            _set_login(connection, client, user, token, is_resume=False)
            return _make_result(connection, user, token, "password")
    if not allows_password:
        raise MethodError(403, _LOGGED_OUT)
    raise MethodError(400, "Unrecognized options for login request")


def log_out(connection: Connection) -> None:
    """Log a connection out and revoke its token, which closes others that use it."""
    user, token_hash = connection.user, connection.token_hash
    clear_login(connection)
    if connection.flavour.logout_code is None and user is not None:
        _publish_logout(connection, user)
    if user is not None and token_hash is not None:
        connection.workspace.sessions.mark_logged_out(user, token_hash)
        connection.workspace.people.revoke_token_hash(user, token_hash)
    if connection.flavour.logout_code is not None:
        connection.close_after_result(connection.flavour.logout_code)


def _publish_logout(connection: Connection, user: User) -> None:
    """End what the connection got for its user: its subscriptions and its own document.

    As seen on 8.3. Whether that comes before the result was not recorded; here it does where
    ``added`` does after a login.
    """
    is_early = connection.workspace.version.is_before_7
    send = connection.send if is_early else connection.send_after_result
    connection.end_subscriptions(send)
    send({"msg": "removed", "collection": "users", "id": user.id})


def clear_login(connection: Connection) -> None:
    """Remove the user from a connection and close its session."""
    user, connection.user, connection.token_hash = connection.user, None, None
    if user is None or connection.session_id is None:
        return
    connection.workspace.close_session(connection.session_id)
    user.away_sessions.discard(connection.session_id)
    connection.workspace.people.count_connections(user, -1)


def _set_login(
    connection: Connection, client: ClientInfo, user: User, token: str, *, is_resume: bool
) -> None:
    clear_login(connection)
    connection.user, connection.token_hash = user, hash_token(token)
    connection.workspace.open_session(
        user,
        session_id=connection.session_id,
        token=token if is_resume else None,
        device=client.device,
        ip=client.ip,
        host=client.host,
    )
    fields = _make_own_fields(user, has_few_fields=connection.workspace.version.is_before_7)
    added = {"msg": "added", "collection": "users", "id": user.id, "fields": fields}
    # As seen: 6.5.3 sends ``added`` before the result of the login, 8.3 after it.
    comes_first = (
        connection.workspace.version.is_before_7 and not connection.flavour.sends_result_first
    )
    send = connection.send if comes_first else connection.send_after_result
    send(added)
    connection.workspace.people.count_connections(user, +1)


def _find_by_token(connection: Connection, token: str) -> User:
    user = connection.workspace.user_of_token(token)
    if user is not None:
        return user
    if not connection.flavour.closes_on_token_revocation:
        raise MethodError(403, _LOGGED_OUT)
    if connection.workspace.version.is_before_7:
        raise MethodError(403, f"{_LOGGED_OUT}.")
    raise MethodError(401, "User not found")


def _find_by_password(connection: Connection, names: Document, password: Value) -> User:
    people = connection.workspace.people
    user = people.find_by_login(str(names.get("username") or names.get("email")))
    digest = (
        password.get("digest") if isinstance(password, dict) else digest_password(str(password))
    )
    if user is None or digest != digest_password(user.password):
        raise _make_password_error(connection, is_known=user is not None)
    if not user.is_active:
        raise MethodError(
            "error-user-is-not-activated",
            "User is not activated",
            {"function": "Accounts.validateLoginAttempt"},
        )
    return user


def _make_password_error(connection: Connection, *, is_known: bool) -> MethodError:
    """Return the error; from 8 on it is the same for a wrong password and an unknown name."""
    if connection.workspace.version.is_before_7:
        return MethodError(403, "Incorrect password" if is_known else "User not found")
    return MethodError(401, "User not found")


def _make_result(connection: Connection, user: User, token: str, login_type: str) -> Frame:
    stored = connection.workspace.people.find_token(user, token)
    expires = stored.expires_at if stored else connection.workspace.now() + LOGIN_TOKEN_LIFETIME
    return {"id": user.id, "token": token, "tokenExpires": expires, "type": login_type}


def _make_own_fields(user: User, *, has_few_fields: bool) -> Frame:
    names: Frame = {
        "username": user.username,
        "emails": [{"address": user.email, "verified": True}],
    }
    if has_few_fields:
        return names
    names |= {"services": {}, "name": user.name, "roles": list(user.roles), "active": True}
    names |= {"_updatedAt": user.updated_at, "settings": {}, "requirePasswordChange": False}
    if user.has_connected:
        names["statusConnection"] = user.status
    if user.status_text is not None:
        default = "offline" if user.is_shown_offline else "online"
        names |= {"statusText": user.status_text, "statusDefault": default}
    return names
