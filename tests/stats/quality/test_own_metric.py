"""A measure of one's own is the mean over the rows, whichever way it is told."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes, outcomes_by_group
from monitoring_dagster.stats.quality.outcomes_file import counts_table
from monitoring_dagster.stats.quality.own_metric import of_counts, of_values, value_per_prediction

PRICES = {"tp": 100.0, "fp": -20.0, "fn": -50.0, "tn": 1.0}


def rows(n=500):
    rng = np.random.default_rng(0)
    score = rng.beta(1, 2, n)
    label, prediction = (rng.random(n) < score).astype(int), (score > 0.4).astype(int)
    names = np.array([["tn", "fp"], ["fn", "tp"]])[label, prediction]
    return label, prediction, score, np.array([PRICES[name] for name in names])


def test_all_three_ways_are_the_mean_of_the_rows():
    label, prediction, score, worth = rows()
    table = pa.table(
        {
            "day": [date(2026, 1, 1)] * 500,
            "version": ["1"] * 500,
            "label": label,
            "prediction": prediction,
            "score": score,
            "worth": worth,
        }
    )
    outcomes = outcomes_by_group(table, task="binary", values=["worth"])[
        date(2026, 1, 1), Group("1")
    ]
    counts = counts_table(outcomes)
    of_rows = np.where(
        np.equal(counts["label"], "1"),
        np.where(np.equal(counts["prediction"], "1"), 100.0, -50.0),
        np.where(np.equal(counts["prediction"], "1"), -20.0, 1.0),
    )
    reach = 1.959964 * worth.std(ddof=1) / np.sqrt(500)
    expected = (worth.mean(), worth.mean() - reach, worth.mean() + reach, 500)
    assert value_per_prediction(outcomes, **PRICES) == pytest.approx(expected, rel=1e-6)
    assert of_counts(outcomes, of_rows) == pytest.approx(expected, rel=1e-6)
    assert of_values(outcomes, "worth") == pytest.approx(expected, rel=1e-6)
    assert value_per_prediction(outcomes, **PRICES).value == pytest.approx(worth.mean(), rel=1e-12)


def test_rows_for_which_a_value_is_not_defined_are_left_out():
    outcomes = Outcomes.of("multiclass", label=list("aab"), prediction=list("aba"))
    assert of_counts(outcomes, [2.0, np.nan, 4.0])[::3] == (3.0, 2)


def test_an_infinite_value_has_no_mean():
    table = pa.table(
        {
            "day": [date(2026, 1, 1)] * 2,
            "version": ["1"] * 2,
            "label": [1.0, 2.0],
            "prediction": [1.0, 2.0],
            "cost": [1.0, np.inf],
        }
    )
    found = outcomes_by_group(table, task="regression", values=["cost"])
    assert np.isnan(of_values(found[date(2026, 1, 1), Group("1")], "cost").value)
    assert not np.isfinite(of_counts(Outcomes("binary", {("1", "1"): 1}), [np.inf]).value)


@pytest.mark.parametrize("outcomes", [Outcomes("binary"), Outcomes("binary", {("1", "1"): -1})])
def test_of_nothing_and_of_a_change_there_is_no_mean(outcomes):
    for found in (
        value_per_prediction(outcomes, **PRICES),
        of_counts(outcomes, [1.0] * len(outcomes.cells)),
        of_values(outcomes, "cost"),
    ):
        assert np.isnan(found[:3]).all()
        assert found.n == 0
