"""``session-bot check``: ``system`` runs all checks in order; setting up uses some of them."""
