"""Before the bot runs, or while it does: whether it has all it needs, and what to do if not."""
