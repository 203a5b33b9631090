"""Keys of who may ask, and datasets that all may read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "keys",
        sa.Column("owner", sa.String(64), sa.ForeignKey("owners.id"), nullable=False),
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(32), nullable=False),
        sa.Column("note", sa.String(100), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32)),
        sa.Column("revoked_at", sa.String(32)),
        sa.Column("used_at", sa.String(32)),
    )
    op.create_index("keys_newest", "keys", ["owner", "created_at", "id"])
    public = sa.Column("public", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("datasets", public)
    op.create_index("datasets_public", "datasets", ["public", "name"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("datasets_public", "datasets")
    op.drop_column("datasets", "public")
    op.drop_table("keys")
