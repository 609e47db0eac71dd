"""Somebody spoke: a message, brought to its answer once."""
