"""Whether the workspace's word on a token means anything."""

import secrets

import structlog
from pydantic import SecretStr

from bot.errors import ProtocolError, TokenRejectedError, UnsafeWorkspaceError
from bot.models import AuthToken
from bot.rocketchat.rest import Rest


async def refuse_made_up_tokens(rest: Rest, real: AuthToken) -> None:
    """Raise UnsafeWorkspaceError where a made-up token of the same kind is as good as this one.

    With anonymous reading on, 7.7.1 believes the ``X-User-Id`` header whatever the token is (server
    source ``app/api/server/api.ts``); there, no answer of ``me`` proves anything.
    """
    try:
        user = await rest.fetch_user(_make_up(real))
    except (TokenRejectedError, ProtocolError):
        # ProtocolError: 6.x with anonymous reading answers 200 with nobody in it.
        return
    if not real.is_bearer and user.id != real.user_id:
        return
    log = structlog.get_logger("connections")
    log.error("the workspace accepts made-up tokens; is anonymous reading on?")
    raise UnsafeWorkspaceError(
        "Your workspace answers even to made-up tokens, so I can't tell whose this one is. "
        "Please tell your administrator."
    )


def _make_up(real: AuthToken) -> AuthToken:
    length = len(real.secret.get_secret_value())
    made_up = secrets.token_hex(length // 2) if real.is_bearer else secrets.token_urlsafe(32)
    return AuthToken(real.user_id, SecretStr(made_up), is_bearer=real.is_bearer)
