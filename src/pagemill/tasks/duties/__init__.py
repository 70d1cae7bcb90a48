"""Duties that run regularly. Each has the same shape: a config, `start`, `run_once` and `stop`."""
