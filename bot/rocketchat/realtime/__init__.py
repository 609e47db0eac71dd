"""Hearing what is said to the bot: rocketchat-async 4.3.0, made dependable.

The library is deprecated upstream, so nothing outside this package knows it. Its dispatcher, its
requests and its client are extended, not forked: ``calls`` reads the link and matches answers
with questions, ``requests`` spells the frames, ``connection`` opens and closes, ``listener``
reconnects.
"""

from bot.rocketchat.realtime.listener import Realtime
from bot.rocketchat.realtime.timing import Timing

__all__ = ["Realtime", "Timing"]
