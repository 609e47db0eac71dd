"""A person's sessions, read and ended with that person's own token."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import bindparam, delete, select

from bot.errors import (
    AmbiguousError,
    Call,
    RateLimitedError,
    SessionNotFoundError,
    UsageError,
    WorkspaceError,
)
from bot.features.accounts.audit import AuditAction
from bot.features.accounts.store import DelegatedToken
from bot.features.accounts.tokens import Tokens
from bot.features.sessions.addresses import Places
from bot.features.sessions.devices import (
    DeviceSessions,
    group_by_device,
    is_signed_out,
    make_device_key,
)
from bot.features.sessions.sign_out import MAX_SESSIONS, SignOut, fetch_all_sessions
from bot.models import Session, SessionPage
from bot.parsing import is_session_id
from bot.rocketchat.client import RestClient
from bot.storage.database import Database
from bot.storage.sqlite_fast_path import BareStatement
from bot.storage.tables import device_names, numbered_lists, select_account

_MAX_NUMBER_LENGTH: Final = len(str(MAX_SESSIONS))
# Meteor's ids, and the UUIDs of ddp-streamer.
_WHOLE_ID: Final = re.compile(r"[A-Za-z0-9]{17}|[0-9A-Fa-f-]{36}")
_MAX_CANDIDATES: Final = 5

_name_row: Final = device_names.c
_LOAD_NAMES: Final = BareStatement(
    select(_name_row.device_key, _name_row.name).where(_name_row.user_id == bindparam("user_id"))
)


class DeviceNames:
    """Names by user and device key, of people with an account. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, user_id: str, device_key: str, name: str) -> None:
        """Save the name; it replaces an earlier one of the same device."""
        values = {"user_id": user_id, "device_key": device_key, "name": name}
        await self._database.upsert(device_names, values, only_if=select_account(user_id))

    async def load(self, user_id: str) -> dict[str, str]:
        """Return the user's names by device key."""
        return dict(await self._database.read(_LOAD_NAMES.bind({"user_id": user_id})))

    async def delete(self, user_id: str, device_key: str) -> bool:
        """Delete one name; return false where there was none."""
        is_it = (_name_row.user_id == user_id, _name_row.device_key == device_key)
        return await self._database.execute(delete(device_names).where(*is_it)) == 1


_list_row: Final = numbered_lists.c
_LOAD_GROUPS: Final = select(_list_row.groups).where(_list_row.user_id == bindparam("user_id"))


