"""What the search for theta did, and whether its end can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.criterion import Structure
from engine.descent import Optimum
from engine.randomeffects import RandomEffects


@dataclass(frozen=True, slots=True)
class Convergence:
    """What the search for theta did and whether its end can be trusted.

    Attributes:
        converged: a stationary point from which no direction goes down.
        boundary: a variance is zero or a correlation is at -1 or 1 (lme4's singular fit); a result,
            not an error.
        evaluations: of the criterion.
        starts: searches followed to their end.
        gradient_norm: the largest element of the gradient at theta.
        messages: what a reader should know, in words.
    """

    converged: bool
    boundary: bool
    evaluations: int
    starts: int
    gradient_norm: float
    messages: tuple[str, ...]


def convergence_of(
    optimum: Optimum, structure: Structure, random: Sequence[RandomEffects]
) -> Convergence:
    """The record of a search that ended at an optimum, whose random effects are these."""
    messages = []
    if not optimum.converged:
        messages.append("the search stopped before it reached an optimum: do not rely on this fit")
    boundary = False
    diagonal = iter((optimum.theta[structure.diagonal] == 0.0).tolist())
    for effects in random:
        for name, at_zero, vanishes in zip(
            effects.terms,
            [next(diagonal) for _ in effects.terms],
            effects.covariance.diagonal() == 0.0,
            strict=True,
        ):
            boundary |= bool(at_zero)
            if vanishes:
                messages.append(
                    f"the variance of {name} by {effects.group} is at its boundary, zero"
                )
            elif at_zero:
                messages.append(
                    f"{name} by {effects.group} is a linear function of the effects before it "
                    "(a correlation is at its boundary)"
                )
    if optimum.approximation is not None:
        messages.append(optimum.approximation.message())
    if optimum.optima > 1:
        messages.append(f"the criterion has {optimum.optima} local optima; this is the lowest")
    return Convergence(
        optimum.converged,
        boundary,
        optimum.evaluations,
        optimum.starts,
        optimum.gradient_norm,
        tuple(messages),
    )
