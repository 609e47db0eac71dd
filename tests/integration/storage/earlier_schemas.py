"""The schemas of earlier revisions as they were, and a row for each table.

0007 is the last whose tables had other names, 0009 what the databases have that were made before
the first release.
"""

from typing import Any, Final

from sqlalchemy import Connection, text

# Each column with its type, an exclamation mark for NOT NULL.
_TABLES_0007: Final = {
    "accounts": "user_id text! username text! kind text! connected_at int! language text!"
    " utc_offset float zone text! is_bearer bool! sealed_token blob! sealed_refresh_token blob"
    " expires_at int renewed_at int token_id text! renewing_until int dead_since int told_at int"
    " (user_id)",
    "connection_requests": "user_id text! username text! expires_at int! attempts_left short!"
    " secret_hash blob! browser_hash blob (user_id)",
    "inbox": "message_id text! claimed_by text! claimed_until int! finished_at int room_id text!"
    " sender_id text! sent_at int! part text! awaiting text action text (message_id)",
    "device_names": "user_id text! device_key text! name text! (user_id,device_key)",
    "listings": "user_id text! groups text! listed_at int! (user_id)",
    "confirmations": "user_id text! room_id text! action text! expires_at int! (user_id)",
    "bearer_refusals": "version text! seen_at int! (version)",
    "audit": "id serial! at int! user_id text! deed text! detail text! (id)",
    "checkpoints": "bot_id text! began_at int! heard_until int! written_at int (bot_id)",
    "schedules": "user_id text! username text! rule text! is_only_changes bool! zone text!"
    " utc_offset float next_at int! start_at int! paused_until int skipped short! trouble text!"
    " (user_id)",
    "slots": "user_id text! rule text! due_at int! free_at int! claimed_by text! tries short!"
    " finished_at int outcome text! (user_id,rule,due_at)",
    "watches": "user_id text! username text! since int! next_at int! trouble text! (user_id)",
    "sightings": "user_id text! device_key text! type text! name text! version text!"
    " os_name text! os_version text! network text! first_seen_at int! last_seen_at int!"
    " is_watched bool! reported_at int (user_id,device_key)",
    "tallies": "name text! total int! reported int! since int! (name)",
}
_TABLES_0009: Final = {
    "accounts": "user_id text! username text! kind text! connected_at int! language text!"
    " utc_offset float zone text! is_bearer bool! sealed_token blob! sealed_refresh_token blob"
    " expires_at int refreshed_at int token_id text! refreshing_until int revoked_at int"
    " notified_at int signed_out_at int list_cleaned_until int (user_id)",
    "link_requests": "user_id text! username text! expires_at int! attempts_left short!"
    " secret_hash blob! browser_hash blob (user_id)",
    "bearer_refusals": "version text! refused_at int! (version)",
    "audit": "id serial! at int! user_id text! action text! detail text! (id)",
    "inbox": "message_id text! claimed_by text! claimed_until int! finished_at int room_id text!"
    " sender_id text! sent_at int! reply_kind text! awaiting_user_id text confirmed_action text"
    " (message_id)",
    "checkpoints": "bot_id text! started_at int! received_until int! written_at int (bot_id)",
    "device_names": "user_id text! device_key text! name text! (user_id,device_key)",
    "numbered_lists": "user_id text! groups text! listed_at int! (user_id)",
    "confirmations": "user_id text! room_id text! action text! expires_at int! (user_id)",
    "schedules": "user_id text! rule text! is_only_changes bool! zone text! utc_offset float"
    " next_at int! start_at int! paused_until int skipped short! problem text! (user_id)",
    "report_runs": "user_id text! rule text! due_at int! claimable_at int! claimed_by text!"
    " tries short! finished_at int outcome text! (user_id,rule,due_at)",
    "alert_subscriptions": "user_id text! since int! next_check_at int! problem text! (user_id)",
    "known_devices": "user_id text! device_key text! type text! name text! version text!"
    " os_name text! os_version text! network text! first_seen_at int! last_seen_at int!"
    " is_known_to_alerts bool! reported_at int announced_at int (user_id,device_key)",
    "counters": "name text! total int! reported int! since int! (name)",
    "sealed_secrets": "name text! sealed blob! (name)",
}
_DEFAULTS_0007: Final = {
    ("accounts", "token_id"): "''",
    ("inbox", "room_id"): "''",
    ("inbox", "sender_id"): "''",
    ("inbox", "sent_at"): "'0'",
    ("inbox", "part"): "'answer'",
}
_MORE_0007: Final = (
    "CREATE INDEX ix_audit_at ON audit (at)",
    "CREATE INDEX ix_audit_user_id ON audit (user_id)",
    "CREATE INDEX inbox_unfinished ON inbox (sender_id) WHERE finished_at IS NULL",
    "CREATE INDEX inbox_awaiting ON inbox (awaiting) WHERE awaiting IS NOT NULL",
    "CREATE INDEX ix_schedules_start_at ON schedules (start_at)",
    "CREATE INDEX ix_slots_free_at ON slots (free_at)",
    "CREATE INDEX ix_watches_next_at ON watches (next_at)",
    "CREATE TABLE alembic_version (version_num VARCHAR CONSTRAINT alembic_version_pkc PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('0007')",
)
_MORE_0009: Final = (
    "CREATE INDEX ix_audit_at ON audit (at)",
    "CREATE INDEX ix_audit_user_id ON audit (user_id)",
    "CREATE INDEX inbox_unfinished ON inbox (sender_id) WHERE finished_at IS NULL",
    "CREATE INDEX inbox_awaiting ON inbox (awaiting_user_id) WHERE awaiting_user_id IS NOT NULL",
    "CREATE INDEX ix_schedules_start_at ON schedules (start_at)",
    "CREATE INDEX report_runs_open ON report_runs (claimable_at,user_id) WHERE finished_at IS NULL",
    "CREATE INDEX ix_alert_subscriptions_next_check_at ON alert_subscriptions (next_check_at)",
    "CREATE TABLE alembic_version (version_num VARCHAR CONSTRAINT alembic_version_pkc PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('0009')",
)
REVISIONS: Final = ("0007", "0009")
_TABLES: Final = dict(zip(REVISIONS, (_TABLES_0007, _TABLES_0009), strict=True))
_MORE: Final = dict(zip(REVISIONS, (_MORE_0007, _MORE_0009), strict=True))
_TYPES: Final = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "short": "INTEGER",
    "bool": "BOOLEAN",
    "float": "DOUBLE PRECISION",
}
_SQLITE_TYPES: Final = {"blob": "BLOB", "serial": "INTEGER", "float": "DOUBLE"}
_POSTGRESQL_TYPES: Final = {"blob": "BYTEA", "serial": "SERIAL"}
_VALUES: Final[dict[str, Any]] = {
    "text": "word",
    "int": 1_780_000_000_000_000,
    "short": 3,
    "serial": 7,
    "bool": True,
    "float": 5.75,
    "blob": b"\x01\x00\xff",
}


