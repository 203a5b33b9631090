"""A standard deviation or a correlation of random effects held, the effects standing first.

The factor T of the effects' covariance is written so that what is held is one of its elements: an
effect whose standard deviation is held stands first in its random term, where sd = sigma T_11; two
whose correlation is held stand first, where T_21 = d sin(a), T_22 = d cos(a) and the correlation is
sin(a). There T_11 and d must not change their signs, or the correlation would: they are squares.
All other elements are free reals: no bound is left.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from msgspec import Struct, structs

from engine.cholesky import semidefinite_root
from engine.criterion import Criterion, Evaluation
from engine.descent import Objective
from engine.fit import Fit
from engine.forms import form_of
from engine.inference.deviance import FAR, KnownSigma, Optimal
from engine.inference.parameters import NEGLIGIBLE
from engine.recombination import with_effects
from engine.table import Floats


class View(Struct, frozen=True, dict=True):
    """The model with the chosen effects first among those of their random term, in data units.

    Attributes:
        optimal: the ML fit.
        criterion: the deviance of T for the effects in this order.
        theta: its optimum.
        first: where the random term begins among all effects.
        lengths: longest columns of Z of a level for the chosen effects, which make them comparable.
    """

    optimal: Optimal
    criterion: Criterion
    theta: Floats
    first: int
    lengths: Floats

    @classmethod
    def of(cls, optimal: Optimal, leading: list[int]) -> View:
        """With one or two effects of one random term first, by their index among all effects."""
        criterion, structure = optimal.criterion, optimal.criterion.structure
        slices = _term_slices(optimal.fit)
        block = next(own for own in slices if own.start <= leading[0] < own.stop)
        order = [*leading, *(i for i in range(block.start, block.stop) if i not in leading)]
        back, basis = np.eye(structure.k), np.eye(structure.k)
        back[block, block] = optimal.fit.units.z_joint[order, block]
        basis[block, block] = np.linalg.inv(back[block, block])
        g = back @ optimal.covariance @ back.T
        t = np.zeros_like(g)
        for own in slices:
            t[own, own] = semidefinite_root(g[own, own])
        edges = np.cumsum([0, *(len(effects.terms) for effects in optimal.fit.random)]).tolist()
        bases = [basis[start:stop, start:stop] for start, stop in pairwise(edges)]
        blocks = with_effects(criterion.blocks, bases)
        view = form_of(blocks, structure, "ML")
        first = block.start
        squares = [
            np.einsum("ka,jkl,la->ja", own, group.zz, own).max(axis=0)
            for own, group in zip(bases, optimal.fit.products.groups, strict=True)
        ]
        lengths = np.sqrt(np.concatenate(squares)[first : first + len(leading)])
        return cls(optimal, view, structure.theta(t), first, lengths)

    def element(self, row: int, column: int) -> int:
        """Place in theta of an element of T, counted within the random term."""
        structure = self.criterion.structure
        here = (structure.rows == self.first + row) & (structure.cols == self.first + column)
        return int(np.flatnonzero(here)[0])

    def others(self, *held: int) -> list[int]:
        """Places in theta that stay free."""
        return [i for i in range(len(self.theta)) if i not in held]


def _term_slices(fit: Fit) -> list[slice]:
    """The effects of each random term among all."""
    edges = np.cumsum([0, *(size for effects in fit.random for size in effects.sizes)]).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


class Deviation(Struct, frozen=True, dict=True):
    """A standard deviation s: theta_1 = s / sigma, so that log sigma stands for theta_1."""

    view: View
    start: Floats
    at_optimum: float
    step: float
    limits: tuple[float, float] = (0.0, math.inf)
    can_vanish: bool = False

    @classmethod
    def of(cls, view: View) -> Deviation:
        """Of the effect that stands first."""
        sigma, own = view.optimal.sigma, view.element(0, 0)
        at = sigma * float(view.theta[own])
        start = np.append(view.theta[view.others(own)], math.log(sigma))
        # Where nothing is known of the size: as much as sigma, over the rows of a level.
        size = 0.3 * at if at > 0.0 else sigma / float(view.lengths[0])
        usual, t = math.log(sigma), len(start)
        here = KnownSigma(view.criterion, usual)(view.theta, usual)
        turn = np.zeros((t + 1, t + 1))  # d(theta, log sigma) / d(s, others, log sigma)
        turn[own, 0], turn[own, -1], turn[t, -1] = 1.0 / sigma, -view.theta[own], 1.0
        turn[view.others(own), range(1, t)] = 1.0
        step = size if here is None else _reach(turn.T @ here.hessian @ turn, size)
        return cls(view, start, at, step)

    def value(self, coordinate: float) -> float:
        """The standard deviation in the data's units."""
        return self.view.optimal.fit.units.y * coordinate

    def objective(self, coordinate: float) -> Objective:
        """The deviance of the other elements of theta, and log sigma."""
        usual = math.log(self.view.optimal.sigma)
        known, own = KnownSigma(self.view.criterion, usual), self.view.element(0, 0)
        others, t = self.view.others(own), len(self.view.theta)

        def evaluate(free: Floats) -> Evaluation | None:
            theta = np.empty(t)
            theta[others] = free[:-1]
            theta[own] = held = coordinate * math.exp(-min(max(free[-1], usual - FAR), usual + FAR))
            here = known(theta, float(free[-1]))
            if here is None:
                return None
            turn = np.zeros((t + 1, t))  # d(theta, log sigma) / d(free)
            turn[others, range(t - 1)] = 1.0
            turn[own, -1], turn[t, -1] = -held, 1.0
            hessian = turn.T @ here.hessian @ turn
            hessian[-1, -1] += held * here.gradient[own]
            return Evaluation(here.value, turn.T @ here.gradient, hessian)

        return evaluate


