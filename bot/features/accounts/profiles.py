"""A person's language and UTC offset, and the workspace's language, read again: they change.

Their clients tell the server a new offset when daylight saving begins or ends (``utcOffset`` of
``GET me``). When it was last read is kept in memory: after a restart it is read once more.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.errors import TokenRejectedError, UserError, WorkspaceError
from bot.features.accounts.store import Accounts, ConnectedAccount, DelegatedToken
from bot.features.accounts.tokens import Tokens
from bot.models import User
from bot.rocketchat.client import RestClient

MAX_AGE: Final = timedelta(days=1)
MAX_AGE_FOR_REPORT: Final = timedelta(hours=1)
_LANGUAGE_MAX_AGE: Final = timedelta(hours=1)
_LANGUAGE_RETRY_AFTER: Final = timedelta(minutes=1)
_PERSON_TIMEOUT_S: Final = 2.0
_BACKGROUND_TIMEOUT_S: Final = 60.0
_MAX_CACHED: Final = 100_000
_PAGE_SIZE: Final = 500


class Profiles:
    """Loads accounts as Rocket.Chat describes their people today."""

    def __init__(
        self, accounts: Accounts, tokens: Tokens, rest: RestClient, now: Callable[[], datetime]
    ) -> None:
        self._accounts: Final = accounts
        self._tokens: Final = tokens
        self._rest: Final = rest
        self._background_rest: Final = rest.in_background()
        self._now: Final = now
        self._tried_at: Final[OrderedDict[str, datetime]] = OrderedDict()
        self._workspace_language = ""
        self._language_tried_at: datetime | None = None
        self._language_max_age = _LANGUAGE_MAX_AGE
        self._language_lock: Final = asyncio.Lock()
        self._log = structlog.get_logger("profiles")

    async def load_all(self) -> None:
        """Read those older than a day of all whose time zone follows Rocket.Chat's offset.

        A token that needs a refresh is left to what the person asks or has scheduled: a refusal
        here would reach nobody. Raises BotError.
        """
        last = ""
        while user_ids := await self._accounts.load_without_zone(last, _PAGE_SIZE):
            for user_id in user_ids:
                if await self._tokens.has_fresh(user_id):
                    await self.load(user_id, is_background=True)
            last = user_ids[-1]

    async def load(
        self, user_id: str, *, max_age: timedelta = MAX_AGE, is_background: bool = False
    ) -> ConnectedAccount | None:
        """Return the account, its language and offset at most ``max_age`` old; None without one.

        They are older where the workspace does not answer in time. Raises StorageError.
        """
        account = await self._accounts.load(user_id)
        if account is None or self._is_recent(account, max_age):
            return account
        read = partial(_read, self._background_rest if is_background else self._rest)
        try:
            async with asyncio.timeout(
                _BACKGROUND_TIMEOUT_S if is_background else _PERSON_TIMEOUT_S
            ):
                user = await self._tokens.use(user_id, read, detail="language and time zone")
        except (TimeoutError, UserError, WorkspaceError) as error:
            self._log.info("a profile was not read", user_id=user_id, problem=repr(error))
        else:
            if user:
                await self._accounts.save_profile(user)
        # Afterwards, so that nobody uses the old ones while they are being read.
        self._note_try(user_id)
        return await self._accounts.load(user_id)

    async def find_language(self, account: ConnectedAccount | None) -> str:
        """Return the person's language, or the workspace's where they have chosen none.

        A bot cannot read the language of people who are not connected: ``users.info`` has it for
        nobody but the caller. The workspace's is read again hourly.
        """
        if account and account.language:
            return account.language
        async with self._language_lock:
            now, last = self._now(), self._language_tried_at
            if last is None or not timedelta() <= now - last < self._language_max_age:
                self._language_tried_at = now
                await self._read_workspace_language()
        return self._workspace_language

    async def _read_workspace_language(self) -> None:
        self._language_max_age = _LANGUAGE_RETRY_AFTER
        try:
            async with asyncio.timeout(_PERSON_TIMEOUT_S):
                self._workspace_language = await self._rest.fetch_language()
        except (TimeoutError, WorkspaceError) as error:
            self._log.info("the workspace's language was not read", problem=repr(error))
        else:
            self._language_max_age = _LANGUAGE_MAX_AGE

    def _is_recent(self, account: ConnectedAccount, max_age: timedelta) -> bool:
        last = self._tried_at.get(account.user_id, account.connected_at)
        # A clock that was set back is no reason to wait for years.
        return timedelta() <= self._now() - last < max_age

    def _note_try(self, user_id: str) -> None:
        self._tried_at[user_id] = self._now()
        self._tried_at.move_to_end(user_id)
        if len(self._tried_at) > _MAX_CACHED:
            self._tried_at.popitem(last=False)


async def _read(rest: RestClient, delegated: DelegatedToken) -> User | None:
    try:
        return await rest.fetch_user(delegated.token)
    except TokenRejectedError:
        # What needs the token finds out, too, and tells its owner.
        return None
