"""The tables; a test compares these with what the migrations make."""

from __future__ import annotations

from typing import TypeAlias

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    false,
)
from sqlalchemy import UniqueConstraint as Unique

from service.catalog.text import String

metadata = MetaData()

Named: TypeAlias = Table
"""A table of the catalog, for who passes one on without making statements."""

owners = Table(
    "owners",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("created_at", String(32), nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("owner", String(64), ForeignKey("owners.id"), nullable=False),
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("scopes", String(32), nullable=False),
    Column("note", String(100), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("expires_at", String(32)),
    Column("revoked_at", String(32)),
    Column("used_at", String(32)),
    Index("keys_newest", "owner", "created_at", "id"),
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
    Column("public", Boolean, nullable=False, server_default=false()),
    Column("created_at", String(32), nullable=False),
    Column("used_at", String(32), nullable=False, server_default=""),
    Unique("owner", "name", name="datasets_name"),
    Index("datasets_newest", "owner", "created_at", "id"),
    Index("datasets_blob", "blob"),
    Index("datasets_public", "public", "name"),
    Index("datasets_used", "used_at"),
)

parts = Table(
    "parts",
    metadata,
    Column("owner", String(64), ForeignKey("owners.id"), primary_key=True),
    Column("dataset", String(64), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("blob", String(200), nullable=False),
    Index("parts_blob", "blob"),
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
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("created_at", String(32), nullable=False),
    Column("used_at", String(32), nullable=False, server_default=""),
    Column("sums", String(64)),
    Index("models_newest", "owner", "created_at", "id"),
    Index("models_sums", "owner", "sums"),
    Index("models_blob", "blob"),
    Index("models_used", "used_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("owner", String(64), ForeignKey("owners.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("active", String(64)),
    Column("kind", String(32), nullable=False),
    Column("title", String, nullable=False),
    Column("state", String(16), nullable=False),
    Column("progress", Float, nullable=False),
    Column("message", String, nullable=False),
    Column("request", JSON, nullable=False),
    Column("blob", String(200)),
    Column("href", String, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("version", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),
    Column("replica", String(64)),
    Column("created_at", String(32), nullable=False),
    Column("started_at", String(32)),
    Column("finished_at", String(32)),
    Column("heartbeat_at", String(32), nullable=False),
    Unique("owner", "active", name="jobs_active"),
    Index("jobs_newest", "owner", "created_at", "id"),
    Index("jobs_waiting", "state", "created_at"),
    Index("jobs_blob", "blob"),
)

computed = Table(
    "computed",
    metadata,
    Column("owner", String(64), ForeignKey("owners.id"), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("content", JSON, nullable=False),
    Column("created_at", String(32), nullable=False),
    Index("computed_model", "owner", "model"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", String(32), nullable=False),
)

keyed = Table(
    "keyed",
    metadata,
    Column("owner", String(64), ForeignKey("owners.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", String(32), nullable=False),
    Column("fingerprint", String(64)),
    Column("status", Integer),
    Column("headers", JSON(none_as_null=True)),
    Column("body", LargeBinary),
    Index("keyed_until", "until"),
)
