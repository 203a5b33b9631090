"""Jobs, and what they computed of models."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "jobs",
        sa.Column("owner", sa.String(64), sa.ForeignKey("owners.id"), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("active", sa.String(64)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("blob", sa.String(200)),
        sa.Column("href", sa.String, nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("replica", sa.String(64)),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(32)),
        sa.Column("finished_at", sa.String(32)),
        sa.Column("heartbeat_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("owner", "active", name="jobs_active"),
    )
    op.create_index("jobs_newest", "jobs", ["owner", "created_at", "id"])
    op.create_index("jobs_waiting", "jobs", ["state", "created_at"])
    op.create_index("jobs_blob", "jobs", ["blob"])
    op.create_table(
        "computed",
        sa.Column("owner", sa.String(64), sa.ForeignKey("owners.id"), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
    )
    op.create_index("computed_model", "computed", ["owner", "model"])


def downgrade() -> None:
    """Remove them."""
    for table in ("computed", "jobs"):
        op.drop_table(table)
