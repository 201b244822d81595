"""How do rows of numbers and names become points in one space, whatever the values?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns.bins import Bins, NumericBins
from monitoring_dagster.stats.columns.values import Floats, categories, is_numeric, numbers

MAX_LEVELS = 20
MIN_LEVEL_SHARE = 0.01  # a level that is rarer in both samples together has no axis of its own


@dataclass(frozen=True, slots=True)
class Pooled:
    """Two samples as points of the same space, those of the reference first.

    The space is laid over both samples together, without looking at which row is whose: under the
    null hypothesis the rows can change places, so permutation tests stay exact.
    """

    points: Floats  # shape (rows, axes); no axis is constant
    column: NDArray[np.intp]  # shape (axes,): the column that an axis belongs to
    columns: tuple[str, ...]
    n_reference: int

    @classmethod
    def of(cls, reference: pa.Table, current: pa.Table) -> Self:
        """Encode every column of *reference*; *current* needs the same.

        A number becomes the normal score of its rank, so that one wild value moves nothing; a name
        a 0/1 axis for each frequent level, where rare and new ones share the origin. Missing (null
        or NaN) lies at the origin, with a 0/1 axis of its own.

        Raises
        ------
        UnknownColumn
            *current* lacks a column.
        """
        axes: list[Floats] = []
        owner: list[int] = []
        for place, name in enumerate(reference.column_names):
            if name not in current.column_names:
                raise UnknownColumn.named(
                    name, table="the current sample", available=current.column_names
                )
            found = [
                axis for axis in _axes(name, reference[name], current[name]) if np.ptp(axis) > 0
            ]
            axes += found
            owner += [place] * len(found)
        rows = reference.num_rows + current.num_rows
        return cls(
            points=np.stack(axes, axis=1) if axes else np.empty((rows, 0)),
            column=np.array(owner, dtype=np.intp),
            columns=tuple(reference.column_names),
            n_reference=reference.num_rows,
        )

    @property
    def n_current(self) -> int:
        return len(self.points) - self.n_reference

    @property
    def is_current(self) -> NDArray[np.bool_]:
        """Shape ``(rows,)``."""
        return np.arange(len(self.points)) >= self.n_reference


def uniform_columns(rows: pa.Table, bins: Mapping[str, Bins]) -> pa.Table:
    """The columns that *bins* names as float64 or text, so that days can be laid end to end.

    Raises
    ------
    UnknownColumn
        A column is not there.
    WrongType
        A numeric column arrives as something else.
    """
    columns: dict[str, pa.Array] = {}
    for name, of in bins.items():
        if name not in rows.column_names:
            raise UnknownColumn.named(name, table="the sample", available=rows.column_names)
        if isinstance(of, NumericBins):
            values = np.asarray(numbers(rows[name], column=name), np.float64)
            columns[name] = pa.array(values, pa.float64())
        else:
            codes, names = categories(rows[name], column=name)
            spelled = [*of.respelled(names), None]  # code -1 is the last
            columns[name] = pa.array([spelled[code] for code in codes], pa.string())
    return pa.table(columns)


def normal_scores(values: Floats) -> Floats:
    """Where each value would lie if they were normal: quantile of (rank - 1/2) / n, ties averaged.

    >>> normal_scores(np.array([1.0, np.inf, -1e300, 1.0])).round(2).tolist()
    [0.0, 1.15, -1.15, 0.0]

    Source: van der Waerden (1952); the offset is Hazen's.
    """
    from scipy import special  # late: half a second

    _, place, rows = np.unique(values, return_inverse=True, return_counts=True)
    average = np.cumsum(rows) - rows / 2
    scores: Floats = special.ndtri(average[place] / max(values.size, 1))
    return scores


def _axes(name: str, reference: pa.ChunkedArray, current: pa.ChunkedArray) -> list[Floats]:
    if is_numeric(reference.type) and is_numeric(current.type):
        both = np.concatenate(
            [np.asarray(numbers(one, column=name), np.float64) for one in (reference, current)]
        )
        present = ~np.isnan(both)
        scores = np.zeros(both.size)
        scores[present] = normal_scores(both[present])
        return [scores, (~present).astype(np.float64)]
    return _levels([*_names(name, reference), *_names(name, current)])


def _names(column: str, values: pa.ChunkedArray) -> list[str | None]:
    codes, names = categories(values, column=column)
    known = [*names, None]  # code -1 is the last
    return [known[code] for code in codes]


def _levels(names: list[str | None]) -> list[Floats]:
    _, codes, rows = np.unique(
        [name or "" for name in names], return_inverse=True, return_counts=True
    )
    missing = np.array([name is None for name in names], dtype=bool)
    frequent = [code for code in np.argsort(-rows, kind="stable")[:MAX_LEVELS]
                if rows[code] >= MIN_LEVEL_SHARE * len(names)]  # fmt: skip
    of_level = [((codes == code) & ~missing).astype(np.float64) for code in sorted(frequent)]
    return [*of_level, missing.astype(np.float64)]
