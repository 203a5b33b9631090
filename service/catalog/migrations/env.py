"""Run by Alembic: upgrades over the connection, and in the transaction, that it is handed."""

from alembic import context

from service.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
