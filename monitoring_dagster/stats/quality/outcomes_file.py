"""How are outcomes written down?  One row per day and group in Arrow, one per count for people."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import chain, pairwise
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.values import plain
from monitoring_dagster.stats.inference.sums import Sum, as_floats, from_floats
from monitoring_dagster.stats.quality.labelled_rows import Cell, ScoreCounts
from monitoring_dagster.stats.quality.outcomes import Outcomes, score_of_bin

LONG_AGO = date(1970, 1, 1)  # the day of rows that tell of none
_NOTHING = ScoreCounts(np.empty(0, np.int32), np.empty(0, np.int64))
_Found: TypeAlias = Mapping[tuple[date, Group], Outcomes]

# Per cell its rows, and those with a score by bin; per sum the floats that add up to it exactly.
_COUNTS = {
    "label": pa.string(),
    "prediction": pa.string(),
    "rows": pa.int64(),
}
_SCORES = {"score_bins": pa.list_(pa.int32()), "score_rows": pa.list_(pa.int64())}
_SUMS = {
    "sum": pa.string(),
    "sum_n": pa.int64(),
    "sum_infinite": pa.int64(),
    "sum_total": pa.list_(pa.float64()),
    "sum_squares": pa.list_(pa.float64()),
}


def outcomes_to_table(outcomes: _Found) -> pa.Table:
    """One row per day and group, for a file; `outcomes_from_table` reads it back."""
    groups, found = [group for _, group in outcomes], list(outcomes.values())
    cells = [sorted({*one.cells, *one.scores}) for one in found]
    flat = [(one, cell) for one, own in zip(found, cells, strict=True) for cell in own]
    scores = [one.scores.get(cell, _NOTHING) for one, cell in flat]
    sums = list(chain.from_iterable(one.sums.values() for one in found))
    columns = {
        "label": pa.array([label for _, (label, _) in flat], pa.string()),
        "prediction": pa.array([prediction for _, (_, prediction) in flat], pa.string()),
        "rows": pa.array([one.cells.get(cell, 0) for one, cell in flat], pa.int64()),
        "score_bins": _lists([one.bins for one in scores], np.int32),
        "score_rows": _lists([one.rows for one in scores], np.int64),
        "sum": pa.array(chain.from_iterable(one.sums for one in found), pa.string()),
        "sum_n": pa.array([one.n for one in sums], pa.int64()),
        "sum_infinite": pa.array([one.infinite for one in sums], pa.int64()),
        "sum_total": pa.array([as_floats(one.total) for one in sums], _SUMS["sum_total"]),
        "sum_squares": pa.array([as_floats(one.squares) for one in sums], _SUMS["sum_squares"]),
    }
    ends = {
        **dict.fromkeys({**_COUNTS, **_SCORES}, _offsets(map(len, cells))),
        **dict.fromkeys(_SUMS, _offsets(len(one.sums) for one in found)),
    }
    return pa.table(
        {
            "day": pa.array([day for day, _ in outcomes], pa.date32()),
            "version": pa.array([group.version for group in groups], pa.string()),
            "segment": pa.array([group.segment for group in groups], pa.string()),
            "value": pa.array([group.value for group in groups], pa.string()),
            "task": pa.array([one.task for one in found], pa.string()),
            **{
                name: pa.ListArray.from_arrays(ends[name], column)
                for name, column in columns.items()
            },
        }
    )


def outcomes_from_table(
    table: pa.Table, *, day: date | None = None, scores: bool = True
) -> dict[tuple[date, Group], Outcomes]:
    """The outcomes that `outcomes_to_table` wrote down.

    Parameters
    ----------
    day
        Of these predictions alone, which is fast.
    scores
        Without them the counts per score bin, most of the table, stay undecoded.
    """
    if day is not None:
        table = table.filter(pc.equal(table["day"], pa.scalar(day, pa.date32())))
    cells, cell_ends = _flat(table, [*_COUNTS, *(_SCORES if scores else ())])
    sums, sum_ends = _flat(table, _SUMS)
    names: list[Cell] = list(
        zip(cells["label"].to_pylist(), cells["prediction"].to_pylist(), strict=True)
    )
    rows = cells["rows"].to_pylist()
    counts = _score_counts(cells) if scores else [_NOTHING] * len(names)
    added = [
        Sum(n, from_floats(total), from_floats(squares), infinite)
        for n, total, squares, infinite in zip(
            *(sums[name].to_pylist() for name in ("sum_n", "sum_total", "sum_squares")),
            sums["sum_infinite"].to_pylist(),
            strict=True,
        )
    ]
    sum_names = sums["sum"].to_pylist()
    keys = [table[name].to_pylist() for name in ("day", "version", "segment", "value", "task")]
    found = {}
    for place, (served, version, segment, value, task) in enumerate(zip(*keys, strict=True)):
        own = range(cell_ends[place], cell_ends[place + 1])
        found[served, Group(version, segment, value)] = Outcomes(
            task,
            {names[i]: rows[i] for i in own if rows[i]},
            {names[i]: counts[i] for i in own if counts[i]},
            {sum_names[i]: added[i] for i in range(sum_ends[place], sum_ends[place + 1])},
        )
    return found


def counts_table(outcomes: Outcomes) -> pa.Table:
    """What is stored of a classification, one row per label, prediction and score bin.

    Columns: label and prediction (text), score (of the bin's middle; null where there was none),
    rows.
    """
    cells = sorted({*outcomes.cells, *outcomes.scores})
    scored = [outcomes.scores.get(cell, _NOTHING) for cell in cells]
    unscored = [
        outcomes.cells.get(cell, 0) - int(one.rows.sum())
        for cell, one in zip(cells, scored, strict=True)
    ]
    places = [np.append(one.bins, [-1] * bool(n)) for one, n in zip(scored, unscored, strict=True)]
    rows = [np.append(one.rows, [n] * bool(n)) for one, n in zip(scored, unscored, strict=True)]
    sizes = list(map(len, rows))
    bins = np.concatenate([np.empty(0), *places])
    return pa.table(
        {
            "label": _repeated([label for label, _ in cells], sizes),
            "prediction": _repeated([prediction for _, prediction in cells], sizes),
            "score": pa.array(score_of_bin(bins), pa.float64(), mask=bins < 0),
            "rows": np.concatenate([np.empty(0), *rows]).astype(np.int64),
        }
    )


def _repeated(names: Sequence[str], sizes: Sequence[int]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(np.repeat(np.arange(len(sizes)), sizes)))


def _score_counts(cells: Mapping[str, pa.Array]) -> list[ScoreCounts]:
    bins, rows = cells["score_bins"], cells["score_rows"]
    ends = plain(bins.offsets).tolist()
    all_bins, all_rows = plain(bins.values), plain(rows.values)
    return [ScoreCounts(all_bins[start:end], all_rows[start:end]) for start, end in pairwise(ends)]


def _flat(table: pa.Table, names: Iterable[str]) -> tuple[dict[str, pa.Array], list[int]]:
    """Columns of lists of equal length, laid end to end, and where each row's begin."""
    columns = {name: table[name].combine_chunks() for name in names}
    sizes = next(iter(columns.values())).value_lengths()
    return {name: column.flatten() for name, column in columns.items()}, [
        0,
        *np.cumsum(plain(sizes)).tolist(),
    ]


def _lists(arrays: Sequence[NDArray[Any]], dtype: type) -> pa.ListArray:
    return pa.ListArray.from_arrays(
        _offsets(map(len, arrays)), pa.array(np.concatenate([np.empty(0, dtype), *arrays]))
    )


def _offsets(sizes: Iterable[int]) -> pa.Array:
    return pa.array(np.cumsum([0, *sizes]), pa.int32())
