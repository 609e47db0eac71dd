"""Finding out whether the workspace accepts made-up tokens, where a token proves nothing."""

import secrets

import structlog
from pydantic import SecretStr

from bot.errors import ProtocolError, TokenRejectedError, UnsafeWorkspaceError
from bot.models import AuthToken
from bot.rocketchat.client import RestClient


async def reject_forged_token(rest: RestClient, real: AuthToken) -> None:
    """Raise UnsafeWorkspaceError where a made-up token of the same kind works as well as this one.

    With anonymous reading on, 7.7.1 believes the ``X-User-Id`` header whatever the token is (server
    source ``app/api/server/api.ts``); there, no answer of ``me`` proves anything.
    """
    try:
        user = await rest.fetch_user(_make_forged_token(real))
    except (TokenRejectedError, ProtocolError):
        # ProtocolError: 6.x with anonymous reading answers 200 without a user.
        return
    if not real.is_bearer and user.id != real.user_id:
        return
    log = structlog.get_logger("linking")
    log.error("the workspace accepts made-up tokens; is anonymous reading on?")
    raise UnsafeWorkspaceError


def _make_forged_token(real: AuthToken) -> AuthToken:
    length = len(real.secret.get_secret_value())
    forged = secrets.token_hex(length // 2) if real.is_bearer else secrets.token_urlsafe(32)
    return AuthToken(real.user_id, SecretStr(forged), is_bearer=real.is_bearer)
