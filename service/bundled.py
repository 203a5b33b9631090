"""The survey's tables as datasets, there from the first start."""

from __future__ import annotations

from typing import Final

import structlog

from service import datasets
from service.catalog import DEFAULT_OWNER, Dataset
from service.context import Services
from service.intake import Form, IntakeError, Reading, dataset_id
from service.problems import ProblemError
from service.radon.tables import BundledTable, bundled

# The ids of the bundled tables, which follow from their content, once they are known.
_IDS: Final[dict[str, str]] = {}


async def load(parts: Services) -> None:
    """Keep every bundled table that the default owner does not have yet, for all to read."""
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
    try:
        return await parts.datasets(owner).get(await id_of(parts, table))
    except ProblemError as error:
        if error.kind.code != "dataset_not_found":
            raise
    try:
        return await _take(parts, owner, table, table.name)
    except ProblemError as error:
        if error.kind.code != "name_taken":
            raise
        return await _take(parts, owner, table, None)


async def id_of(parts: Services, table: BundledTable) -> str:
    """Return the id of a bundled table, which is read once to know it; nothing is stored."""
    known = _IDS.get(table.name)
    if known is None:
        async with datasets.scratch() as directory:
            read = await datasets.read(parts, table.path, Form.CSV, Reading(), directory=directory)
        known = _IDS[table.name] = dataset_id(read.hash)
    return known


async def _keep(parts: Services, table: BundledTable) -> None:
    try:
        found = await _take(parts, DEFAULT_OWNER, table, table.name)
        _IDS[table.name] = found.id
        await parts.datasets(DEFAULT_OWNER).publish(found.id, public=True)
    except IntakeError as error:  # the operator's caps are smaller than the survey
        _left_out(table, error.problems[0].code)
    except ProblemError as error:
        if error.kind.code == "quota_exceeded":
            _left_out(table, error.kind.code)
        elif error.kind.code != "name_taken":  # another replica started at the same time
            raise


def _left_out(table: BundledTable, code: str) -> None:
    structlog.get_logger("service").warning("bundled table left out", name=table.name, code=code)


async def _take(parts: Services, owner: str, table: BundledTable, name: str | None) -> Dataset:
    async with datasets.scratch() as directory:
        found, _ = await datasets.keep(
            parts, owner, table.path, Form.CSV, Reading(), directory=directory, name=name
        )
    return found
