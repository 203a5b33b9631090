"""The tables; a test compares these with what the migrations make."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, MetaData, String, Table
from sqlalchemy import UniqueConstraint as Unique

metadata = MetaData()

owners = Table(
    "owners",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("created_at", String(32), nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("owner", String(64), ForeignKey("owners.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("name", String(128)),
    Column("content_hash", String(64), nullable=False),
    Column("blob", String(200), nullable=False),
    Column("n_rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("columns", JSON, nullable=False),
    Column("report", JSON, nullable=False),
    Column("created_at", String(32), nullable=False),
    Unique("owner", "name", name="datasets_name"),
    Index("datasets_newest", "owner", "created_at", "id"),
    Index("datasets_blob", "blob"),
)

models = Table(
    "models",
    metadata,
    Column("owner", String(64), ForeignKey("owners.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("dataset_id", String(64), nullable=False),
    Column("dataset_hash", String(64), nullable=False),
    Column("formula", String, nullable=False),
    Column("method", String(8), nullable=False),
    Column("n_rows", BigInteger, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("blob", String(200), nullable=False),
    Column("created_at", String(32), nullable=False),
    Index("models_newest", "owner", "created_at", "id"),
    Index("models_blob", "blob"),
)