def make_schema(connection: Connection, revision: str) -> None:
    """Make the tables and indexes in an empty database."""
    is_sqlite = connection.dialect.name == "sqlite"
    types = _TYPES | (_SQLITE_TYPES if is_sqlite else _POSTGRESQL_TYPES)
    defaults = _DEFAULTS_0007 if revision == "0007" else {}
    for table, columns in _TABLES[revision].items():
        lines = [
            f"{name} {types[kind.rstrip('!')]}{_write_default(defaults.get((table, name)))}"
            f"{' NOT NULL' * kind.endswith('!')}"
            for name, kind in _read_columns(columns)
        ]
        lines.append(f"PRIMARY KEY {columns.split()[-1]}")
        if " secret_hash " in columns:
            lines.append("UNIQUE (secret_hash)")
        connection.exec_driver_sql(f"CREATE TABLE {table} ({', '.join(lines)})")
    for statement in _MORE[revision]:
        connection.exec_driver_sql(statement)


def _write_default(default: str | None) -> str:
    return f" DEFAULT {default}" if default else ""


def fill(connection: Connection, revision: str) -> dict[str, dict[str, Any]]:
    """Insert a row into each table; return the rows by table, values by column."""
    rows = {}
    for table, columns in _TABLES[revision].items():
        row = {name: _VALUES[kind.rstrip("!")] for name, kind in _read_columns(columns)}
        names = [f'"{name}"' for name in row]
        places = ", ".join(f":{name}" for name in row)
        insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - names above
        connection.execute(text(insert), row)
        rows[table] = row
    return rows


def _read_columns(columns: str) -> list[tuple[str, str]]:
    words = columns.split()[:-1]
    return list(zip(words[::2], words[1::2], strict=True))
