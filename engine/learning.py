"""How stateful calls get their constants from a scan: some sums in every pass over the rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field

from engine import expression
from engine.batches import Batch
from engine.expression import Call, Expr
from engine.groupmeans import MAX_MEANS, too_many_means
from engine.groups import GroupCodes
from engine.levels import Levels
from engine.state import GroupMeans, Over, State, Vector, combined
from engine.table import Codes

Pass: TypeAlias = Callable[[], Iterable[Batch]]
"""Goes over the rows of a fit once."""


class Learned(Struct):
    """What the calls of some expressions have learned.

    Attributes:
        levels: of the columns that are read as factors.
        states: by the text of the call.
        groups: of each call of ``ave``.
        by_code: its means by the code of the group.
    """

    levels: Mapping[str, Levels]
    states: dict[str, State] = field(default_factory=dict)
    groups: dict[str, GroupCodes] = field(default_factory=dict)
    by_code: dict[str, Vector] = field(default_factory=dict)

    @classmethod
    def over(cls, exprs: Iterable[Expr], levels: Mapping[str, Levels], rows: Pass) -> Learned:
        """Learn everything; there is no pass when there is nothing to learn.

        Raises:
            DataError: as ``engine.expression.learn``.
            LimitError: more group means than are kept.
        """
        waiting = {
            expression.text(call): call
            for expr in exprs
            for call in expression.stateful_calls(expr)
        }
        learned = cls(levels)
        while waiting:
            ready = {
                name: call
                for name, call in waiting.items()
                if {*expression.stateful(call)} - {name} <= learned.states.keys()
            }
            with np.errstate(all="ignore"):
                learned._together(ready, rows)
            waiting = {name: call for name, call in waiting.items() if name not in ready}
        return learned

    def means(self, codes: Mapping[str, Codes]) -> dict[str, Vector]:
        """The values of the calls of ``ave`` for rows of these codes."""
        return {name: own[self.groups[name].codes(codes)] for name, own in self.by_code.items()}

    def _together(self, calls: Mapping[str, Call], rows: Pass) -> None:
        """Learn calls of which none needs another: all ask for one thing in each pass."""
        learning = {name: self._learning(name, call) for name, call in calls.items()}
        asked = {name: next(each) for name, each in learning.items()}
        while asked:
            found: dict[str, Vector] = {}
            for batch in rows():
                means = self.means(batch.codes)
                for name, over in asked.items():
                    new = over.rows(self._argument(name, calls[name], batch, means))
                    found[name] = over.merge(found[name], new) if name in found else new
            following = {}
            for name in asked:
                try:
                    following[name] = learning[name].send(found[name])
                except StopIteration as done:
                    self.states[name] = done.value
            asked = following

    def _argument(self, name: str, call: Call, batch: Batch, means: Mapping[str, Vector]) -> Vector:
        """What a call works on, (n,); for ``ave`` also the group of each row, (2, n)."""
        x = expression.evaluate(call.arguments[0], batch.frame.numbers, self.states, means=means)
        if call.function != "ave":
            return x
        codes = self.groups[name].codes(batch.codes)
        if int(codes.max()) >= MAX_MEANS:
            raise too_many_means()
        return np.array([x, codes])

    def _learning(self, name: str, call: Call) -> Generator[Over, Vector, State]:
        if call.function != "ave":
            return expression.learning(call)
        columns = expression.groups(call, learned=True)
        self.groups[name] = GroupCodes(columns, self.levels)
        return self._learning_means(name)

    def _learning_means(self, name: str) -> Generator[Over, Vector, GroupMeans]:
        """As ``GroupMeans.learn``: sums about the mean of all, then about those of the groups."""
        count, total = yield Over(lambda rows: np.array([rows.shape[1], rows[0].sum()]))
        overall = float(total / count)
        sums = yield Over(lambda rows: _by_group(rows, overall), _padded_sum)
        with np.errstate(invalid="ignore"):
            means = overall + sums[1] / sums[0]
        rest = yield Over(lambda rows: _by_group(rows, means), _padded_sum)
        with np.errstate(invalid="ignore"):
            mended = means + rest[1] / rest[0]
        self.by_code[name] = mended
        used = np.flatnonzero(sums[0])
        codes, levels = combined(self.groups[name].factors(used))
        ordered = np.empty(len(levels))
        ordered[codes] = mended[used]
        return GroupMeans(levels, tuple(ordered.tolist()))


def _by_group(rows: Vector, centre: Vector | float) -> Vector:
    """Rows and sums of x, about one number or one for each group, by code, (2, groups)."""
    codes = rows[1].astype(np.int64)
    own = centre[codes] if isinstance(centre, np.ndarray) else centre
    return np.array([np.bincount(codes), np.bincount(codes, rows[0] - own)])


def _padded_sum(a: Vector, b: Vector) -> Vector:
    width = max(a.shape[1], b.shape[1])
    out = np.zeros((len(a), width))
    out[:, : a.shape[1]] = a
    out[:, : b.shape[1]] += b
    return out
