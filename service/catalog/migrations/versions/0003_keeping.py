"""What is kept how long and for whom: sizes, uses, leases, answers to keyed requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

USED = {"datasets": "datasets_used", "models": "models_used"}


def upgrade() -> None:
    """Make the tables and columns; what is there was last used when it was made."""
    op.add_column(
        "models", sa.Column("size_bytes", sa.BigInteger, nullable=False, server_default="0")
    )
    for table, index in USED.items():
        op.add_column(table, sa.Column("used_at", sa.String(32), nullable=False, server_default=""))
        op.execute(sa.text(f"UPDATE {table} SET used_at = created_at"))  # noqa: S608  our names
        op.create_index(index, table, ["used_at"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
    )
    op.create_table(
        "keyed",
        sa.Column("owner", sa.String(64), sa.ForeignKey("owners.id"), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.JSON),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("keyed_until", "keyed", ["until"])


def downgrade() -> None:
    """Remove them."""
    for table in ("keyed", "leases"):
        op.drop_table(table)
    for table, index in USED.items():
        op.drop_index(index, table)
        op.drop_column(table, "used_at")
    op.drop_column("models", "size_bytes")
