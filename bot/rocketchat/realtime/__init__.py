"""Hearing what is said to the bot: rocketchat-async 4.3.0, made dependable.

The library is deprecated upstream, so nothing outside this package knows it. Its dispatcher, its
requests and its client are extended, not forked: ``link`` opens the websocket and drops what
concerns others, ``calls`` reads it and matches answers with questions, ``requests`` spells the
frames, ``connection`` logs in and subscribes, ``listener`` reconnects.
"""

from bot.backoff import Backoff
from bot.rocketchat.realtime.client import RealtimeClient

__all__ = ["Backoff", "RealtimeClient"]
