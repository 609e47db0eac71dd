"""The realtime (DDP) face of a simulated workspace."""

from bot.simulator.realtime.face import RealtimeFace

__all__ = ["RealtimeFace"]
