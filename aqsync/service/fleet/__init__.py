"""The fleet: each PC's status file on the server, and what they say together."""
