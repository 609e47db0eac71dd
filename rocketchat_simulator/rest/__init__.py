"""The simulated workspace's REST API, one module for each family of routes."""
