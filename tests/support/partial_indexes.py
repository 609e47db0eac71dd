"""The partial indexes, declared so that the tables can be compared with the migrations.

The bot does not declare them: their options load both SQL dialects, megabytes of memory.
"""

from sqlalchemy import Index

from bot.storage.tables import inbox, report_runs, unfinished

_awaiting = inbox.c.awaiting_user_id.is_not(None)
_open = report_runs.c.finished_at.is_(None)
PARTIAL_INDEXES = (
    Index(
        "inbox_unfinished", inbox.c.sender_id, sqlite_where=unfinished, postgresql_where=unfinished
    ),
    Index(
        "inbox_awaiting",
        inbox.c.awaiting_user_id,
        sqlite_where=_awaiting,
        postgresql_where=_awaiting,
    ),
    Index(
        "report_runs_open",
        report_runs.c.claimable_at,
        report_runs.c.user_id,
        sqlite_where=_open,
        postgresql_where=_open,
    ),
)
