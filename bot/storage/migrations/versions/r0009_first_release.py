"""The schema of the first release: ``bot.storage.schema`` makes it, later revisions change it."""

revision = "0009"
down_revision = None


def upgrade() -> None:
    """Do nothing: no database is older."""
