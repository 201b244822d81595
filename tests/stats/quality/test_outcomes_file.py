"""What is written down is read back, all of it or the part that is asked for."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes, outcomes_by_group, score_of_bin
from monitoring_dagster.stats.quality.outcomes_file import (
    counts_table,
    outcomes_from_table,
    outcomes_to_table,
)

number = st.floats(allow_nan=False, allow_infinity=True)
score = st.one_of(st.none(), st.floats(0, 1))
columns_of = {
    "binary": st.tuples(st.integers(0, 1), st.integers(0, 1), score),
    "multiclass": st.tuples(st.text(max_size=3), st.text(max_size=3), score),
    "regression": st.tuples(number, number, st.none()),
}


def joined(task, rows):
    kind = {"binary": pa.int64(), "multiclass": pa.string(), "regression": pa.float64()}[task]
    day, version, sign, (label, prediction, score) = (
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        zip(*(row[3] for row in rows), strict=True),
    )
    return pa.table(
        {
            "day": pa.array([date(2026, 1, i) for i in day]),
            "version": pa.array(version),
            "label": pa.array(label, kind),
            "prediction": pa.array(prediction, kind),
            "score": pa.array(score, pa.float64()),
            "sign": pa.array(sign, pa.int8()),
            "cost": np.arange(len(rows)) / 3,
        }
    )


@pytest.mark.parametrize("task", columns_of)
@settings(max_examples=25)
@given(data=st.data())
def test_what_was_written_is_read(task, data):
    row = st.tuples(
        st.integers(1, 3), st.sampled_from("12"), st.sampled_from([-1, 1]), columns_of[task]
    )
    rows = data.draw(st.lists(row, min_size=1, max_size=12))
    found = outcomes_by_group(joined(task, rows), task=task, segments=["version"], values=["cost"])
    table = outcomes_to_table(found)
    assert outcomes_from_table(table) == found
    assert outcomes_from_table(pa.concat_tables([table.slice(0, 1), table.slice(1)])) == found
    for day in (date(2026, 1, 1), date(2026, 1, 4)):
        of_day = {place: one for place, one in found.items() if place[0] == day}
        assert outcomes_from_table(table, day=day) == of_day
        assert outcomes_from_table(table, day=day, scores=False) == {
            place: Outcomes(one.task, one.cells, {}, one.sums) for place, one in of_day.items()
        }


def test_of_nothing_there_is_an_empty_table_of_the_same_columns():
    full = outcomes_to_table(
        {
            (date(2026, 1, 1), Group("1")): Outcomes.of(
                "binary", label=[1], prediction=[1], score=[0.5]
            ),
            (date(2026, 1, 1), Group("2")): Outcomes("binary"),
        }
    )
    assert outcomes_to_table({}).schema == full.schema
    assert outcomes_from_table(outcomes_to_table({})) == {}
    assert outcomes_from_table(full)[date(2026, 1, 1), Group("2")] == Outcomes("binary")


def test_counts_are_told_by_label_prediction_and_score():
    outcomes = Outcomes.of(
        "binary",
        label=[1, 1, 1, 0, 1],
        prediction=[1, 1, 1, 1, 0],
        score=[0.75, 0.75, np.nan, 0.75, 0.25],
    )
    low, high = score_of_bin(outcomes.by_score()[0]).tolist()
    assert counts_table(outcomes).to_pylist() == [
        {"label": "0", "prediction": "1", "score": high, "rows": 1},
        {"label": "1", "prediction": "0", "score": low, "rows": 1},
        {"label": "1", "prediction": "1", "score": high, "rows": 2},
        {"label": "1", "prediction": "1", "score": None, "rows": 1},
    ]


def test_counts_of_nothing_have_their_columns():
    empty = counts_table(Outcomes("multiclass"))
    assert empty.num_rows == 0
    assert empty.schema == pa.schema(
        {"label": pa.string(), "prediction": pa.string(), "score": pa.float64(), "rows": pa.int64()}
    )
