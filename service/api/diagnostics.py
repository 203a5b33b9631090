"""Diagnostics of a model: in short, row by row, and level by level."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from engine import row_diagnostics
from service import diagnostics, openapi, prices, tabular
from service.api import tabled
from service.api.levels import Group, Limit, documented
from service.api.parameters import Cursor, ModelId
from service.api.tabled import JSON
from service.caps import REQUEST
from service.catalog.paging import window
from service.context import owner_of, services
from service.data import rows_of
from service.problems import ProblemError, responses
from service.rates import charge
from service.routing import Router
from service.schemas.diagnostics import LevelInfluencePage, ModelDiagnostics, RowDiagnosticsPage

router = Router(prefix="/v1/models", tags=["models"])

RowLimit = Annotated[
    int, Query(ge=1, le=REQUEST.page_diagnostics, description="Most rows in the answer.")
]

_READING: Final = ("model_not_found", "unavailable", "corrupt_artefact")


@router.get(
    "/{model}/diagnostics",
    response_model=ModelDiagnostics,
    response_description="The diagnostics in short; `links` lead to rows and levels.",
    responses=responses(*_READING),
    operation_id="diagnostics",
)
async def read(request: Request, model: ModelId) -> Response:
    """Diagnose a model: shares of variance, residuals, leverage, Cook's distances, spread.

    What needs the rows is read from the dataset; when that is deleted, or the data came with the
    request, `rows` is null and `rows_missing` says why. Uploading the same table brings it back.
    The tests are reasons to look, not verdicts: they take residuals for independent.
    """
    parts, owner = services(request), owner_of(request)
    fitted = await parts.fitting.get(parts.models(owner), model)
    table, missing = None, None
    try:
        await charge(request, prices.reading(fitted.row.n_rows))
        table = await rows_of(fitted, parts.datasets(owner), parts)
    except ProblemError as error:
        if error.kind.code not in {"rows_not_kept", "only_sums"}:
            raise
        missing = str(error.detail)
    content = await parts.compute.run(diagnostics.summary, model, fitted.fit, table, missing)
    return Response(content, 200, None, JSON)


@router.get(
    "/{model}/diagnostics/rows",
    response_model=RowDiagnosticsPage,
    responses={
        200: {
            "content": openapi.tables(),
            "description": "A page of rows; for CSV, Parquet and Arrow the next is in `Link`.",
            "headers": openapi.headers("Link"),
        },
        **responses(
            *_READING,
            "not_acceptable",
            "rows_not_kept",
            "only_sums",
            "files_changed",
            "limit_passed",
            "invalid_request",
        ),
    },
    operation_id="diagnostics_rows",
)
async def rows(
    request: Request, model: ModelId, limit: RowLimit = 1000, cursor: Cursor = None
) -> Response:
    """Return fitted values, residuals, leverage and Cook's distance, row by row, as lme4 has them.

    A model keeps no rows: they are read from its dataset again. Rows that miss a value are not
    among them. A page of JSON has at most 100000 rows.
    """
    parts, owner = services(request), owner_of(request)
    media = tabled.form_of(request)
    fitted = await parts.fitting.get(parts.models(owner), model)
    count = fitted.fit.n_rows
    most = REQUEST.page_diagnostics_json if media == JSON else limit
    page, following = window(cursor, min(limit, most), count)
    await charge(request, prices.reading(fitted.row.n_rows))
    table = await rows_of(fitted, parts.datasets(owner), parts)

    def write() -> bytes:
        found = row_diagnostics(fitted.fit, table, page.start, page.stop)
        if media == JSON:
            return diagnostics.rows_page(model, fitted.row.dataset_id, count, found, following)
        return tabular.encode(diagnostics.rows_table(found), media)

    headers = {"Vary": "Accept"}
    if following:
        link = f"/v1/models/{model}/diagnostics/rows?limit={limit}&cursor={following}"
        headers["Link"] = f'<{link}>; rel="next"'
    return Response(await parts.compute.run(write), 200, headers, media)


@router.get(
    "/{model}/diagnostics/levels/{group:path}",
    response_model=LevelInfluencePage,
    responses=documented("rows_not_kept", "only_sums", "files_changed", "limit_passed"),
    operation_id="diagnostics_levels",
)
async def levels(
    request: Request, model: ModelId, group: Group, limit: Limit = 1000, cursor: Cursor = None
) -> Response:
    """Leave out each level of a group in turn: what becomes of the estimates without it.

    Up to 200 levels the model is fitted again without each (`exact`). JSON comes in pages; CSV,
    Parquet and Arrow have all levels, in columns named by their place in the JSON.
    """
    parts, owner = services(request), owner_of(request)
    media = tabled.form_of(request)
    fitted = await parts.fitting.get(parts.models(owner), model)
    fitted.require_group(group)
    await charge(request, prices.reading(fitted.row.n_rows))
    table = await rows_of(fitted, parts.datasets(owner), parts)
    terms = fitted.fit.coefficients

    def write() -> bytes:
        found = fitted.influence(group, table)
        if media == JSON:
            return diagnostics.levels_page(model, found, terms, limit, cursor)
        return tabular.encode(diagnostics.levels_table(found, terms), media)

    return tabled.respond(await parts.compute.run(write), media)
