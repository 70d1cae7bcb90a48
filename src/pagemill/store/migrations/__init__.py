"""Alembic's home: `env.py` says how to connect, `versions/` holds one file for each change of the schema."""
