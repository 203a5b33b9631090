"""Datasets in parts, and which sums the fit of a model holds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "parts",
        sa.Column("owner", sa.String(64), sa.ForeignKey("owners.id"), primary_key=True),
        sa.Column("dataset", sa.String(64), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("blob", sa.String(200), nullable=False),
    )
    op.create_index("parts_blob", "parts", ["blob"])
    op.add_column("models", sa.Column("sums", sa.String(64)))
    op.create_index("models_sums", "models", ["owner", "sums"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("models_sums", "models")
    op.drop_column("models", "sums")
    op.drop_table("parts")
