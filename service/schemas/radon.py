"""The homeowner's question, and what it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field

from service.caps import REQUEST
from service.radon.terms import (
    REMEDIATION_COST,
    TEST_COST,
    Floor,
    Kind,
    Recommendation,
    Scope,
)
from service.radon.units import Unit
from service.schemas.base import Answer, Asked, one_of

Basis: TypeAlias = Literal["county", "uranium", "state"]

Level = Annotated[float, Field(gt=0, le=REQUEST.radon_level)]
Cost = Annotated[float, Field(le=REQUEST.radon_cost)]


class Measurement(Asked):
    """A test of this house."""

    value: float = Field(
        ge=0,
        le=REQUEST.radon_level,
        description="The reading, in `unit`; less than 0.1 pCi/L counts as that.",
        examples=[3.1],
    )
    kind: Kind = Field(
        description="A short-term test (days, on the lowest level) is off by a factor of 1.8, a "
        "long-term one (months, where one lives) by 1.2: geometric standard deviations."
    )


class Weighed(Asked):
    """What a decision weighs; every part has a default."""

    measurement: Measurement | None = Field(None, description="A test of this house, if any.")
    action_level: Level | None = Field(
        None,
        description="The level from which on who knew it would remediate, in `unit`, above 2 "
        "pCi/L, to which remediation brings it down; 4 pCi/L by default, EPA's.",
        examples=[4],
    )
    remediation_cost: Cost = Field(
        REMEDIATION_COST, gt=0, description="What remediation costs, in dollars."
    )
    test_cost: Cost = Field(TEST_COST, ge=0, description="What a long-term test costs, in dollars.")
    living_area_ratio: float = Field(
        1,
        gt=0,
        le=REQUEST.living_area_ratio,
        description="The year's average where one lives over what a screening test on the lowest "
        "level reads. 1 takes the reading as it is.",
    )
    unit: Unit = Field("pCi/L", description="Of all levels of the request and of the answer.")


class AssessmentRequest(Weighed):
    """A house: its county, by name or FIPS code, and the floor. The rest has defaults."""

    model_config = ConfigDict(json_schema_extra=one_of("county", "fips"))

    county: str | None = Field(
        None,
        max_length=REQUEST.county_characters,
        description="Name of the county; case, spaces and points do not matter.",
        examples=["AITKIN"],
    )
    fips: int | None = Field(
        None, description="FIPS code of the county, instead of its name.", examples=[27001]
    )
    state: str | None = Field(
        None,
        max_length=REQUEST.county_characters,
        description="The state of a county given by name: two letters or its name; `MN` by "
        "default. The survey has AZ, IN, MA, MN, MO, ND and PA.",
        examples=["MN"],
    )
    floor: Floor = Field(
        description="The lowest level of the house, where a screening test would stand."
    )
    model: Scope | None = Field(
        None,
        description="`minnesota`: fitted to the houses of Minnesota, the default there; "
        "`national`: to those of all states.",
    )


class DecisionRequest(Weighed):
    """What is believed of the level in a house, and what the decision weighs."""

    geometric_mean: Level = Field(
        description="Geometric mean of the level (plus `offset`), in `unit`; also its median.",
        examples=[2.0],
    )
    geometric_sd: float = Field(
        gt=1,
        le=REQUEST.geometric_sd,
        description="Geometric standard deviation of the level (plus `offset`).",
        examples=[2.3],
    )
    offset: float = Field(
        0,
        ge=0,
        le=REQUEST.radon_level,
        description="What is added to a level to make it lognormal, in `unit`. With the numbers "
        "of `distribution` of an assessment, the decision is that of the assessment.",
    )


class RadonInterval(Answer):
    """An interval that holds the level with a probability, and misses it as often on each side."""

    level: float = Field(description="The probability.", examples=[0.95])
    lower: float
    upper: float


class RadonExceedance(Answer):
    """How likely the level is above a threshold."""

    threshold: float = Field(examples=[4.0])
    probability: float
    meaning: str = Field(
        description="Whose threshold it is.", examples=["EPA action level; your action level"]
    )


class RadonDistribution(Answer):
    """What is believed of the level in one house: the logarithm of level + offset is normal."""

    median: float = Field(description="Half of such houses have more.")
    mean: float = Field(description="The expected level.")
    geometric_mean: float = Field(description="Of level + offset.")
    geometric_sd: float = Field(description="Of level + offset.")
    offset: float = Field(
        description="0.1 pCi/L times `living_area_ratio` where a model of log(radon + 0.1) speaks."
    )
    intervals: list[RadonInterval] = Field(description="Of 50 and 95 %.")
    exceedance: list[RadonExceedance] = Field(
        description="For 2, 2.7 and 4 pCi/L, and the action level of the request."
    )


class ExpectedLoss(Answer):
    """What each of the three is expected to cost over 30 years, in dollars, radon included."""

    remediate: float
    nothing: float
    measure: float


class RadonDecision(Answer):
    """The cheapest of the three, and what it rests on."""

    recommendation: Recommendation = Field(
        description="`remediate` now, `measure` first by a long-term test, or `nothing`."
    )
    expected_loss: ExpectedLoss
    value_of_test: float = Field(
        description="What a long-term test saves on average, its price and the year it takes paid; "
        "negative where it is not worth them."
    )
    value_of_information: float = Field(
        description="What it would save if it were free and quick; never negative."
    )
    remediate_if_above: float | None = Field(
        description="The reading of a long-term test from which on remediation pays; null where "
        "none is high enough."
    )
    probability_remediate: float = Field(description="How likely a test reads more than that.")


class ReferenceLevel(Answer):
    """A level that an authority has set."""

    level: float
    name: str = Field(examples=["EPA action level"])
    advice: str


class Told(Answer):
    """What stands in every answer to a homeowner."""

    summary: str = Field(description="The answer in one sentence.")
    unit: Unit
    distribution: RadonDistribution = Field(
        description="Of the level where one lives, with the measurement if there is one."
    )
    before_measurement: RadonDistribution | None = Field(
        description="Without the measurement; null where there is none."
    )
    reference_levels: list[ReferenceLevel]
    assumptions: list[str] = Field(description="What the numbers take for granted.")
    advice: list[str] = Field(description="What EPA and WHO advise, whatever the costs say.")


class DecisionAnswer(RadonDecision, Told):
    """A decision for a level that is believed."""


class CountyPlace(Answer):
    """A county."""

    fips: int = Field(examples=[27001])
    name: str = Field(examples=["AITKIN"])
    state: str = Field(examples=["MN"])
    title: str = Field(description="As one writes it.", examples=["Aitkin County, Minnesota"])
    log_uranium: float | None = Field(
        description="Logarithm of the county's uranium in parts per million; null if not measured."
    )


class TypicalLevel(Answer):
    """The median level of such houses in the county, and how well it is known (95 %)."""

    median: float
    lower: float
    upper: float


class RawReadings(Answer):
    """Houses of the county in the survey, as they were read."""

    n: int
    mean: float | None = Field(description="Null without houses.")
    geometric_mean: float | None = Field(
        description="Of readings + 0.1 pCi/L, less 0.1; null without houses."
    )


class CountyEvidence(Answer):
    """What comes from the county's own houses and what is borrowed from the others."""

    n: int = Field(description="Houses of the county that the model has.")
    own_weight: float = Field(
        description="Weight of the county's own houses in what is particular to it: 0 to 1.",
        examples=[0.14],
    )
    borrowed_weight: float = Field(
        description="The rest: borrowed from all other houses, through floor and uranium."
    )
    typical: TypicalLevel
    raw: RawReadings = Field(description="All houses of the county.")
    raw_this_floor: RawReadings = Field(description="Those tested on this floor.")


