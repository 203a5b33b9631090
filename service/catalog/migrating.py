"""Bringing the tables of a catalog to a version: of several processes that start, one does it.

Most processes find the tables as they want them, and need not wait for Alembic to be imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    text,
)
from sqlalchemy.schema import CreateTable

from service.catalog.scope import DEFAULT_OWNER, now
from service.catalog.tables import metadata, owners

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS: Final = Path(__file__).parent / "migrations"

# As Alembic makes it.
_VERSION: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

_LOCK: Final = text("SELECT pg_advisory_xact_lock(7265737368)")

# Indices are made anew where the order of a column changes; the rows stay as they are.
_UNLIKE_BYTES: Final = text(
    "SELECT table_name, column_name, character_maximum_length FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND data_type = 'character varying' "
    "AND collation_name IS DISTINCT FROM 'C' AND table_name <> 'alembic_version' "
    "ORDER BY table_name, column_name"
)


def upgrade(connection: Connection) -> None:
    """Bring the tables to this version, in one transaction."""
    _alone(connection)
    if connection.dialect.name == "sqlite" and not inspect(connection).get_table_names():
        _make(connection)
    elif version(connection) != newest():
        climb(connection)
    if connection.dialect.name == "postgresql":
        _compare_bytes(connection)


def climb(connection: Connection) -> None:
    """Bring the tables from whatever version to this one, step by step."""
    from alembic import command

    command.upgrade(_config(connection), "head")


def _make(connection: Connection) -> None:
    """Make the tables of an empty file at once: a quarter of a second sooner than step by step."""
    metadata.create_all(connection)
    connection.execute(owners.insert().values(id=DEFAULT_OWNER, created_at=now()))
    connection.execute(CreateTable(_VERSION))
    connection.execute(_VERSION.insert().values(version_num=newest()))


def downgrade(connection: Connection, revision: str) -> None:
    """Bring the tables back to an earlier version, in one transaction."""
    from alembic import command

    _alone(connection)
    command.downgrade(_config(connection), revision)


def revisions() -> list[str]:
    """Return the versions there are, the newest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS))
    return [each.revision for each in scripts.walk_revisions()]


def newest() -> str:
    """Return the newest version there is; their files are named by them."""
    return max(path.name[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def version(connection: Connection) -> str | None:
    """Return the version of the tables, ``None`` when there are none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _alone(connection: Connection) -> None:
    """Wait until no other process migrates; in SQLite the lock to write does it."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)


def _compare_bytes(connection: Connection) -> None:
    """Give text the order of its bytes, whatever the database was made with."""
    quote = connection.dialect.identifier_preparer.quote
    for table, column, length in connection.execute(_UNLIKE_BYTES).all():
        size = "" if length is None else f"({length})"
        change = f'ALTER COLUMN {quote(column)} TYPE varchar{size} COLLATE "C"'
        connection.execute(text(f"ALTER TABLE {quote(table)} {change}"))


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
