"""Alembic's environment: it runs the revisions on the connection that ``migrate`` gives it."""

from alembic import context

from signotaur_keyserver.domain.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
