"""Bring a database of revision 0007, from before the first release, up to that, in place.

Alembic knows revision 0009 only, which makes the tables from nothing. Revision 0007 has the same
tables under other names, with some differences.
"""

from typing import Final

from sqlalchemy import Connection, text

from bot.storage.tables import sealed_secrets

REVISION: Final = "0007"
TABLES: Final = {
    "connection_requests": "link_requests",
    "listings": "numbered_lists",
    "slots": "report_runs",
    "watches": "alert_subscriptions",
    "sightings": "known_devices",
    "tallies": "counters",
}
COLUMNS: Final = {
    "accounts": {
        "renewed_at": "refreshed_at",
        "renewing_until": "refreshing_until",
        "dead_since": "revoked_at",
        "told_at": "notified_at",
    },
    "inbox": {
        "part": "reply_kind",
        "awaiting": "awaiting_user_id",
        "action": "confirmed_action",
    },
    "checkpoints": {"began_at": "started_at", "heard_until": "received_until"},
    "bearer_refusals": {"seen_at": "refused_at"},
    "audit": {"deed": "action"},
    "schedules": {"trouble": "problem"},
    "report_runs": {"free_at": "claimable_at"},
    "alert_subscriptions": {"next_at": "next_check_at", "trouble": "problem"},
    "known_devices": {"is_watched": "is_known_to_alerts"},
}
# SQLite cannot rename an index.
_INDEXES: Final = (
    (
        "ix_slots_free_at",
        "report_runs_open",
        "report_runs (claimable_at, user_id) WHERE finished_at IS NULL",
    ),
    (
        "ix_watches_next_at",
        "ix_alert_subscriptions_next_check_at",
        "alert_subscriptions (next_check_at)",
    ),
)
_CHANGES: Final = (
    # A user name may be somebody else's by now.
    "ALTER TABLE schedules DROP COLUMN username",
    "ALTER TABLE alert_subscriptions DROP COLUMN username",
    "ALTER TABLE known_devices ADD COLUMN announced_at BIGINT",
    "ALTER TABLE accounts ADD COLUMN signed_out_at BIGINT",
    "ALTER TABLE accounts ADD COLUMN list_cleaned_until BIGINT",
)
_UNIQUE: Final = ("connection_requests_secret_hash_key", "link_requests_secret_hash_key")


def rename_all(connection: Connection, revision: str) -> None:
    """Change tables, columns and indexes, in the transaction that is open; note the revision."""
    for old, new in TABLES.items():
        _run(connection, f"ALTER TABLE {old} RENAME TO {new}")
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            _run(connection, f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    for old, new, columns_of in _INDEXES:
        _run(connection, f"DROP INDEX {old}")
        _run(connection, f"CREATE INDEX {new} ON {columns_of}")
    for statement in _CHANGES:
        _run(connection, statement)
    sealed_secrets.create(connection)
    if connection.dialect.name == "postgresql":
        _rename_constraints(connection)
    connection.execute(
        text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
    )


def _rename_constraints(connection: Connection) -> None:
    # PostgreSQL names them after the table when it makes them, SQLite does not name them.
    for old, new in TABLES.items():
        _run(connection, f"ALTER TABLE {new} RENAME CONSTRAINT {old}_pkey TO {new}_pkey")
    old, new = _UNIQUE
    _run(connection, f"ALTER TABLE link_requests RENAME CONSTRAINT {old} TO {new}")


def _run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
