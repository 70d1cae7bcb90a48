"""Frozen snapshots of the running service, for users, metrics and the guard."""
