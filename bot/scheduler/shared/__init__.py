"""Work by the clock as jobs in PostgreSQL, for any number of processes; procrastinate's queue."""
