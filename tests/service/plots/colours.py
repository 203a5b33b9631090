"""Colours as they are seen: how light they are, and what is left of them for the colour-blind."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Channels: TypeAlias = np.ndarray
"""Red, green and blue, from 0 to 1, in proportion to light: shape (3,)."""

# Machado, Oliveira and Fernandes (2009), severity 1: what who lacks one kind of cone sees.
BLIND = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}

_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour: str) -> Channels:
    """Return the light of a colour that is written ``#rrggbb`` or ``white``."""
    text = {"white": "#ffffff"}.get(colour, colour)
    coded = np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def lab(light: Channels) -> np.ndarray:
    """Return CIE L*a*b* under D65: distances in it are about as large as they look."""
    scaled = _XYZ @ light / (_XYZ @ np.ones(3))
    root = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def lightness(colour: str) -> float:
    """Return L*, which is what greyscale leaves: 0 is black, 100 white."""
    return float(lab(linear(colour))[0])


def distance(one: str, other: str, blindness: str) -> float:
    """Return how far apart two colours look to who sees like this."""
    seen = np.array(BLIND[blindness])
    ends = (lab(np.clip(seen @ linear(colour), 0, 1)) for colour in (one, other))
    first, second = ends
    return float(np.linalg.norm(first - second))
