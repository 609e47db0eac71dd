"""From a message somebody sent to its one answer."""
