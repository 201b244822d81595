"""A day's signals are read off its stored results, versions taken together by their rows."""

import json

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.estimates import estimate
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import House
from monitoring_dagster.views.day_signals import signals_of
from tests.world import START, attributes, day_after

DAYS = [day_after(START, n) for n in range(3)]  # the middle one has nothing


def drifted(column, psi, n, *, version="1", **changed):
    return {
        "version": version, "segment": "", "value": "", "baseline": "training", "column": column,
        "role": "feature", "kind": "numeric", "verdict": "OK", "psi": psi, "n_current": n,
        "mean_current": None if psi is None else psi / 2, "importance": 0.5,
    } | changed  # fmt: skip


def write(results, day, records):
    table = pa.Table.from_pylist(records, schema=drift.SCHEMA)
    results.write("tiny", "drift", day, table)
    expected = [
        {"version": version, "segment": segment, "value": "", "metric": "log_loss",
         "estimate": value, "n": n}
        for version, segment, value, n in [("1", "", 0.4, 300), ("2", "", 0.8, 100),
                                           ("1", "country", 9.0, 400)]
    ]  # fmt: skip
    table = pa.Table.from_pylist(expected, schema=estimate.SCHEMA)
    results.write("tiny", "estimate", day, table)
    service = {"service": json.dumps({"counted": 400, "error_rate": 0.05})}
    results.write("tiny", "profile", day, pa.table({}), metadata=service)
    account = {"account": json.dumps({"by_day": {"2026-02-01": 150, "2026-02-02": 50}})}
    results.write("tiny", "outcomes", day, pa.table({}), metadata=account)


@pytest.fixture
def series(tmp_path):
    monitor = House.at(tmp_path).monitor(ModelSpec.model_validate(attributes()))
    features = [drifted(f"f{n:02}", 0.01, 400, importance=n / 100) for n in range(12)]
    for day in (DAYS[0], DAYS[2]):
        records = [
            *features,
            drifted("score", 0.1, 300, role="answer"),
            drifted("score", 0.5, 100, role="answer", version="2"),
            drifted("score", 9.0, 400, role="answer", segment="country", value="DE"),
            drifted("score", 9.0, 400, role="answer", baseline="rolling, 28 days"),
            drifted("income", 0.3, 300, verdict="DRIFT"),
            drifted("income", None, 100, version="2", verdict="DRIFT"),
        ]
        write(monitor.results, day, records)
    return signals_of(monitor, DAYS, metric="log_loss")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("psi of score", 0.2, id="by rows; no segment, no other baseline"),
        pytest.param("mean of score", 0.1, id="the mean of an answer"),
        pytest.param("psi of income", 0.3, id="by the version that it is known of"),
        pytest.param("drifted features", 1.0, id="a feature of two versions counts once"),
        pytest.param("estimated log_loss", 0.5, id="the estimate, of whole rows"),
        pytest.param("error rate", 0.05, id="the service"),
        pytest.param("arrived labels", 0.5, id="labels of any day per prediction of this one"),
    ],
)
def test_a_day_is_one_number_and_a_day_without_results_is_unknown(series, name, value):
    assert series[name] == pytest.approx([value, np.nan, value], nan_ok=True)


def test_of_the_features_the_ten_most_important_are_looked_at(series):
    kept = {name for name in series if name.startswith("psi of f")}
    assert kept == {f"psi of f{n:02}" for n in range(3, 12)}
    assert "psi of income" in series
