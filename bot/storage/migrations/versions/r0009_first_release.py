"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = None


def upgrade() -> None:
    """Make the tables in an empty database."""
    _make_accounts()
    _make_link_requests()
    _make_bearer_refusals()
    _make_audit()
    _make_inbox()
    _make_checkpoints()
    _make_device_names()
    _make_numbered_lists()
    _make_confirmations()
    _make_schedules()
    _make_report_runs()
    _make_alert_subscriptions()
    _make_known_devices()
    _make_counters()
    _make_sealed_secrets()


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("connected_at", sa.BigInteger, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("utc_offset", sa.Double),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("is_bearer", sa.Boolean, nullable=False),
        sa.Column("sealed_token", sa.LargeBinary, nullable=False),
        sa.Column("sealed_refresh_token", sa.LargeBinary),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("refreshed_at", sa.BigInteger),
        sa.Column("token_id", sa.String, nullable=False),
        sa.Column("refreshing_until", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("notified_at", sa.BigInteger),
        sa.Column("signed_out_at", sa.BigInteger),
        sa.Column("list_cleaned_until", sa.BigInteger),
    )


def _make_link_requests() -> None:
    op.create_table(
        "link_requests",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("attempts_left", sa.Integer, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("browser_hash", sa.LargeBinary),
    )


def _make_bearer_refusals() -> None:
    op.create_table(
        "bearer_refusals",
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("refused_at", sa.BigInteger, nullable=False),
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("user_id", sa.String, nullable=False, index=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
    )


def _make_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("message_id", sa.String, primary_key=True),
        sa.Column("claimed_by", sa.String, nullable=False),
        sa.Column("claimed_until", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("room_id", sa.String, nullable=False),
        sa.Column("sender_id", sa.String, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("reply_kind", sa.String, nullable=False),
        sa.Column("awaiting_user_id", sa.String),
        sa.Column("confirmed_action", sa.String),
    )
    _make_index("inbox_unfinished", "inbox", ["sender_id"], "finished_at IS NULL")
    is_awaiting = "awaiting_user_id IS NOT NULL"
    _make_index("inbox_awaiting", "inbox", ["awaiting_user_id"], is_awaiting)


def _make_index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _make_checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("bot_id", sa.String, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("received_until", sa.BigInteger, nullable=False),
        sa.Column("written_at", sa.BigInteger),
    )


def _make_device_names() -> None:
    op.create_table(
        "device_names",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("device_key", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
    )


def _make_numbered_lists() -> None:
    op.create_table(
        "numbered_lists",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("groups", sa.String, nullable=False),
        sa.Column("listed_at", sa.BigInteger, nullable=False),
    )


def _make_confirmations() -> None:
    op.create_table(
        "confirmations",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("room_id", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )


def _make_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("is_only_changes", sa.Boolean, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("utc_offset", sa.Double),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("start_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("paused_until", sa.BigInteger),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("problem", sa.String, nullable=False),
    )


def _make_report_runs() -> None:
    op.create_table(
        "report_runs",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("due_at", sa.BigInteger, primary_key=True),
        sa.Column("claimable_at", sa.BigInteger, nullable=False),
        sa.Column("claimed_by", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("outcome", sa.String, nullable=False),
    )
    _make_index(
        "report_runs_open", "report_runs", ["claimable_at", "user_id"], "finished_at IS NULL"
    )


def _make_alert_subscriptions() -> None:
    op.create_table(
        "alert_subscriptions",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("next_check_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("problem", sa.String, nullable=False),
    )


def _make_known_devices() -> None:
    op.create_table(
        "known_devices",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("device_key", sa.String, primary_key=True),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("os_name", sa.String, nullable=False),
        sa.Column("os_version", sa.String, nullable=False),
        sa.Column("network", sa.String, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger, nullable=False),
        sa.Column("last_seen_at", sa.BigInteger, nullable=False),
        sa.Column("is_known_to_alerts", sa.Boolean, nullable=False),
        sa.Column("reported_at", sa.BigInteger),
        sa.Column("announced_at", sa.BigInteger),
    )


def _make_counters() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("reported", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )


def _make_sealed_secrets() -> None:
    op.create_table(
        "sealed_secrets",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
