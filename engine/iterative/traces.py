"""log|A| and the traces and diagonals of A^-1: exact in part, and the rest from random probes.

For probes z of random signs, what is orthogonal to V of them called z too, and w = B_c^-1 z,

    log|B_c| = E z'log(B_c) z,    tr(M B^-1) = tr(K^-1 V'MV) + E (T w)'M (T z)

(Hutchinson 1990; Ubaru, Chen, Saad 2017, SIAM J. Matrix Anal. Appl. 38, 1075). B_c is near I, so
what it is to zeroth and to first order in R_c = I - B_c is taken from every probe and added as its
exact expectation, for which only the diagonal of R is needed: a control variate without a
coefficient. What remains is of second order. The same probes serve every theta, so that what is
estimated is a smooth function of theta.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from msgspec import Struct

from engine.iterative.deflation import Deflated
from engine.table import Floats


class Probed(Struct, frozen=True):
    """What the probes have found at one theta.

    Attributes:
        z: probes orthogonal to V, (q, s).
        w: B_c^-1 z.
        logs: z'log(B_c) z, (s,).
    """

    z: Floats
    w: Floats
    logs: Floats


class Estimate(Struct, frozen=True):
    """Estimates with the draws that they are means of.

    Attributes:
        value: the means, (c,).
        draws: one row for each probe, (s, c).
    """

    value: Floats
    draws: Floats

    @classmethod
    def of(cls, exact: Floats, draws: Floats) -> Estimate:
        """What is known plus the mean of what is drawn."""
        return cls(exact + draws.mean(axis=0), draws)

    @property
    def covariance(self) -> Floats:
        """Of the means, by the spread of the draws, (c, c)."""
        centred = self.draws - self.draws.mean(axis=0)
        s = len(centred)
        return np.asarray(centred.T @ centred / (s * (s - 1)))


def probes(space: Deflated, count: int, seed: int) -> Floats:
    """Random signs, what of them is orthogonal to V, (q, s)."""
    draw = np.random.default_rng(seed)
    signs = draw.integers(0, 2, size=(len(space.operator.p), count)).astype(np.float64)
    return space.orthogonal(2.0 * signs - 1.0)


class Traces:
    """Estimates at one theta, of what the probes have found."""

    def __init__(self, space: Deflated, probed: Probed) -> None:
        self._space, self._probed = space, probed
        self._operator = space.operator
        self._diagonal = self._operator.diagonal()
        self._lead = space.l - self._operator.times(space.l)  # R L
        self._gram = space.l.T @ self._lead  # L'R L
        self._square = space.l.T @ space.l
        self._first = probed.z - space.times(probed.z)  # R_c z
        self._spread_z = space.spread(probed.z)
        self._spread_w = space.spread(probed.w)
        self._spread_first = space.spread(self._first)
        self._spread_j = space.spread(space.j)

    def log_det(self) -> Estimate:
        """log|A|, one element."""
        operator, space, probed = self._operator, self._space, self._probed
        log_det = space.log_det + np.log(operator.a).sum() + np.log(operator.p).sum()
        own = space.v - space.moved  # R V
        trace = self._diagonal.sum() - np.vdot(space.v, own)
        trace += np.trace(space.within(space.j.T @ space.j))
        draws = probed.logs + np.einsum("qs,qs->s", probed.z, self._first)
        return Estimate.of(np.array([log_det - trace]), draws[:, None])

    def inverse(self) -> Estimate:
        """The trace of each factor's block of A^-1, (f,)."""
        exact, draws = self._of_first()
        values, columns = [exact], [draws]
        for span in self._operator.blocks.spans:
            exact, draws = self._of_rest(span)
            values.append(exact)
            columns.append(draws)
        return Estimate.of(np.array(values), np.column_stack(columns))

    def _of_rest(self, span: slice) -> tuple[float, Floats]:
        """M = 1 / P within a factor: nothing is left of order zero, and order one is known."""
        space, m = self._space, 1.0 / self._operator.p[span]
        v, lower, lead = space.v[span], space.l[span], self._lead[span]
        mv = m[:, None] * v
        vmv = v.T @ mv
        mj = self._spread_j[span]
        zeroth = m.sum() - 2.0 * np.vdot(lower, mv) + np.vdot(vmv, self._square)
        first = m @ self._diagonal[span] - 2.0 * np.vdot(lead, mv) + np.vdot(self._gram, vmv)
        first += np.trace(space.within(mj.T @ (m[:, None] * mj)))
        remainder = self._spread_w[span] - self._spread_z[span] - self._spread_first[span]
        draws = np.einsum("q,qs,qs->s", m, remainder, self._spread_z[span])
        return float(np.trace(space.within(vmv)) + zeroth + first), draws

    def _of_first(self) -> tuple[float, Floats]:
        """M = W'a^-1 W: order zero is known."""
        operator, space = self._operator, self._space
        inverse = 1.0 / operator.a
        wv = operator.across(space.v)
        mv = operator.across_transposed(inverse[:, None] * wv)
        vmv = wv.T @ (inverse[:, None] * wv)
        zeroth = operator.weighted_squares()
        zeroth += float(np.vdot(vmv, self._square)) - 2.0 * float(np.vdot(space.l, mv))
        of_z = operator.across(self._spread_z)
        of_rest = operator.across(self._spread_w - self._spread_z)
        draws = np.einsum("q,qs,qs->s", inverse, of_rest, of_z)
        return float(inverse.sum() + np.trace(space.within(vmv)) + zeroth), draws

    @cached_property
    def diagonals(self) -> list[tuple[Floats, Floats]]:
        """The diagonal of each factor's block of A^-1 and its standard error, (levels,) each.

        (Bekas, Kokiopoulou, Saad 2007, Appl. Numer. Math. 57, 1214, with the same expectations.)
        """
        operator, space = self._operator, self._space
        inverse = 1.0 / operator.a
        wv, wl = operator.across(space.v), operator.across(space.l)
        exact = 1.0 + np.einsum("jk,jk->j", wv, space.within(wv.T).T) + operator.squares()
        exact += np.einsum("jk,jk->j", wv @ self._square, wv) - 2.0 * np.einsum("jk,jk->j", wv, wl)
        draws = operator.across(self._spread_z)
        draws *= operator.across(self._spread_w - self._spread_z)
        out = [_settled(inverse, exact, draws)]
        v, lower = space.v, space.l
        exact = 1.0 + self._diagonal + np.einsum("qk,qk->q", v, space.within(v.T).T)
        exact += np.einsum("qk,qk->q", v @ (self._square + self._gram), v)
        exact -= 2.0 * np.einsum("qk,qk->q", v, lower + self._lead)
        mj = self._spread_j
        exact += np.einsum("qk,qk->q", mj, space.within(mj.T).T)
        draws = self._spread_z * (self._spread_w - self._spread_z - self._spread_first)
        for span in operator.blocks.spans:
            out += [_settled(1.0 / operator.p[span], exact[span], draws[span])]
        return out


def _settled(scale: Floats, exact: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """The scaled means and standard errors over the probes of each row."""
    error = draws.std(axis=1, ddof=1) / np.sqrt(draws.shape[1])
    return scale * (exact + draws.mean(axis=1)), scale * error
