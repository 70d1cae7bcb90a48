"""Frozen pictures of the running service, for people, metrics and the guard."""
