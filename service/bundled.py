"""The survey's tables as datasets, there from the first start."""

from __future__ import annotations

from pathlib import Path

import structlog

from service import datasets
from service.catalog import DEFAULT_OWNER
from service.context import Services
from service.intake import Form, IntakeError, Reading
from service.problems import ProblemError
from service.radon.tables import BundledTable, bundled


async def load(parts: Services) -> None:
    """Keep every bundled table that the default owner does not have yet, for all to read."""
    known = parts.datasets(DEFAULT_OWNER)
    for table in bundled():
        try:
            await known.get(table.name)
        except ProblemError:
            await _keep(parts, table)


async def _keep(parts: Services, table: BundledTable) -> None:
    async with datasets.scratch() as directory:
        try:
            kept, _ = await datasets.keep(
                parts,
                DEFAULT_OWNER,
                Path(table.path),
                Form.CSV,
                Reading(),
                directory=directory,
                name=table.name,
            )
            await parts.datasets(DEFAULT_OWNER).publish(kept.id, public=True)
        except IntakeError as error:  # the operator's caps are smaller than the survey
            structlog.get_logger("service").warning(
                "bundled table left out", name=table.name, code=error.problems[0].code
            )
        except ProblemError as error:
            if error.kind.code != "name_taken":  # another replica started at the same time
                raise
