"""How did a version's own reference turn out?  What its promises and estimates are learnt from."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.bins import Bins, NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.values import Codes, WrongType, categories, numbers
from monitoring_dagster.stats.quality.labelled_rows import ROUNDING, UnusableOutcome, unusable
from monitoring_dagster.stats.quality.outcomes import Outcomes, outcomes_by_group
from monitoring_dagster.stats.quality.outcomes_file import LONG_AGO
from monitoring_dagster.store.models.registration import DAY, LABEL

ANSWERS_FILE, LABELLED_FILE = "answers.parquet", "labelled.parquet"
_LABELLED_ROWS = 50_000
ANSWERS = pa.schema(
    [
        ("day", pa.date32()),
        ("label", pa.string()),
        ("prediction", pa.string()),
        ("bin", pa.int32()),  # of the score
        ("score", pa.float64()),  # the mean of the cell's rows
        ("rows", pa.int64()),
    ]
)


def outcomes_in(spec: ModelSpec, table: pa.Table, version: str) -> dict[Group, Outcomes]:
    """How the reference's own rows turned out, by segment; empty where labels or scores are none
    for the task."""
    log = spec.predictions
    if not {LABEL, log.prediction} <= {*table.column_names}:
        return {}
    table = judgeable(spec, table)
    columns = {
        "day": pa.array([LONG_AGO] * table.num_rows, pa.date32()),
        "version": pa.array([version] * table.num_rows, pa.string()),
        "label": table[LABEL],
        "prediction": table[log.prediction],
    }
    if log.score in table.column_names:
        columns["score"] = table[log.score]
    segments = [name for name in spec.segments if name in table.column_names]
    rows = pa.table({**{name: table[name] for name in segments}, **columns})
    try:
        found = outcomes_by_group(rows, task=spec.task, segments=segments)
    except (UnusableOutcome, WrongType):
        return {}  # drift needs none of it: the estimate step says what is wrong
    return {group: one for (_, group), one in found.items()}


def answers_in(spec: ModelSpec, table: pa.Table, bins: Mapping[str, Bins]) -> pa.Table:
    """Rows per day, label, prediction and bin of the score, with the mean score of each cell."""
    log = spec.predictions
    own = bins.get(log.score or "")
    if not isinstance(own, NumericBins) or not {LABEL, log.prediction} <= {*table.column_names}:
        return ANSWERS.empty_table()
    table = judgeable(spec, table)
    score = numbers(table[log.score], column=str(log.score)).astype(np.float64)
    if np.nanmin(score, initial=0) >= -ROUNDING and np.nanmax(score, initial=1) <= 1 + ROUNDING:
        score = score.clip(0, 1)
    labels, label_names = categories(table[LABEL], column=LABEL)
    said, said_names = categories(table[log.prediction], column=log.prediction)
    days = days_in(table)
    known = (labels >= 0) & (said >= 0) & (days >= 0) & ~np.isnan(score)
    parts = np.stack([days, labels, said, own.index(score)])[:, known]
    cells, place, rows = np.unique(parts, axis=1, return_inverse=True, return_counts=True)
    sums = np.bincount(place.ravel(), score[known], minlength=rows.size)
    return pa.table(
        [
            [date.fromordinal(day) for day in cells[0].tolist()],
            [label_names[code] for code in cells[1]],
            [said_names[code] for code in cells[2]],
            cells[3],
            sums / rows,
            rows,
        ],
        schema=ANSWERS,
    )


def judgeable(spec: ModelSpec, table: pa.Table) -> pa.Table:
    """The *table* without the rows whose label, answer or score is none of the task.

    Where that is most of them the table itself is wrong, and stays what it is.
    """
    log = spec.predictions
    if spec.task == "multiclass" and log.score not in table.column_names:
        return table
    try:
        wrong = unusable(
            spec.task,
            label=table[LABEL],
            prediction=table[log.prediction],
            score=table[log.score] if log.score in table.column_names else None,
        )
    except WrongType:
        return table
    if not wrong.any() or 2 * wrong.sum() > wrong.size:
        return table
    return table.filter(pa.array(~wrong))


def labelled_in(table: pa.Table, bins: Mapping[str, Bins]) -> pa.Table:
    """Some of the rows themselves, evenly spread and in their order; none without labels."""
    if LABEL not in table.column_names:
        return pa.table({})
    names = [name for name in dict.fromkeys([*bins, LABEL, DAY]) if name in table.column_names]
    rows = table.select(names).filter(pc.invert(pc.is_null(table[LABEL], nan_is_null=True)))
    return evenly(rows, most=_LABELLED_ROWS)


def evenly(rows: pa.Table, *, most: int) -> pa.Table:
    """At most so many of the rows, evenly spread and in their order."""
    step = -(-rows.num_rows // most) or 1
    return rows.take(pa.array(range(0, rows.num_rows, step), pa.int64()))


def days_in(table: pa.Table) -> Codes:
    """The ordinal of each row's day, -1 where it is missing; one day where nothing tells of days.

    A column of that name may hold something else: the day of the week, say.
    """
    one_day = np.full(table.num_rows, LONG_AGO.toordinal(), np.intp)
    if DAY not in table.column_names:
        return one_day
    codes, names = categories(table[DAY], column=DAY)
    try:
        days = [date.fromisoformat(name[:10]).toordinal() for name in names]
    except ValueError:
        return one_day
    return np.array([*days, -1], np.intp)[codes]


@lru_cache(maxsize=8)
def kept(folder: Path, file: str) -> pa.Table:
    """One of the files that lie beside a reference."""
    return pq.read_table(folder / file, page_checksum_verification=True)
