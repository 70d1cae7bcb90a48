"""Alembic runs this for every command, on the connection that `store.migrate` hands over."""

from alembic import context

from pagemill.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
