"""Sums of rows at several places, added: levels are united, shifts and units made equal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from msgspec import Struct

from engine.cooccurrence import Cooccurrence
from engine.crossproducts import CrossProducts, GroupProducts
from engine.design import Design
from engine.summaries.axes import Axis, Index, Moments, Move
from engine.summaries.basis import anchors, coded_columns, places
from engine.summaries.doubled import Doubled

Key = tuple[str, ...]
"""A level of a grouping factor: one text for each column that the factor is made of."""


class PartSums(Struct, frozen=True):
    """Cross-products of the columns of a design of indicators.

    Attributes:
        design: every factor by all of its indicators; grouping factors in the formula's order.
        products: the sums.
        keys: the levels of each grouping factor, sorted.
    """

    design: Design
    products: CrossProducts
    keys: tuple[tuple[Key, ...], ...]


def pooled(design: Design, parts: Sequence[PartSums]) -> PartSums:
    """The sums of all rows of the parts, in the columns of ``design``, which has all their levels.

    Everything is added with twice the digits of a double and rounded once.
    """
    n_groups = len(design.groupings)
    keys = tuple(
        tuple(sorted({k for part in parts for k in part.keys[g]})) for g in range(n_groups)
    )
    seats = _seats(keys, parts)
    m_axis, m_moves = _m_axis(design, parts)
    z = [_z_axis(design, g, parts) for g in range(n_groups)]
    mm = Doubled.zeros(1, len(m_axis.anchor), len(m_axis.anchor))
    for part, move in zip(parts, m_moves, strict=True):
        mm.gather(np.zeros(1, np.intp), move.across(part.products.mm[None], move))
    groups = tuple(
        _group(parts, g, keys[g], [own[g] for own in seats], z[g], m_moves) for g in range(n_groups)
    )
    meetings = tuple(
        _meeting(parts, index, pair, seats, keys, z)
        for index, pair in enumerate(combinations(range(n_groups), 2))
    )
    products = CrossProducts(
        n=sum(part.products.n for part in parts),
        log_weights=math.fsum(part.products.log_weights for part in parts),
        mm=mm.value[0],
        pilot=m_axis.pilot,
        groups=groups,
        meetings=meetings,
    )
    return PartSums(design, products, keys)


def _seats(keys: Sequence[Sequence[Key]], parts: Sequence[PartSums]) -> list[list[Index]]:
    """Where the levels of each part stand among all, by part and grouping factor."""
    seat = [{key: j for j, key in enumerate(own)} for own in keys]
    return [
        [
            np.array([of[key] for key in own], np.intp)
            for of, own in zip(seat, part.keys, strict=True)
        ]
        for part in parts
    ]


def _m_axis(design: Design, parts: Sequence[PartSums]) -> tuple[Axis, list[Move]]:
    """The columns of M = [1 X y]."""
    fixed = design.fixed
    first = 0 if fixed.intercept else 1  # the constant stands in M, be it in X or not
    size = first + len(fixed.names) + 1
    moments = []
    for part in parts:
        own, mm = part.design.fixed, part.products.mm
        at = np.concatenate([np.arange(first), first + places(own, fixed), [size - 1]])
        moments.append(
            Moments.of(at, size, part.products.pilot, float(mm[0, 0]), (mm[0], mm.diagonal()))
        )
    anchor = np.full(size, 0 if fixed.constant() else -1, np.intp)
    axis = Axis.pooled(moments, anchor, [True] * first + [*coded_columns(fixed), False])
    return axis, [axis.move(each) for each in moments]


def _z_axis(design: Design, g: int, parts: Sequence[PartSums]) -> tuple[Axis, list[Move]]:
    """The columns of Z of one grouping factor."""
    grouping = design.groupings[g]
    size = len(grouping.names)
    moments = []
    for part in parts:
        its, zz = part.design.groupings[g], part.products.groups[g].zz.sum(axis=0)
        at, start = [], 0
        for own, wider in zip(its.terms, grouping.terms, strict=True):
            at.append(start + places(own, wider))
            start += len(wider.names)
        sums = np.where(anchors(its) < 0, 0.0, zz[anchors(its), np.arange(len(zz))])
        weight = float(part.products.mm[0, 0])
        pilot = part.products.groups[g].pilot
        moments.append(Moments.of(np.concatenate(at), size, pilot, weight, (sums, zz.diagonal())))
    coded = [column for term in grouping.terms for column in coded_columns(term)]
    axis = Axis.pooled(moments, anchors(grouping), coded)
    return axis, [axis.move(each) for each in moments]


def _group(
    parts: Sequence[PartSums],
    g: int,
    keys: Sequence[Key],
    seats: Sequence[Index],
    z: tuple[Axis, list[Move]],
    m_moves: Sequence[Move],
) -> GroupProducts:
    axis, z_moves = z
    k, m = len(axis.anchor), len(m_moves[0].ratio)
    rows = np.zeros(len(keys), np.int64)
    zz, zm = Doubled.zeros(len(keys), k, k), Doubled.zeros(len(keys), k, m)
    for part, seat, own, its in zip(parts, seats, z_moves, m_moves, strict=True):
        group = part.products.groups[g]
        rows[seat] += group.rows
        zz.gather(seat, own.across(group.zz, own))
        zm.gather(seat, own.across(group.zm, its))
    name = parts[0].products.groups[g].name
    return GroupProducts(name, tuple(map(":".join, keys)), rows, zz.value, zm.value, axis.pilot)


def _meeting(
    parts: Sequence[PartSums],
    index: int,
    pair: tuple[int, int],
    seats: Sequence[Sequence[Index]],
    keys: Sequence[Sequence[Key]],
    z: Sequence[tuple[Axis, list[Move]]],
) -> Cooccurrence:
    a, b = pair
    width = len(keys[b])
    meetings = [part.products.meetings[index] for part in parts]
    wide = [
        own[a][meeting.rows] * width + own[b][meeting.columns]
        for own, meeting in zip(seats, meetings, strict=True)
    ]
    cells = np.unique(np.concatenate(wide))
    values = Doubled.zeros(len(cells), len(z[a][0].anchor), len(z[b][0].anchor))
    for meeting, own, left, right in zip(meetings, wide, z[a][1], z[b][1], strict=True):
        values.gather(np.searchsorted(cells, own), left.across(meeting.values, right))
    rows, columns = np.divmod(cells, width)
    return Cooccurrence(a, b, rows, columns, values.value)
