"""Run by Alembic, inside the transaction that ``bot.storage.schema`` has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
