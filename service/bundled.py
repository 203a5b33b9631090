"""The survey's tables as datasets, there from the first start."""

from __future__ import annotations

from typing import Final

import structlog

from service import datasets
from service.catalog import DEFAULT_OWNER, Dataset
from service.context import Services
from service.intake import Form, IntakeError, Reading
from service.problems import ProblemError
from service.radon.tables import BundledTable, bundled

# The ids of the bundled tables, which follow from their content, once they are known.
_IDS: Final[dict[str, str]] = {}


async def load(parts: Services) -> None:
    """Keep every bundled table that the default owner does not have yet."""
    known = parts.datasets(DEFAULT_OWNER)
    for table in bundled():
        try:
            await known.get(table.name)
        except ProblemError:
            await _keep(parts, table)


async def kept(parts: Services, owner: str, table: BundledTable) -> Dataset:
    """Return a bundled table as a dataset of this owner, kept now if it is not there.

    It is known by its content, so that another table under its name is not taken for it. Raises
    ``IntakeError`` when the operator's caps are smaller than the table.
    """
    known = parts.datasets(owner)
    if table.name in _IDS:
        try:
            return await known.get(_IDS[table.name])
        except ProblemError as error:
            if error.kind.code != "dataset_not_found":
                raise
    try:
        found = await _take(parts, owner, table, table.name)
    except ProblemError as error:
        if error.kind.code != "name_taken":
            raise
        found = await _take(parts, owner, table, None)
    _IDS[table.name] = found.id
    return found


async def _keep(parts: Services, table: BundledTable) -> None:
    try:
        await _take(parts, DEFAULT_OWNER, table, table.name)
    except IntakeError as error:  # the operator's caps are smaller than the survey
        structlog.get_logger("service").warning(
            "bundled table left out", name=table.name, code=error.problems[0].code
        )
    except ProblemError as error:
        if error.kind.code != "name_taken":  # another replica started at the same time
            raise


async def _take(parts: Services, owner: str, table: BundledTable, name: str | None) -> Dataset:
    async with datasets.scratch() as directory:
        found, _ = await datasets.keep(
            parts, owner, table.path, Form.CSV, Reading(), directory=directory, name=name
        )
    return found
