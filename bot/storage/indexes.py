"""Indexes of some rows only: known to the database, and here to hold the migrations against.

Their options load both databases' dialects, megabytes of them, so the program leaves this alone.
"""

from sqlalchemy import Index

from bot.storage.tables import inbox, unfinished

_awaiting = inbox.c.awaiting.is_not(None)
Index("inbox_unfinished", inbox.c.sender_id, sqlite_where=unfinished, postgresql_where=unfinished)
Index("inbox_awaiting", inbox.c.awaiting, sqlite_where=_awaiting, postgresql_where=_awaiting)
