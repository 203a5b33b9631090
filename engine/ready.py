"""The lines of all levels of one grouping factor, kept ready."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.joint import Joint
from engine.lines import Lines
from engine.table import Floats


class Ready(Struct, frozen=True):
    """What the lines of L levels are made of; the last entry, index -1, is that of a new level.

    Attributes:
        modes: effects of a level, (L + 1, k).
        covariances: of the errors of beta and of these effects, (L + 1, p + k, p + k).
    """

    modes: Floats
    covariances: Floats

    @classmethod
    def of(cls, joint: Joint) -> Ready:
        """Of the joint covariances of all levels."""
        p, (n_levels, k) = len(joint.fixed), joint.modes.shape
        covariances = np.zeros((n_levels + 1, p + k, p + k))
        covariances[:, :p, :p] = joint.fixed
        covariances[:-1, :p, p:] = joint.cross
        covariances[:-1, p:, :p] = np.swapaxes(joint.cross, 1, 2)
        covariances[:-1, p:, p:] = joint.effects
        covariances[-1, p:, p:] = joint.between
        return cls(np.append(joint.modes, np.zeros((1, k)), axis=0), covariances)

    def lines(self, beta: Floats, x: Floats, z: Floats, index: NDArray[np.intp]) -> Lines:
        """Estimates and variances of rows, in the pilots' units."""
        estimate = x @ beta + (z * self.modes[index]).sum(axis=1)
        both = np.concatenate((x, z), axis=1)
        variance = ((both[:, None, :] @ self.covariances[index])[:, 0, :] * both).sum(axis=1)
        return Lines(estimate, np.maximum(variance, 0.0))
