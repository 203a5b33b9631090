"""The caps of requests: those of single requests, which no setting changes, and all as published.

What enforces a cap reads it from its table: here, in the settings, of the engine or of the intake.
``GET /v1/limits`` has them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from service.settings import Settings


@dataclass(frozen=True, slots=True)
class RequestCaps:
    """The caps of a request.

    Attributes:
        categorical: columns that a fit takes as factors.
        thresholds: of a request for predictions.
        contrasts: of a request.
        ordered_terms: that a table of terms is given in an order.
        held_columns: that marginal means hold at a value.
        simulations: replicates of a bootstrap, draws of a row.
        compared_models: of a comparison.
        merged_datasets: summaries that are added at once.
        parts: that a dataset may have.
        missing_words: that an upload names.
        text_columns: that an upload keeps as text.
        page_items: of a list, a page.
        page_levels: of a group, a page of JSON.
        page_rows: of a dataset, a page.
        page_cells: of the rows of a dataset, a page.
        page_diagnostics: rows of diagnostics, a page as a table.
        page_diagnostics_json: likewise of JSON.
        problems: that one answer tells.
        idempotency_key: characters of an ``Idempotency-Key``.
        county_characters: of the name of a county or a state.
        radon_level: of radon in a question, in the unit of the question.
        geometric_sd: of the radon in a house.
        radon_cost: of remediation or a test.
        living_area_ratio: of the level where one lives to that of the screening test.
        plot_characters: of a title, a unit or a name that a plot is asked for with.
        plot_pixels: width or height of a plotting area.
        plot_scale: pixels of an image for each of the plot.
        plot_levels: levels or parameters that a plot is asked for.
        plot_points: of a plot, counted in cells or evenly spaced beyond.
        plot_labels: levels with a line and a label of their own.
        plot_arrows: of a plot.
    """

    categorical: int = 200
    thresholds: int = 20
    contrasts: int = 1_000
    ordered_terms: int = 200
    held_columns: int = 100
    simulations: int = 10_000
    compared_models: int = 20
    merged_datasets: int = 1_000
    parts: int = 1_000
    missing_words: int = 50
    text_columns: int = 2_000
    page_items: int = 1_000
    page_levels: int = 10_000
    page_rows: int = 100_000
    page_cells: int = 1_000_000
    page_diagnostics: int = 1_000_000
    page_diagnostics_json: int = 100_000
    problems: int = 100
    idempotency_key: int = 255
    county_characters: int = 100
    radon_level: int = 1_000_000
    geometric_sd: int = 100
    radon_cost: int = 1_000_000_000
    living_area_ratio: int = 100
    plot_characters: int = 200
    plot_pixels: int = 2_000
    plot_scale: int = 3
    plot_levels: int = 20
    plot_points: int = 2_000
    plot_labels: int = 200
    plot_arrows: int = 500


REQUEST: Final = RequestCaps()

_NAMES: Final = {
    "characters": "formula_characters",
    "nesting": "formula_nesting",
    "columns": "model_columns",
}
"""What caps of the engine are called where those of tables stand beside them."""


def published(settings: Settings) -> Mapping[str, float]:
    """Return every cap by its name in ``GET /v1/limits``, and what else of the settings is there.

    A setting comes before the intake's default that it replaces.
    """
    from msgspec import to_builtins

    from engine import CAPS  # here, for what is asked and answered stands on this module
    from service.intake import Caps

    caps = {
        **to_builtins(Caps()),
        **{_NAMES.get(name, name): value for name, value in asdict(CAPS).items()},
        **asdict(REQUEST),
    }
    told = {f"max_{name}": value for name, value in caps.items()} | settings.model_dump()
    return told | {"rate_units": settings.rate_units if settings.limited else 0}
