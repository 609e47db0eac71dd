"""The sessions collection: one row for each login on a connection.

Source: ``server/hooks/sauMonitorHooks.ts`` and ``app/statistics/server/lib/SAUMonitor.ts``, 8.3.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime
from typing import Final
from uuid import uuid4

from rocketchat_simulator.workspace.documents import Document, hash_token, make_id, make_object_id
from rocketchat_simulator.workspace.events import EventBus, SessionLoggedOut, UserNotified
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.people import People
from rocketchat_simulator.workspace.versions import Version

Row = Document


class Sessions:
    """All rows ever recorded; several rows may have the same session id."""

    def __init__(
        self, people: People, event_bus: EventBus, version: Version, now: Callable[[], datetime]
    ) -> None:
        self._people = people
        self._event_bus = event_bus
        self._version = version
        self._now = now
        self._rows: list[Row] = []
        self._rows_by_user: defaultdict[str, list[Row]] = defaultdict(list)
        self.instance_id: Final = str(uuid4())

    def open(
        self,
        user: User,
        *,
        session_id: str | None = None,
        token: str | None = None,
        device: Document | None = None,
        ip: str | None = None,
        host: str = "",
        login_at: datetime | None = None,
    ) -> Row:
        """Record a login and return its row.

        ``token`` is set for a ``resume`` only; rows of other logins have none. ``ip`` is the
        address from a proxy's header; None is recorded as the version does.
        """
        at = login_at or self._now()
        session_id = session_id or make_id()
        row: Row = {"_id": make_object_id(at), "type": "session", "sessionId": session_id}
        row |= {"instanceId": self.instance_id, "userId": user.id, "host": host}
        row |= {"loginToken": hash_token(token)} if token else {}
        row |= {"ip": ip or ""} if ip or self._version.has_empty_ip else {}
        # Later versions record the device of resumed logins only.
        if device is not None and (token or not self._version.has_empty_ip):
            row["device"] = deepcopy(device)
        row |= {"roles": list(user.roles), "mostImportantRole": _most_important(user.roles)}
        row |= {"loginAt": at, "createdAt": at, "_updatedAt": at} | _day_of(at)
        row["searchTerm"] = _search_term(row)
        self._store(row)
        user.last_login = max(at, user.last_login or at)
        return row

    def close(self, session_id: str, *, at: datetime | None = None) -> None:
        """Set ``closedAt`` on the newest row of a session, if there is one."""
        at = at or self._now()
        for row in reversed(self._rows):
            if row["sessionId"] == session_id:
                row |= {"closedAt": at, "lastActivityAt": at, "_updatedAt": at}
                return

    def logout(self, session_id: str, *, owner: User | None, by: User) -> bool:
        """Log a session out and revoke its token; return False if there is no such session.

        ``owner`` limits it to one user's sessions. A personal access token is revoked too.
        """
        row = self.find(session_id, owner=owner)
        user = self._people.find(row["userId"]) if row else None
        if row is None or user is None:
            return False
        at = self._now()
        for same in self._rows:
            if same.get("loginToken") == row["loginToken"] and "logoutAt" not in same:
                same |= {"logoutAt": at, "logoutBy": by.id, "_updatedAt": at}
        if self._version.announces_logout:
            self._event_bus.publish(UserNotified(user.id, "force_logout", (session_id,)))
        self._people.revoke_token_hash(user, row["loginToken"])
        self._event_bus.publish(SessionLoggedOut(user.id, session_id))
        return True

    def mark_logged_out(self, user: User, token_hash: str) -> None:
        """Set ``logoutAt`` on the rows of a token that its owner logged out."""
        at = self._now()
        for row in self._rows:
            if row.get("loginToken") == token_hash and "logoutAt" not in row:
                row |= {"logoutAt": at, "logoutBy": user.id, "_updatedAt": at}

    def roll_over_midnight(self) -> None:
        """Do the server's nightly job: close rows that are still open and clone them for today."""
        now = self._now()
        today = _day_of(now)
        for row in tuple(self._rows):
            # Closed by its client, or by an earlier night, which made a clone.
            is_closed = "lastActivityAt" in row
            if is_closed or {key: row[key] for key in today} == today:
                continue
            end = now.replace(year=row["year"], month=row["month"], day=row["day"])
            end = end.replace(hour=23, minute=59, second=59, microsecond=999_000)
            clone = deepcopy(row) | today | {"_id": make_object_id(now)}
            self._store(clone | {"createdAt": now, "_updatedAt": now})
            row |= {"lastActivityAt": end, "_updatedAt": now}

    def find(self, session_id: object, *, owner: User | None = None) -> Row | None:
        """Find the oldest row of a resumed session; ``owner`` limits it to one user."""
        return next(
            (
                row
                for row in (self._rows if owner is None else self.rows_of(owner))
                if row["sessionId"] == session_id and row.get("loginToken")
            ),
            None,
        )

    def rows_of(self, user: User) -> list[Row]:
        """Return all rows of a user, oldest first."""
        return list(self._rows_by_user[user.id])

    def _store(self, row: Row) -> None:
        self._rows.append(row)
        self._rows_by_user[row["userId"]].append(row)

    def list(self, rows: Iterable[Row] | None = None, *, filter: str = "") -> list[Row]:  # noqa: A002 - Rocket.Chat's word
        """Return the newest row of each login token that is not logged out, newest first.

        ``filter`` is searched for in device name, device type, system and ids, concatenated.
        """
        wanted = re.compile(re.escape(filter), re.IGNORECASE)
        found = [
            row
            for row in (self._rows if rows is None else rows)
            if row.get("loginToken") and "logoutAt" not in row and wanted.search(row["searchTerm"])
        ]
        newest: dict[str, Row] = {}
        for row in sorted(found, key=lambda row: row["loginAt"], reverse=True):
            newest.setdefault(row["loginToken"], row)
        return list(newest.values())


def _most_important(roles: Iterable[str]) -> str:
    known = [role for role in ("admin", "user") if role in roles]
    return known[0] if known else next(iter(roles), "user")


def _day_of(at: datetime) -> Document:
    return {"year": at.year, "month": at.month, "day": at.day}


def _search_term(row: Row) -> str:
    device = row.get("device", {})
    words = [device.get("name", ""), device.get("type", ""), device.get("os", {}).get("name", "")]
    return "".join([*(word or "" for word in words), row["sessionId"], row["userId"]])
