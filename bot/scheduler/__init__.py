"""Scheduled work: reports that are due and checks for new devices."""
