"""Partial indexes of the migrations, declared so that models and migrations can be compared.

Importing their options loads both SQL dialects (megabytes), so the program does not declare them.
"""

from sqlalchemy import Index

from bot.storage.tables import inbox, unfinished

_awaiting = inbox.c.awaiting.is_not(None)
PARTIAL_INDEXES = (
    Index(
        "inbox_unfinished", inbox.c.sender_id, sqlite_where=unfinished, postgresql_where=unfinished
    ),
    Index("inbox_awaiting", inbox.c.awaiting, sqlite_where=_awaiting, postgresql_where=_awaiting),
)
