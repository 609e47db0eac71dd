"""Login, logout, and the caller's own profile."""

from typing import Any, Final

from rocketchat_simulator.rest.call import Call, Route, get, post
from rocketchat_simulator.rest.profiles import format_own_profile
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace.documents import Document, digest_password
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.user_agent import parse_user_agent

_LOGGED_OUT_TEXT: Final = "You've been logged out by the server. Please log in again."


def _login(call: Call) -> Response:
    body = call.body
    resumed = body.get("resume")
    if isinstance(resumed, str):
        user = call.workspace.user_of_token(resumed)
        if user is None:
            return _refuse(call, 403, _LOGGED_OUT_TEXT)
        return _accept(call, user, resumed, is_resume=True)
    name = _find_name(body)
    user = call.workspace.people.find_by_login(name) if isinstance(name, str) else None
    if user is None:
        return _refuse(call, "Unauthorized", "Unauthorized")
    if not _has_password(user, body.get("password")):
        return _refuse(call, 403, "Incorrect password")
    return _refuse_person(call, user) or _accept(
        call, user, call.workspace.make_login_token(user), is_resume=False
    )


def _find_name(body: Document) -> object:
    """Return username or address: a field of the body, or as in DDP of its ``user``."""
    given = body.get("user") or body.get("username") or body.get("email")
    return given.get("username") or given.get("email") if isinstance(given, dict) else given


def _has_password(user: User, password: Any) -> bool:  # noqa: ANN401 - a client may send anything
    if isinstance(password, dict):
        return bool(password.get("digest") == digest_password(user.password))
    return bool(password == user.password)


def _accept(call: Call, user: User, token: str, *, is_resume: bool) -> Response:
    workspace = call.workspace
    user.updated_at = workspace.now()
    agent = call.headers.get("User-Agent", "")
    workspace.open_session(
        user,
        token=token if is_resume else None,
        device=parse_user_agent(agent, has_linux_version=workspace.version.is_before_7),
        ip=call.proxied_ip,
        host=call.headers.get("Host", ""),
    )
    me = format_own_profile(user, workspace.version, call.site, is_login=True)
    body: Document = {
        "status": "success",
        "data": {"userId": user.id, "authToken": token, "me": me},
    }
    return Response(200, body | ({} if workspace.version.is_before_7 else {"success": True}))


def _refuse(call: Call, error: int | str, message: str) -> Response:
    """Make the 401 for a login; versions after 6.x give no reason."""
    if call.workspace.version.is_before_7:
        return Response(401, {"status": "error", "error": error, "message": message})
    body = {"success": False, "error": "Unauthorized"}
    return Response(401, body | {"status": "error", "message": "Unauthorized"})


def _refuse_person(call: Call, user: User) -> Response | None:
    """Make the response for somebody who may not sign in with the right password; None else."""
    if not user.is_active:
        return _refuse_inactive(call)
    has_code = user.has_email_code and user.has_verified_email
    return _refuse_without_code(call) if has_code and call.workspace.has_second_factor else None


def _refuse_inactive(call: Call) -> Response:
    body: Document = {"status": "error", "error": "error-user-is-not-activated"}
    body |= {"details": {"function": "Accounts.validateLoginAttempt"}}
    body |= {"message": "User is not activated"}
    return Response(401, body | ({} if call.workspace.version.is_before_7 else {"success": False}))


def _refuse_without_code(call: Call) -> Response:
    """Make the 401 that asks for the code sent by e-mail.

    Source: ``app/2fa/server/loginHandler.ts`` and ``code/EmailCheck.ts``; the form of the body is
    that of the recorded refusal of an inactive user.
    """
    body: Document = {"status": "error", "error": "totp-required"}
    body |= {"details": {"method": "email", "codeGenerated": True, "availableMethods": ["email"]}}
    body |= {"message": "TOTP Required"}
    return Response(401, body | ({} if call.workspace.version.is_before_7 else {"success": False}))


def _logout(call: Call) -> Response:
    call.workspace.logout(call.user, call.token)
    if not call.workspace.version.is_before_7:
        return Response(200, None)
    message = {"message": "You've been logged out!"}
    return Response(200, {"status": "success", "data": message})


def _me(call: Call) -> Document:
    return format_own_profile(call.user, call.workspace.version, call.site)


ROUTES = (
    Route("POST", "login", _login, is_open=True),
    post("logout", _logout),
    get("me", _me),
)
