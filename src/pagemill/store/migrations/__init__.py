"""Alembic's folder: `env.py` says how to connect, `versions/` holds one file for each change of the schema."""