class NumberedLists:
    """The last session list of each user with an account. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, user_id: str, groups: list[list[str]], now: datetime) -> None:
        """Save the ids of the listed sessions, a group for each number.

        Number 1 is the first group; a group's first id is its newest session.
        """
        values = {"user_id": user_id, "groups": json.dumps(groups), "listed_at": now}
        await self._database.upsert(numbered_lists, values, only_if=select_account(user_id))

    async def load(self, user_id: str) -> list[list[str]]:
        """Return the groups as saved; empty where there are none."""
        found = await self._database.fetch_value(_LOAD_GROUPS, {"user_id": user_id})
        groups: list[list[str]] = json.loads(found) if found else []
        return groups


@dataclass(frozen=True, slots=True)
class LogoutOutcome:
    """The ids of sessions that the workspace lists after they were to be logged out.

    ``is_checked`` is false where it did not tell. ``retry_after`` is in seconds, 0 unless the
    workspace's rate limit was reached.
    """

    still_there: tuple[str, ...] = ()
    is_checked: bool = True
    retry_after: float = 0.0


class Sessions:
    """Lists, describes and ends a person's sessions."""

    def __init__(
        self,
        rest: RestClient,
        tokens: Tokens,
        database: Database,
        places: Places | None,
        now: Callable[[], datetime],
    ) -> None:
        self._rest: Final = rest
        self._background_rest: Final = rest.in_background()
        self._tokens: Final = tokens
        self._places: Final = places
        self._device_names: Final = DeviceNames(database)
        self._numbered_lists: Final = NumberedLists(database)
        self._now: Final = now
        self.sign_out: Final = SignOut(rest, tokens)

    async def fetch(self, user_id: str, session_id: str) -> Session:
        """Fetch one session of the user; raise SessionNotFoundError if it is not theirs.

        The server keeps a row per day and returns any of them. Where that row says only that the
        session went on past midnight, the newer row of the list is used.
        """

        async def call(delegated: DelegatedToken) -> Session:
            found = await self._rest.fetch_session(delegated.token, session_id)
            if found.is_rolled_over:
                page = await self._rest.fetch_sessions(delegated.token, words=session_id)
                found = _take_newer(found, page)
            ended_at = delegated.signed_out_at
            if ended_at and found.logged_out_at is None and is_signed_out(found, ended_at):
                return replace(found, logged_out_at=ended_at, logged_out_by=user_id)
            return found

        found = await self._tokens.use(user_id, call, detail="a session")
        return self._places.locate(found) if self._places else found

    async def fetch_devices(
        self,
        user_id: str,
        *,
        is_fresh: bool = False,
        is_background: bool = False,
        action: AuditAction = AuditAction.USED,
    ) -> tuple[DeviceSessions, ...]:
        """Fetch the sessions that are signed in, by device, newest first; at most 500 of them.

        ``is_fresh`` asks the workspace even where an answer of a moment ago is cached;
        ``is_background`` lets the calls of people go first.
        """
        fetch = partial(self._fetch_all, is_fresh=is_fresh, is_background=is_background)
        detail = "the list of sessions"
        sessions = await self._tokens.use(user_id, fetch, action=action, detail=detail)
        if self._places:
            sessions = tuple(map(self._places.locate, sessions))
        return group_by_device(sessions, await self._device_names.load(user_id))

    async def fetch_of_same_device(self, user_id: str, session: Session) -> tuple[Session, ...]:
        """Fetch the sessions that are signed in now from the session's device, newest first."""
        devices = await self.fetch_devices(user_id, is_fresh=True)
        key = make_device_key(session)
        return tuple(
            each for device in devices for each in device.sessions if make_device_key(each) == key
        )

    async def fetch_numbered_devices(
        self, user_id: str, *, is_fresh: bool = False
    ) -> tuple[DeviceSessions, ...]:
        """Fetch the devices and save their numbers."""
        devices = await self.fetch_devices(user_id, is_fresh=is_fresh)
        await self.save_numbers(user_id, devices)
        return devices

    async def save_numbers(self, user_id: str, devices: tuple[DeviceSessions, ...]) -> None:
        """Let the numbers 1, 2, … mean these devices, because the person is shown them."""
        await self._numbered_lists.save(user_id, [device.ids for device in devices], self._now())

    async def find_ids(self, user_id: str, words: str) -> list[str]:
        """Return the ids that ``words`` mean: a number, ``last``, an id or the beginning of one.

        The number of a device with several sessions means all of them, newest first. More digits
        than a list can have are an id. Raises SessionNotFoundError, AmbiguousError, UsageError.
        """
        if words.isdecimal() and len(words) <= _MAX_NUMBER_LENGTH:
            return await self._find_number(user_id, int(words))
        if words.casefold() == "last":
            # No list is shown, so the numbers of the last one stay.
            return _require_devices(await self.fetch_devices(user_id))[0].ids
        if not is_session_id(words):
            raise UsageError(
                "{words} is not a session id: an id has only letters, digits and hyphens, "
                "for example {example}.",
                words=words,
                example=Call("session QoYYFw2t9oKks2niG"),
            )
        if _WHOLE_ID.fullmatch(words):
            return [words]
        return [await self._find_beginning(user_id, words)]

    async def find_device(self, user_id: str, words: str) -> DeviceSessions:
        """Fetch what ``words`` mean, as ``find_ids`` finds it, with the user's own name for it.

        Only the newest session is fetched; the others look like it.
        """
        ids = await self.find_ids(user_id, words)
        newest = await self.fetch(user_id, ids[0])
        name = (await self.load_names(user_id)).get(make_device_key(newest), "")
        return DeviceSessions(tuple(replace(newest, id=each) for each in ids), name)

    async def load_names(self, user_id: str) -> dict[str, str]:
        """Return the user's own names by device key, as ``make_device_key`` makes it."""
        return await self._device_names.load(user_id)

    async def save_name(self, user_id: str, session: Session, name: str) -> None:
        """Save the user's own name for the session's device; an empty name deletes it."""
        if name:
            await self._device_names.save(user_id, make_device_key(session), name)
        else:
            await self._device_names.delete(user_id, make_device_key(session))

    async def log_out(
        self,
        user_id: str,
        session_ids: tuple[str, ...],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> LogoutOutcome:
        """Log sessions out, then check which are still there.

        Stops early where the workspace's rate limit is reached. ``on_progress`` is called with the
        number of those that are done.
        """
        retry_after = 0.0
        for done, session_id in enumerate(session_ids):
            on_progress(done)
            try:
                await self._log_out_one(user_id, session_id)
            except RateLimitedError as error:
                retry_after = error.retry_after
                break
        return await self.check_log_out(user_id, session_ids, retry_after)

    async def check_log_out(
        self, user_id: str, session_ids: tuple[str, ...], retry_after: float = 0.0
    ) -> LogoutOutcome:
        """Return which of the sessions are gone, without logging any out."""
        try:
            present = {each.id for each in await self._tokens.use(user_id, self._fetch_all)}
        except WorkspaceError:
            return LogoutOutcome(is_checked=False, retry_after=retry_after)
        still_there = tuple(each for each in session_ids if each in present)
        return LogoutOutcome(still_there, retry_after=retry_after)

    async def _log_out_one(self, user_id: str, session_id: str) -> None:
        async def call(delegated: DelegatedToken) -> None:
            await self._rest.log_out_session(delegated.token, session_id)

        try:
            await self._tokens.use(user_id, call, action=AuditAction.LOGGED_OUT, detail=session_id)
        except RateLimitedError:
            raise
        except (SessionNotFoundError, WorkspaceError):
            # Whether it is gone is checked afterwards, in the list.
            return

    async def _fetch_all(
        self, delegated: DelegatedToken, *, is_fresh: bool = False, is_background: bool = False
    ) -> tuple[Session, ...]:
        rest = self._background_rest if is_background else self._rest
        listed = await fetch_all_sessions(rest, delegated.token, is_fresh=is_fresh)
        return tuple(each for each in listed if not is_signed_out(each, delegated.signed_out_at))

    async def _find_number(self, user_id: str, number: int) -> list[str]:
        groups = await self._numbered_lists.load(user_id)
        if not groups:
            devices = _require_devices(await self.fetch_numbered_devices(user_id))
            groups = [device.ids for device in devices]
        if not 0 < number <= len(groups):
            raise UsageError(
                "There is no number {number}: your last list went from 1 to {last}. "
                "{sessions} shows it again.",
                number=number,
                last=len(groups),
                sessions=Call("sessions"),
            )
        return groups[number - 1]

    async def _find_beginning(self, user_id: str, words: str) -> str:
        devices = await self.fetch_devices(user_id)
        found = [each for device in devices for each in device.ids if each.startswith(words)]
        if len(found) > 1:
            shown = tuple(Call(f"session {each}") for each in found[:_MAX_CANDIDATES])
            raise AmbiguousError(
                "Several of your sessions begin with {words}. Which one? {candidates}",
                words=words,
                candidates=shown,
            )
        return found[0] if found else words


def _require_devices(devices: tuple[DeviceSessions, ...]) -> tuple[DeviceSessions, ...]:
    if not devices:
        raise SessionNotFoundError("I can't see any session that is signed in as you.")
    return devices


def _take_newer(found: Session, page: SessionPage) -> Session:
    for newer in page.sessions:
        if newer.id == found.id:
            return replace(newer, is_activity_recorded=False)
    return found
