"""The realtime (DDP) face of a simulated workspace."""

from rocketchat_simulator.realtime.face import RealtimeServer

__all__ = ["RealtimeServer"]