class Correlation(Struct, frozen=True, dict=True):
    """A correlation, by the angle whose sine it is: the second effect has the row d (sin, cos)."""

    view: View
    start: Floats
    at_optimum: float
    squares: tuple[int, int]
    """Places of T_11 and d among the free parameters, which hold their roots."""
    step: float = 0.3
    limits: tuple[float, float] = (-math.pi / 2.0, math.pi / 2.0)
    can_vanish: bool = True

    @classmethod
    def of(cls, view: View) -> Correlation | None:
        """``None`` where one of the effects does not vary at the optimum."""
        below, diagonal = (float(view.theta[view.element(1, c)]) for c in (0, 1))
        length = math.hypot(below, diagonal)
        sizes = view.lengths * np.abs([view.theta[view.element(0, 0)], length])
        if sizes.min() < NEGLIGIBLE:
            return None
        pair = [view.element(1, 0), view.element(1, 1)]
        others = view.others(*pair)
        squares = (others.index(view.element(0, 0)), len(others))
        free = np.append(view.theta[others], length)
        free[list(squares)] = np.sqrt(np.abs(free[list(squares)]))
        held = cls(view, free, math.atan2(below, diagonal), squares)
        here = view.criterion(view.theta)
        if here is None:
            return held
        along = np.zeros(len(view.theta))
        along[pair] = diagonal, -below
        turn = np.column_stack([along, held.turn(held.at_optimum)])
        return structs.replace(held, step=min(1.0, _reach(turn.T @ here.hessian @ turn, held.step)))

    def turn(self, coordinate: float) -> Floats:
        """Of the free parameters, T_11 and d as they are, to theta, (t, t - 1)."""
        view = self.view
        pair = [view.element(1, 0), view.element(1, 1)]
        turn = np.zeros((len(view.theta), len(self.start)))
        turn[view.others(*pair), range(len(self.start) - 1)] = 1.0
        turn[pair, -1] = math.sin(coordinate), math.cos(coordinate)
        return turn

    def value(self, coordinate: float) -> float:
        """The correlation."""
        return math.sin(coordinate)

    def objective(self, coordinate: float) -> Objective:
        """The deviance of the other elements of theta, and d."""
        turn, criterion, squares = self.turn(coordinate), self.view.criterion, list(self.squares)

        def evaluate(free: Floats) -> Evaluation | None:
            plain, slopes = free.copy(), np.ones(len(free))
            plain[squares], slopes[squares] = free[squares] ** 2, 2.0 * free[squares]
            here = criterion(turn @ plain)
            if here is None:
                return None
            gradient = turn.T @ here.gradient
            hessian = np.outer(slopes, slopes) * (turn.T @ here.hessian @ turn)
            hessian[squares, squares] += 2.0 * gradient[squares]
            return Evaluation(here.value, slopes * gradient, hessian)

        return evaluate


def _reach(hessian: Floats, otherwise: float) -> float:
    """Two standard errors of the first parameter, from the Hessian of the deviance in all."""
    rest = np.linalg.pinv(hessian[1:, 1:], rcond=1e-8, hermitian=True)
    left = float(hessian[0, 0] - hessian[0, 1:] @ rest @ hessian[1:, 0])
    return min(2.0 * math.sqrt(2.0 / left), 2.0 * otherwise) if left > 0.0 else otherwise