class ModelLink(Answer):
    """The model that answered, to be looked at like any other."""

    id: str = Field(examples=["m_5d3k2q7a4c6e2b7w3x5y7z2a4c6e2b7w"])
    href: str
    scope: Scope
    dataset: str
    formula: str


class RadonAssessment(Told):
    """The answer for one house."""

    county: CountyPlace
    floor: Floor
    basis: Basis = Field(
        description="What speaks for the county: its own houses (`county`), without any its "
        "uranium (`uranium`), or where that was not measured its state (`state`)."
    )
    evidence: CountyEvidence
    decision: RadonDecision
    model: ModelLink


class CountyRow(Answer):
    """What is believed of a house in a county, by the survey alone."""

    fips: int
    county: str
    state: str
    title: str
    basis: Basis
    n: int = Field(description="Houses of the county that the model has.")
    log_uranium: float | None
    own_weight: float = Field(description="Weight of the county's own houses.")
    raw_mean: float | None = Field(description="Mean of all readings of the county.")
    raw_geometric_mean: float | None
    median: float = Field(description="Half of such houses have more.")
    median_lower: float = Field(description="Lower end of the 95 % interval of the median.")
    median_upper: float
    mean: float
    geometric_sd: float
    lower: float = Field(description="Lower end of the 95 % interval of one house.")
    upper: float
    exceedance: dict[str, float] = Field(
        description="Probability of more, by threshold in the unit of the answer: 2, 2.7, 4 pCi/L "
        "and the action level.",
        examples=[{"2": 0.69, "2.7": 0.56, "4": 0.37}],
    )
    recommendation: Recommendation = Field(description="At the default costs.")


class CountyPage(Answer):
    """Counties of a state by FIPS code."""

    unit: Unit
    floor: Floor
    models: list[ModelLink] = Field(description="The models that answered.")
    count: int = Field(description="Number of counties, over all pages.")
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    items: list[CountyRow]

    def rows(self) -> Sequence[Answer]:
        """The counties."""
        return self.items
