"""The profiled criterion of huge crossed designs, by conjugate gradients and stochastic traces.

The criterion is that of ``engine.criterion``. With x = A^-1 Lambda'Z'[X y] the cross-products after
whitening are D = [X y]'V^-1[X y] = [X y]'V_1^-1[X y] - b'S^-1 b (b what the rest is left of
Lambda'Z'[X y] by elimination), exact to the tolerance of the iterations, and so are beta, its
covariance, sigma and the modes given theta. log|A| and the traces of A^-1 are estimates.

In phi = log theta, with x R^-1 = [h u] by blocks, weights c for u and 1 (REML) or 0 for h:

    d criterion / d phi_f = 2 (q_f - tr(A^-1)_ff) - 2 sum_columns weight |[h u]_f|^2
    information_fg = 4 c (v_f'v_g - v_f'A^-1 v_g - (h'v_f)'(h'v_g))

where v_f is u in the block of f and zero elsewhere; with log sigma 4 c |u_f|^2, and 4 c of itself:
the average information (Gilmour, Thompson, Cullis 1995, Biometrics 51, 1440).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct, field, structs

from engine.cholesky import dense_cholesky, triangular_inverse
from engine.criterion import Criterion, Factorised
from engine.errors import LimitError, Problem
from engine.iterative.blocks import IterativeBlocks
from engine.iterative.deflation import Deflated, leading_space
from engine.iterative.operator import Operator, product, transposed
from engine.iterative.traces import Estimate, Probed, Traces, probes
from engine.table import Floats

SEED = 20_220_501
EXACT, PROBE, ROUGH = 1e-10, 1e-6, 1e-4
"""Tolerances of the iterations: of what is exact, of the probes, and of the information."""


class IterativeFactor(Factorised, frozen=True):
    """What was solved at one theta; ``log_det`` is an estimate.

    Attributes:
        space: the operator, with its leading directions taken out.
        solutions: A^-1 Lambda'Z'[X y], (levels, p + 1) of each factor.
        traces: what the probes tell.
        determinant: log|A| and its draws.
    """

    space: Deflated
    solutions: tuple[Floats, ...]
    traces: Traces
    determinant: Estimate


class Slope(Struct, frozen=True):
    """Derivatives in the logarithm of theta.

    Attributes:
        gradient: (f,).
        covariance: of the gradient, by the spread of the probes.
        joint: the average information, sigma as the last parameter, (f + 1, f + 1).
        pairs: [2 h'h]_f, (f, p, p).
    """

    gradient: Floats
    covariance: Floats
    joint: Floats
    pairs: Floats

    @property
    def information(self) -> Floats:
        """With sigma profiled out, (f, f)."""
        k = self.joint[:-1, -1]
        return np.asarray(self.joint[:-1, :-1] - np.outer(k, k) / self.joint[-1, -1])


class Space(Struct, dict=True):
    """What stays the same whatever theta is: the leading directions and the probes.

    Attributes:
        count: number of probes.
        basis: V; made at the first theta.
        last: what was solved last.
    """

    count: int = 16
    basis: Floats | None = None
    last: tuple[int, IterativeFactor] | None = None

    def enlarge(self, count: int) -> None:
        """Take so many probes, and half as many leading directions."""
        self.count, self.basis, self.last = count, None, None

    def held(self, theta: Floats) -> IterativeFactor | None:
        """What was solved last, if it was at theta with as many probes."""
        if self.last is None or self.last[0] != self.count:
            return None
        factor = self.last[1]
        return factor if np.array_equal(factor.t.diagonal(), theta) else None


class IterativeCriterion(Criterion, frozen=True, dict=True):
    """The profiled criterion of a model with several grouping factors of one effect each."""

    blocks: IterativeBlocks
    space: Space = field(default_factory=Space)

    def factorise(self, theta: Floats) -> IterativeFactor | None:
        """Solve at theta; ``None`` where D is not numerically positive definite."""
        held = self.space.held(theta)
        if held is None:
            self.space.last = None  # its memory is needed
            held = self._solved(theta)
            self.space.last = None if held is None else (self.space.count, held)
        return held

    def _solved(self, theta: Floats) -> IterativeFactor | None:
        blocks = self.blocks
        operator = Operator.of(blocks, theta)
        if self.space.basis is None:
            self.space.basis = leading_space(operator, self.space.count // 2, SEED)
        space = Deflated.of(operator, self.space.basis)
        rhs = self._eliminated(operator, theta[0] * blocks.first_products, self._rest(theta))
        signs = probes(space, self.space.count, SEED + 1)
        exact = rhs.shape[1]
        both = np.hstack([space.gathered(rhs), signs])
        tolerance = np.append(np.full(exact, EXACT), np.full(signs.shape[1], PROBE))
        solved = space.solve(both, tolerance)
        if not solved.converged:
            raise slow()
        x = space.whole(rhs, solved.x[:, :exact])
        flat = blocks.inner[:, 0] / np.sqrt(operator.a)[:, None]
        # b'x + x'b - x'B x errs by the square of the error of x
        half = rhs.T @ x
        d = blocks.within + flat.T @ flat - (half + half.T - x.T @ operator.times(x))
        upper = dense_cholesky((d + d.T) / 2.0)
        if upper is None or not np.isfinite(upper[-1, -1]):
            return None
        traces = Traces(
            space, Probed(signs, solved.x[:, exact:], solved.log_forms(slice(exact, None)))
        )
        determinant = traces.log_det()
        return IterativeFactor(
            np.diag(theta),
            blocks.root,
            blocks.inner,
            upper,
            float(determinant.value[0]),
            space,
            self._back(operator, theta[0] * blocks.first_products, x),
            traces,
            determinant,
        )

    def slope(self, factor: IterativeFactor) -> Slope:
        """Gradient and information in the logarithm of theta."""
        inverse = triangular_inverse(factor.upper)
        hu = [x @ inverse for x in factor.solutions]
        lengths = np.array([np.square(own).sum(axis=0) for own in hu])
        traces = factor.traces.inverse()
        gradient = 2.0 * (np.array(self.blocks.levels) - traces.value)
        gradient -= 2.0 * lengths @ self.weight
        pairs = np.array([2.0 * own[:, :-1].T @ own[:, :-1] for own in hu])
        joint = self._information(factor, hu, lengths[:, -1])
        return Slope(gradient, 4.0 * traces.covariance, joint, pairs)

    @property
    def weight(self) -> Floats:
        """How often each column of [h u] counts."""
        weight = np.full(self.blocks.p + 1, 1.0 if self.reml else 0.0)
        weight[-1] = self.count
        return weight

    def _information(self, factor: IterativeFactor, hu: list[Floats], squares: Floats) -> Floats:
        blocks, n = self.blocks, len(hu)
        operator = factor.space.operator
        u = [own[:, -1] for own in hu]
        first = np.zeros((len(u[0]), n))
        first[:, 0] = u[0]
        rest = np.zeros((len(operator.p), n))
        for f, span in enumerate(blocks.spans, start=1):
            rest[span, f] = u[f]
        rhs = self._eliminated(operator, first, rest)
        solved = factor.space.solve(factor.space.gathered(rhs), np.full(n, ROUGH))
        x = self._back(operator, first, factor.space.whole(rhs, solved.x))
        moved = np.array([own @ x_f for own, x_f in zip(u, x, strict=True)])
        fixed = np.array([own[:, :-1].T @ own[:, -1] for own in hu])
        joint = np.empty((n + 1, n + 1))
        joint[:n, :n] = np.diag(squares) - (moved + moved.T) / 2.0 - fixed @ fixed.T
        joint[n, :n] = joint[:n, n] = squares
        joint[n, n] = 1.0
        return 4.0 * self.count * joint

    def _rest(self, theta: Floats) -> Floats:
        """Lambda_2'Z_2'[X y]."""
        return np.repeat(theta[1:], self.blocks.levels[1:])[:, None] * self.blocks.rest_products

    def _eliminated(self, operator: Operator, first: Floats, rest: Floats) -> Floats:
        """The right-hand side of B, P^-1/2 (rest - A_21 A_11^-1 first)."""
        across = first * (operator.left / np.sqrt(operator.a))[:, None]
        met = operator.right[:, None] * transposed(self.blocks.cross, across)
        return np.asarray(rest / np.sqrt(operator.p)[:, None] - met)

    def _back(self, operator: Operator, first: Floats, x: Floats) -> tuple[Floats, ...]:
        """The solution of A of each factor, from that of B."""
        met = operator.left[:, None] * product(self.blocks.cross, operator.right[:, None] * x)
        own = first / operator.a[:, None] - met / np.sqrt(operator.a)[:, None]
        rest = x / np.sqrt(operator.p)[:, None]
        return (own, *(rest[span] for span in self.blocks.spans))

    def modes(self, factor: Factorised, beta: Floats) -> list[tuple[Floats, Floats]]:
        """Conditional modes (J_f, 1), exact, and relative variances (J_f, 1, 1), estimates."""
        if not isinstance(factor, IterativeFactor):
            raise TypeError("an iterative criterion takes a factor of its own")
        residual = np.append(-beta, 1.0)
        out = []
        for theta, x, (diagonal, _) in zip(
            factor.t.diagonal(), factor.solutions, factor.traces.diagonals, strict=True
        ):
            conditional = theta**2 * np.clip(diagonal, 0.0, 1.0)
            out.append((theta * (x @ residual)[:, None], conditional[:, None, None]))
        return out

    def with_method(self, method: Literal["REML", "ML"]) -> IterativeCriterion:
        """The other criterion of the same model."""
        return structs.replace(self, method=method)


def slow() -> LimitError:
    """The iterations do not end."""
    return LimitError(
        Problem(
            "slow_iterations",
            "the equations of the random effects are too ill-conditioned for iterations",
            "use a coarser factor or fewer crossed factors",
            ("formula",),
        )
    )
