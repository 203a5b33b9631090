"""The commands of ``partialpool radon``, which ask a service about a house."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from partialpool.cli import shown
from partialpool.cli.failing import write
from partialpool.cli.options import RADON, as_options, made
from partialpool.client import Client
from service.schemas.radon import (
    AssessmentRequest,
    DecisionAnswer,
    DecisionRequest,
    RadonAssessment,
    RadonDecision,
    RadonDistribution,
)

if TYPE_CHECKING:
    import pandas as pd

C = TypeVar("C", bound=Callable[..., Any])

HOUSE: Final = ("county", "fips", "state", "floor", "model")
BELIEF: Final = ("geometric_mean", "geometric_sd", "offset")
COLUMNS: Final = ("county", "n", "own_weight", "median", "lower", "upper")
EXCEEDING: Final = "exceedance."
DOES: Final = {"measure": "make a long-term test", "nothing": "do nothing"}


@click.group()
def radon() -> None:
    """Ask a service what the radon in a house is, and what to do about it."""


def _asking(command: C) -> C:
    """Add how a service is reached, and how its answer is written."""
    for add in (
        click.option("--json", "as_json", is_flag=True, help="Write JSON, as the service does."),
        click.option("--api-key", envvar="PARTIALPOOL_API_KEY", show_envvar=True, help="Its key."),
        click.option(
            "--url",
            envvar="PARTIALPOOL_URL",
            show_envvar=True,
            help="The service; one on this machine by default.",
        ),
    ):
        command = add(command)
    return command


def _tested(command: C) -> C:
    """Add a test of the house."""
    kinds = click.Choice(["short-term", "long-term"])
    for add in (
        click.option("--kind", type=kinds, default="short-term", help="Kind of the test."),
        click.option("--reading", type=float, help="What a test of this house read, in the unit."),
    ):
        command = add(command)
    return command


@radon.command()
@as_options(AssessmentRequest, HOUSE)
@_tested
@as_options(AssessmentRequest, RADON)
@_asking
def assess(url: str | None, api_key: str | None, as_json: bool, **given: Any) -> None:
    """Tell what is known of the radon in a house, and what to do about it.

    `partialpool radon assess --county Aitkin --floor basement`
    """
    asked = made(AssessmentRequest, _measured(given))
    with Client(url, api_key) as client:
        found = client.assess_radon(asked)
    write(found.model_dump_json(indent=2) + "\n" if as_json else assessment_text(found))


@radon.command()
@as_options(DecisionRequest, BELIEF)
@_tested
@as_options(DecisionRequest, RADON)
@_asking
def decide(url: str | None, api_key: str | None, as_json: bool, **given: Any) -> None:
    """Weigh remediation, a test and doing nothing, for a level that is believed.

    `partialpool radon decide --geometric-mean 2 --geometric-sd 2.3`
    """
    asked = made(DecisionRequest, _measured(given))
    with Client(url, api_key) as client:
        found = client.decide_radon(asked)
    write(found.model_dump_json(indent=2) + "\n" if as_json else decision_text(found))


@radon.command()
@click.option("--state", help="By two letters or by its name, or all; MN by default.")
@as_options(AssessmentRequest, ("floor", "unit", "action_level", "model"), required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, with all columns.")
@_asking
def counties(
    url: str | None, api_key: str | None, as_json: bool, as_csv: bool, **given: Any
) -> None:
    """Print what is believed of a house in each county of a state, by the survey alone."""
    if as_json and as_csv:
        raise click.UsageError("give one of --json and --csv")
    with Client(url, api_key) as client:
        found = client.radon_counties(**given)
    if as_csv:
        write(shown.csv(found))
    elif as_json:
        write(shown.to_json({"items": _items(found)}))
    else:
        exceeding = [name for name in map(str, found) if name.startswith(EXCEEDING)]
        names = [*COLUMNS, *exceeding, "recommendation"]
        head = [name.replace(EXCEEDING, "P(>") + ")" * (name in exceeding) for name in names]
        write(shown.table(head, [found[name].tolist() for name in names]))


def assessment_text(found: RadonAssessment) -> str:
    """Return an answer for a house as a homeowner reads it."""
    own, rest = found.evidence.own_weight, found.evidence.borrowed_weight
    borrowed = (
        f"{own:.0%} of what is particular to the county comes from its own {found.evidence.n} "
        f"houses, {rest:.0%} from all others."
    )
    return _text(found.summary, found.distribution, found.unit, found.decision, borrowed)


def decision_text(found: DecisionAnswer) -> str:
    """Return a decision as a homeowner reads it."""
    return _text(found.summary, found.distribution, found.unit, found)


def _text(
    summary: str,
    level: RadonDistribution,
    unit: str,
    decision: RadonDecision,
    *lines: str,
) -> str:
    """Return the sentence, the level, and the costs of the three, the advised one marked."""
    widest = level.intervals[-1]
    levels = shown.table(
        ["of 100 such houses", unit],
        [
            ["half have more than", f"{100 * widest.level:.0f} are within"],
            [f"{level.median:.3g}", f"{widest.lower:.3g} to {widest.upper:.3g}"],
        ],
    )
    chances = shown.table(
        ["more than", "of 100", ""],
        [
            [f"{each.threshold:g}" for each in level.exceedance],
            [round(100 * each.probability) for each in level.exceedance],
            [each.meaning for each in level.exceedance],
        ],
    )
    losses = decision.expected_loss.model_dump()
    order = sorted(losses, key=lambda name: losses[name])
    costs = shown.table(
        ["expected cost", "dollars", ""],
        [
            [DOES.get(name, name) for name in order],
            [round(losses[name]) for name in order],
            ["advised" if name == decision.recommendation else "" for name in order],
        ],
    )
    return "\n".join([summary + "\n", levels, chances, costs, *(f"{line}\n" for line in lines)])


def _items(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Return counties as the service's JSON has them."""
    return [
        {name: value for name, value in row.items() if not name.startswith(EXCEEDING)}
        | {
            "exceedance": {
                name.removeprefix(EXCEEDING): value
                for name, value in row.items()
                if name.startswith(EXCEEDING)
            }
        }
        for row in shown.records(found)
    ]


def _measured(given: dict[str, Any]) -> dict[str, Any]:
    """Return options with the test among them, if there is one."""
    reading, kind = given.pop("reading"), given.pop("kind")
    if reading is not None:
        given["measurement"] = {"value": reading, "kind": kind}
    return given
