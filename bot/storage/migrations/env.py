"""Run by Alembic, inside the transaction that ``bot.storage.upgrade`` brings."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
