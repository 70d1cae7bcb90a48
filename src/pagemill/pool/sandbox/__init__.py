"""What a worker may do: read its code, its models and the document on its desk, and write the requested result.

server  Sandbox ── a desk for each worker ── links the document there ──▶ the worker's desk ── moves results away
worker  confine ── limits, no new privileges, Landlock, seccomp ── before it starts a thread or loads an engine

`docs/explanation/security.md` says what that promises.
"""
