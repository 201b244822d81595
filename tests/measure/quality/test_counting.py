"""Joined rows become counts and sums by prediction day, version and segment."""

import pyarrow as pa
import pytest

from monitoring_dagster.measure.quality.counting import counted, counted_columns
from monitoring_dagster.sources.rows.expressions import UnusableMetric
from monitoring_dagster.stats.columns.groups import Group
from tests.tiny import DAY, after, spec_of

LOST = {"name": "lost", "expression": "amount * (1 - label)", "columns": ["amount"]}
ROWS = pa.table(
    {
        "day": pa.array([DAY, DAY, after(1)], pa.date32()),
        "version": ["1", "1", "2"],
        "label": [1, 0, 1],
        "prediction": [1, 1, 0],
        "score": [0.9, 0.8, 0.2],
        "country": ["DE", "FR", "DE"],
        "amount": [10.0, 20.0, 30.0],
    }
)


def test_by_day_version_and_segment():
    found = counted(spec_of(segments=["country"]), ROWS)
    assert {key: one.n for key, one in found.items()} == {
        (DAY, Group("1")): 2,
        (DAY, Group("1", "country", "DE")): 1,
        (DAY, Group("1", "country", "FR")): 1,
        (after(1), Group("2")): 1,
        (after(1), Group("2", "country", "DE")): 1,
    }


def test_a_metric_of_rows_is_summed_and_asks_for_its_columns():
    spec = spec_of(metrics=[LOST, {"name": "cost", "value": {"fn": -1.0}}])
    assert counted_columns(spec) == ["amount"]
    found = counted(spec, ROWS)[DAY, Group("1")]
    assert found.sums["value:lost"].n == 2
    assert found.sums["value:lost"].mean == 10.0
    assert "value:cost" not in found.sums


def test_a_label_that_is_taken_away_is_counted_so():
    rows = ROWS.append_column("sign", pa.array([1, -1, 1], pa.int8()))
    found = counted(spec_of(metrics=[LOST]), rows)[DAY, Group("1")]
    assert found.cells == {("1", "1"): 1, ("0", "1"): -1}
    assert found.sums["value:lost"].n == 0


def test_no_rows_are_no_outcomes():
    assert counted(spec_of(), ROWS[:0]) == {}
    assert counted_columns(spec_of()) == []


def test_a_metric_that_cannot_be_computed_is_named():
    broken = LOST | {"expression": "amuont * label"}
    with pytest.raises(UnusableMetric, match="lost"):
        counted(spec_of(metrics=[broken]), ROWS)
