"""Realtime API: receiving messages over rocketchat-async 4.3.0, made dependable.

The library is deprecated upstream, so no other package imports it. Its classes are extended, not
forked. It lacks the following, each of which has a test in ``tests/integration/rocketchat``:

* ``websocket``: frames above 1 MiB; time limits for opening and closing, and a way to close at
  all; one type of error for whatever prevents the connection; no redirects; no frames in logs;
  frames that cannot concern the bot are dropped before their JSON is parsed;
* ``ddp``: an answer after its time-out, a frame that is no JSON or of an unknown form, and an
  unknown event leave the reader running; ``ready`` and ``nosub`` are waited for; callbacks are kept
  per event instead of per stream; a pong repeats the ping's id; silence is noticed;
* ``connection``: waits for ``connected``; a refused login is an error that says why; messages come
  with the stream's second argument;
* ``client``: reconnects; a failing callback ends nothing.
"""

from bot.rocketchat.realtime.client import RealtimeClient
from bot.rocketchat.realtime.settings import RealtimeSettings

__all__ = ["RealtimeClient", "RealtimeSettings"]
