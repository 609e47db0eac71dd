"""The schema's history: a file in ``versions`` for each change, not edited after its release."""
