"""The simulated workspace's OAuth 2 endpoints and its consent page."""
