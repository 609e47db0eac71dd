"""The simulated workspace's realtime API (DDP over a websocket)."""
