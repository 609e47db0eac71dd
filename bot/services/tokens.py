"""The tokens that people lent: each used for one call, and forgotten when it is dead."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from bot.errors import NotConnectedError, RefusedError, TokenRejectedError
from bot.models import AuthToken
from bot.rocketchat.rest import Rest
from bot.storage.accounts import Accounts

T = TypeVar("T")


class Tokens:
    """Lends a user's delegated token to calls in that user's name."""

    def __init__(self, accounts: Accounts, rest: Rest) -> None:
        self._accounts: Final = accounts
        self._rest: Final = rest
        self._log = structlog.get_logger("tokens")

    async def use(self, user_id: str, call: Callable[[AuthToken], Awaitable[T]]) -> T:
        """Make a call with the user's own token.

        Raises NotConnectedError where there is none, or none that the workspace still accepts: a
        401 is checked against ``GET me`` before the token is forgotten, because an endpoint may
        refuse for other reasons than the token.
        """
        token = await self._accounts.load_token(user_id)
        if token is None:
            raise NotConnectedError("To see your sessions I need your permission.")
        try:
            return await call(token)
        except TokenRejectedError as error:
            await self._forget_if_dead(token)
            raise RefusedError("the token is valid, but was refused here") from error

    async def _forget_if_dead(self, token: AuthToken) -> None:
        try:
            await self._rest.fetch_user(token)
        except TokenRejectedError:
            await self._accounts.delete(token.user_id)
            self._log.info("forgot a token that the workspace refuses", user_id=token.user_id)
            raise NotConnectedError(
                "Your workspace no longer accepts the token you lent me, so I have forgotten it."
            ) from None
