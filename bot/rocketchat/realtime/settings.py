"""Time limits of the realtime connection."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """Time limits of the realtime connection, in seconds.

    A connection that is silent for ``ping_after_s`` is pinged, and given up if nothing comes
    within ``pong_timeout_s``. ``recheck_every_s`` after the last check, or later where that took
    long, a live connection is checked for messages that it has not delivered.
    """

    connect_timeout_s: float = 15.0
    call_timeout_s: float = 15.0
    ping_after_s: float = 8.0
    pong_timeout_s: float = 10.0
    recheck_every_s: float = 25.0
