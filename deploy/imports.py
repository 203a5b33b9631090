"""Imports what a running service may: its bytecode is written, and nothing left out is missed.

Run once when the image is built. What is not named is compiled whenever it is imported. The sums
over rows must be compiled too.
"""

# ruff: noqa: F401, E401, I001  imported for what it leaves behind, in groups that belong together

# The catalog, on SQLite and on PostgreSQL.
import alembic.command, alembic.config
import asyncpg
import sqlalchemy.dialects.postgresql.asyncpg, sqlalchemy.dialects.sqlite, sqlalchemy.ext.asyncio

# The server.
import certifi, httptools, uvloop
import limits.aio
import uvicorn.lifespan.on, uvicorn.loops.uvloop, uvicorn.protocols.websockets.auto
import opentelemetry.exporter.otlp.proto.http.trace_exporter, opentelemetry.sdk.trace.export

# Data and numbers.
import pandas
import polars
import pyarrow.csv, pyarrow.dataset, pyarrow.parquet
import scipy.optimize, scipy.sparse.csgraph, scipy.special, scipy.stats

# Plots, and a cluster.
import altair, vl_convert
import distributed

import service.charts.drawing
import service.cluster.client
import service.cluster.processes
import service.server
import service.upkeep

from engine.native import LIBRARY

if LIBRARY is None:
    raise SystemExit("the sums of engine/native are not compiled")
