"""The workspace as OAuth 2 provider: what it remembers, and its face to the network."""
