"""Scheduled work shared by any number of processes, as procrastinate jobs in PostgreSQL."""
