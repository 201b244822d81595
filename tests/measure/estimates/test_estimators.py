"""What stored profiles let expect of quality, and the reason where they let expect nothing."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.measure import profiling
from monitoring_dagster.measure.estimates.estimators import by_confidence, by_losses
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.store.days.profiles import profiles_of
from monitoring_dagster.store.references.version_reference import reference_of
from tests.tiny import DAY, after, log_of, monitor_of, put, reference_rows, registered

NUMBERS = {"task": "regression", "predictions": {"path": "served/{day}.parquet"}}


@pytest.fixture
def estimated(tmp_path, monkeypatch):
    """What is expected of a day, beside a reference."""

    def of(known=None, served=None, *, columns=None, shifted=False, **spec):
        monitor = monitor_of(tmp_path, **spec)
        registered(monkeypatch, reference_rows() if known is None else known)
        put(tmp_path, "served", log_of(2000) if served is None else served)
        profiling.run(monitor, DAY)
        profile = profiles_of(monitor, DAY)[Group("1")]
        if columns is not None:
            profile = Profile(profile.rows, columns(profile.columns))
        reference = reference_of(monitor, "1")
        if monitor.spec.task == "regression":
            return by_losses(monitor, reference, profile)
        return by_confidence(
            monitor, reference, profile, rng=np.random.default_rng(0),
            shifted_on=DAY if shifted else None,
        )  # fmt: skip

    return of


def test_scores_that_are_right_let_expect_what_labels_will_show(estimated):
    served = log_of(2000)
    found = estimated(served=served)
    right = np.mean(np.equal(served["label"], served["prediction"]))
    assert (found.method, found.reason) == ("cbpe", "")
    assert found.metrics["accuracy"].value == pytest.approx(right, abs=0.03)
    assert found.metrics["accuracy"].low < right < found.metrics["accuracy"].high
    assert found.metrics["accuracy"].n == 2000


def test_less_sure_scores_let_expect_less(estimated):
    unsure = 0.5 + (np.array(log_of(2000)["score"]) - 0.5) / 5
    served = log_of(2000, score=unsure)
    assert (
        estimated(served=served).metrics["log_loss"].value
        > estimated().metrics["log_loss"].value + 0.05
    )


def test_a_threshold_that_moved_is_seen(estimated):
    """The scores are as ever, and every answer is 1."""
    found = estimated(served=log_of(2000, prediction=1))
    ones = np.mean(log_of(2000)["label"])
    assert found.metrics["accuracy"].value == pytest.approx(ones, abs=0.04)
    assert found.metrics["recall"].value == pytest.approx(1.0, abs=0.01)


def test_towards_the_days_rows_where_they_can_be_weighed(estimated):
    older = log_of(2000, age=np.array(log_of(2000)["age"]) + 0.5)
    found = estimated(served=older, shifted=True, features=[{"name": "age"}])
    assert found.method == "pape"
    assert found.metrics["accuracy"].n == 2000


def without(*names):
    return lambda columns: {name: one for name, one in columns.items() if name not in names}


def up_to(largest):
    return lambda columns: {**columns, "score": replace(columns["score"], maximum=largest)}


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param({"known": reference_rows(label=None)},
                     "its reference has no row with label, prediction and score", id="no labels"),
        pytest.param({"known": reference_rows(label="old")}, "its reference says of itself: label",
                     id="labels that are none"),
        pytest.param({"columns": without("score")},
                     "its scores are missing or are no probabilities: see contract",
                     id="no scores"),
        pytest.param({"columns": without("prediction")},
                     "its rows have no score, or no prediction", id="no predictions"),
        pytest.param({"columns": up_to(70)}, "its scores, 0.0",
                     id="scores that were counted though they are none"),
        pytest.param({"served": log_of(300, prediction=7)},
                     "no row has a score, and a prediction that the reference has",
                     id="answers that the reference never gave"),
    ],
)  # fmt: skip
def test_why_nothing_is_expected_of_a_classification(estimated, asked, reason):
    found = estimated(**asked)
    assert (dict(found.metrics), found.method) == ({}, "")
    assert found.reason.startswith(reason)


def in_numbers(table, *, noise=1.0):
    """The same rows, whose answer is a number that misses by so much."""
    age = np.array(table["age"])
    label = age + np.random.default_rng(5).normal(scale=noise, size=age.size)
    return table.set_column(table.column_names.index("prediction"), "prediction", pa.array(age)
                            ).set_column(table.column_names.index("label"), "label",
                                         pa.array(label))  # fmt: skip


def test_numbers_are_expected_to_miss_by_as_much_as_before(estimated):
    found = estimated(in_numbers(reference_rows()), in_numbers(log_of(500)), **NUMBERS)
    assert (found.method, found.reason) == ("dle", "")
    assert found.metrics["mae"].value == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)
    assert found.metrics["rmse"].value == pytest.approx(found.metrics["mse"].value ** 0.5)
    assert found.metrics["mae"].n == 500


@pytest.mark.parametrize(
    ("known", "columns", "reason"),
    [
        pytest.param(None, without("prediction"), "its rows have no prediction", id="no answers"),
        pytest.param(in_numbers(reference_rows(1, 19)), None, "its reference has fewer than",
                     id="few rows"),
        pytest.param(in_numbers(reference_rows()).drop_columns(["label"]), None,
                     "its reference has fewer than", id="no labels"),
    ],
)  # fmt: skip
def test_why_nothing_is_expected_of_numbers(estimated, known, columns, reason):
    known = in_numbers(reference_rows()) if known is None else known
    found = estimated(known, in_numbers(log_of(100)), columns=columns, **NUMBERS)
    assert (dict(found.metrics), found.method) == ({}, "")
    assert found.reason.startswith(reason)


def test_a_day_whose_rows_cannot_be_weighed_is_expected_by_its_scores(tmp_path, monkeypatch):
    monitor = monitor_of(tmp_path, features=[{"name": "age"}])
    registered(monkeypatch, reference_rows())
    put(tmp_path, "served", log_of())
    profiling.run(monitor, DAY)
    profile = profiles_of(monitor, DAY)[Group("1")]
    rng = np.random.default_rng(0)
    found = by_confidence(
        monitor, reference_of(monitor, "1"), profile, rng=rng, shifted_on=after(90)
    )
    assert found.method == "cbpe"
