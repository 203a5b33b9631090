"""The step of a trust region: the lowest point of a quadratic model within a radius.

Nocedal, Wright 2006, Numerical Optimization, chapter 4: Newton's step where the Hessian is positive
definite and the step is short enough; else the point on the sphere, by an eigendecomposition and
Newton's method on the secular equation (More, Sorensen 1983, SIAM J. Sci. Stat. Comput. 4, 553).

The model is one in theta, or one in M where T becomes T M, lower triangular with the exponential of
its parameters on the diagonal. Far from the optimum the criterion is a function of the logarithms
of sizes rather than of sizes, and there a step in theta goes much too far; near a boundary, where a
size is zero, it is the other way round.
"""

from __future__ import annotations

import math

import numpy as np
import scipy

from engine.criterion import Evaluation, Structure
from engine.table import Floats

FLAT = 1e-12
"""A curvature less than this part of the largest is none."""
SAFE = 1e-9
"""A pivot of the Hessian less than this part of the largest element is looked at more closely."""
FARTHEST = 3.0
"""No relative step is longer: a size changes by a factor of e^3 at most."""
ON_SPHERE = 1e-3
"""How far from the sphere, relative to its radius, a point on it may be."""


def step_within(here: Evaluation, radius: float) -> tuple[Floats, float]:
    """The step that minimises the quadratic model within the radius, and the gain it promises."""
    gradient, hessian = here.gradient, here.hessian
    if len(gradient) == 1:
        slope, curve = float(gradient[0]), float(hessian[0, 0])
        if curve > FLAT and abs(slope) <= radius * curve:
            return np.array([-slope / curve]), 0.5 * slope * slope / curve
    elif (newton := _newton(gradient, hessian)) is not None:
        promised = -0.5 * float(gradient @ newton)
        if length(newton) <= radius:
            return newton, promised
    return _by_eigenvectors(gradient, hessian, radius)


def relative_step(
    structure: Structure, theta: Floats, here: Evaluation, radius: float
) -> tuple[Floats, float, float]:
    """The point T M of the lowest point of the model in M, the gain it promises, its length."""
    padded = np.zeros(len(theta) + 1)
    padded[:-1] = theta
    by = padded[structure.relative]
    gradient = by.T @ here.gradient
    hessian = by.T @ here.hessian @ by
    own = structure.on_diagonal
    hessian[own, own] += gradient[own]  # the second derivative of exp is itself
    step, promised = step_within(Evaluation(here.value, gradient, hessian), min(radius, FARTHEST))
    size = length(step)
    step[own] = np.exp(step[own])
    return by @ step, promised, size


def length(step: Floats) -> float:
    """The Euclidean norm."""
    return math.sqrt(float(step @ step))


def _newton(gradient: Floats, hessian: Floats) -> Floats | None:
    """Newton's step; ``None`` where the Hessian is not clearly positive definite."""
    factor, step, info = scipy.linalg.lapack.dposv(hessian, -gradient)
    if info:
        return None
    pivots = factor.diagonal().tolist()
    if min(pivots) ** 2 <= SAFE * max(1.0, max(pivots) ** 2):
        return None
    return np.asarray(step)


def _by_eigenvectors(gradient: Floats, hessian: Floats, radius: float) -> tuple[Floats, float]:
    curvature, axes, info = scipy.linalg.lapack.dsyev(hessian)
    if info:
        curvature, axes = np.linalg.eigh(hessian)
    slope = axes.T @ gradient
    lowest, largest = float(curvature[0]), max(1.0, -float(curvature[0]), float(curvature[-1]))
    if lowest > FLAT * largest:
        move = -slope / curvature
        if length(move) <= radius:
            return axes @ move, -0.5 * float(slope @ move)
    slopes = slope.tolist()
    if lowest >= -1e-7 * largest and max(map(abs, slopes)) < 1e-7:
        return np.zeros_like(slope), 0.0
    move = np.array(_on_sphere(slopes, curvature.tolist(), radius))
    return axes @ move, -float(slope @ move + 0.5 * (curvature * move) @ move)


def _on_sphere(slope: list[float], curvature: list[float], radius: float) -> list[float]:
    """Minimise slope'm + m'diag(curvature)m / 2 with |m| = radius, curvature ascending.

    m = -slope / (curvature + mu); from a mu where |m| is no less than the radius Newton's method
    on 1 / radius - 1 / |m| comes to the root from below.
    """
    low = max(0.0, -curvature[0])
    low += 1e-10 * max(1.0, low)
    at_low = [-g / (c + low) for g, c in zip(slope, curvature, strict=True)]
    rest = radius * radius - sum(m * m for m in at_low)
    if rest > 0.0:  # the hard case: make up the length along the lowest axis
        at_low[0] = math.copysign(math.sqrt(rest + at_low[0] ** 2), at_low[0])
        return at_low
    mu = max(low, *(abs(g) / radius - c for g, c in zip(slope, curvature, strict=True)))
    for _ in range(50):
        square = cube = 0.0
        for g, c in zip(slope, curvature, strict=True):
            part = g / (c + mu)
            square += part * part
            cube += part * part / (c + mu)
        norm = math.sqrt(square)
        if norm <= radius * (1.0 + ON_SPHERE):
            break
        mu += square / cube * (norm - radius) / radius
    scale = min(1.0, radius / norm)
    return [-g / (c + mu) * scale for g, c in zip(slope, curvature, strict=True)]
