"""Owners, datasets and models."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the default owner."""
    owners = op.create_table(
        "owners",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("created_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "datasets",
        sa.Column("owner", sa.String(64), sa.ForeignKey("owners.id"), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(128)),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("blob", sa.String(200), nullable=False),
        sa.Column("n_rows", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("owner", "name", name="datasets_name"),
    )
    op.create_index("datasets_newest", "datasets", ["owner", "created_at", "id"])
    op.create_index("datasets_blob", "datasets", ["blob"])
    op.create_table(
        "models",
        sa.Column("owner", sa.String(64), sa.ForeignKey("owners.id"), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("dataset_id", sa.String(64), nullable=False),
        sa.Column("dataset_hash", sa.String(64), nullable=False),
        sa.Column("formula", sa.String, nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("n_rows", sa.BigInteger, nullable=False),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("blob", sa.String(200), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
    )
    op.create_index("models_newest", "models", ["owner", "created_at", "id"])
    op.create_index("models_blob", "models", ["blob"])
    op.bulk_insert(owners, [{"id": "default", "created_at": datetime.now(UTC).isoformat()}])


def downgrade() -> None:
    """Remove everything."""
    for table in ("models", "datasets", "owners"):
        op.drop_table(table)
