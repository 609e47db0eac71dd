"""The state and the rules of a Rocket.Chat server, without any I/O."""
