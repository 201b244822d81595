"""What is stored of a column is enough to judge it again."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.measure.drift.drift_records import (
    SCHEMA,
    measured,
    measured_record,
    rank,
    verdict_record,
)
from monitoring_dagster.stats.columns.bins import bins_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.drift.column_drift import Growth, measure
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.drift_verdict import judge
from monitoring_dagster.stats.drift.usual import OrdinaryDay, Usual

RNG = np.random.default_rng(3)
USUAL = Usual(
    effect={"x": 0.04}, missing={"x": 0.01}, out_of_range={"x": 0.002}, constant={"x": 0.0}
)
COLUMNS = {
    "numbers": (RNG.normal(size=900), np.r_[RNG.normal(1, 1, 300), 40.0, np.nan, np.inf]),
    "words": (["a", "b", "c"] * 200, ["a", "b", "\x1b<i>", None] * 100),
    "the same": (RNG.normal(size=400), RNG.normal(size=400)),
    "nothing": (RNG.normal(size=400), np.full(300, np.nan)),
    "zeros": (RNG.normal(size=400), np.zeros(300)),
    "one letter": (["a", "b"] * 200, ["b"] * 300),
}


def drift_of(before, now):
    bins = bins_of(pa.array(before), column="x")
    sides = []
    for values in (before, now):
        table = pa.table({"x": pa.array(values), "v": ["1"] * len(values)})
        profiles = profile_batches(table.to_batches(), {"1": {"x": bins}}, version="v")
        sides.append(profiles[Group("1")].columns["x"])
    return measure("x", *sides, bins)


@pytest.fixture(params=COLUMNS)
def drift(request):
    return drift_of(*COLUMNS[request.param])


def stored(record):
    """As it comes back from its file."""
    place = {"version": "1", "segment": "", "value": "", "baseline": "reference",
             "role": "feature", "importance": None}  # fmt: skip
    return pa.Table.from_pylist([place | record], schema=SCHEMA).to_pylist()[0]


def test_it_is_read_back_as_it_was_but_for_what_no_verdict_looks_at(drift):
    verdict = judge([drift], settings=DriftSettings())[0]
    found, ordinary = measured(stored(measured_record(drift, USUAL) | verdict_record(verdict)))
    assert repr(found) == repr(replace(drift, ks=None, wasserstein=None))
    assert ordinary == OrdinaryDay(0.04, Growth(0.01, 0.0, 0.0, 0.002), 0.0)


def test_it_gets_the_same_verdict_in_the_same_words(drift):
    settings = DriftSettings(min_rows=100)
    (before,) = judge([drift], settings=settings, usual=[USUAL])
    record = stored(measured_record(drift, USUAL) | verdict_record(before))
    found, ordinary = measured(record)
    usual = Usual.of({"x": [ordinary.effect, *ordinary.growth, ordinary.constant]})
    (after,) = judge([found], settings=settings, usual=[usual])
    assert verdict_record(after) == verdict_record(before)
    assert record["reason"] == after.reason


def test_of_a_record_that_knows_nothing_of_constant_days_nothing_is_said_of_them(drift):
    """It was written before they were counted."""
    record = stored(measured_record(drift, USUAL) | {"usual_constant": None})
    _, ordinary = measured(record)
    assert ordinary.constant == 1


def row(**changed):
    usual = {"segment": "", "role": "feature", "verdict": "OK", "importance": 0.1, "effect": 0.1}
    return usual | changed


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(row(), row(segment="country"), id="the whole before its parts"),
        pytest.param(row(role="answer"), row(verdict="DRIFT"), id="answers before features"),
        pytest.param(row(verdict="DRIFT"), row(effect=0.9), id="drift before none"),
        pytest.param(row(importance=0.2), row(), id="what weighs more in the model"),
        pytest.param(row(effect=0.2), row(), id="what moved further"),
        pytest.param(row(importance=None, effect=0.2), row(importance=None), id="without weights"),
    ],
)
def test_people_see_first(first, second):
    assert rank(first) < rank(second)
