"""A day beside its baselines: what drifted, in which order, and where nothing is said."""

from dataclasses import replace
from math import isnan

import pytest

from monitoring_dagster.measure import profiling
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.drift.drift import drift_signals, judged, rank
from monitoring_dagster.measure.step import Tone
from monitoring_dagster.stats.drift.usual import Usual
from monitoring_dagster.store.days.drifted import JUDGED_BY, drifted_columns
from monitoring_dagster.store.days.signals import stored_on
from tests.tiny import (
    DAY,
    after,
    keep,
    log_of,
    monitor_of,
    put,
    reference_rows,
    registered,
    spec_of,
)

FEATURES = (("age", "numeric"), ("debt", "numeric"))


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    registered(monkeypatch, reference_rows(), features=FEATURES, importances={"debt": 1.0})
    return monitor_of(tmp_path, segments=["country"])


def compare(monitor, rows=300, day=DAY, **change):
    """The report of a day some columns of which are moved."""
    log = log_of(rows, day)
    moved = {
        name: [how(one) for one in log[name].to_pylist()] if callable(how) else how
        for name, how in change.items()
    }
    put(monitor.root, "served", log_of(rows, day, **moved), day)
    profiling.run(monitor, day)
    return drift.run(monitor, day)


def test_a_day_like_the_reference_drifts_nowhere(monitor):
    report = compare(monitor)
    assert {check.passed for check in report.checks.values()} == {True}
    assert report.checks["feature_drift"].words == "3 compared, none drifted"
    assert (report.numbers["features_compared"], report.numbers["features_drifted"]) == (3, 0)
    assert {"psi_score", "p50_score", "extreme_share", "max_effect"} <= set(report.numbers)
    assert "<svg" in report.picture


def test_a_feature_that_moved_is_named_and_no_other(monitor):
    report = compare(monitor, age=lambda one: one + 5)
    check = report.checks["feature_drift"]
    assert (check.passed, check.tone) == (False, Tone.WARN)
    assert check.words.startswith("age: ")
    assert report.checks["prediction_drift"].passed
    assert report.numbers["features_drifted"] == 1
    assert report.numbers["segments_drifted"] >= 2
    assert drifted_columns(monitor, DAY) == {("1", "age")}


def test_scores_that_moved_are_answers(monitor):
    report = compare(monitor, score=lambda one: one**8)
    assert not report.checks["prediction_drift"].passed
    assert report.checks["feature_drift"].passed


def test_answers_stand_first_then_what_drifted_and_weighs_most(monitor):
    report = compare(monitor, age=lambda one: one + 5, debt=lambda one: one + 9)
    columns = [row["column"] for row in report.table]
    assert set(columns[:3]) == {"score", "prediction", "score: extremes"}
    assert columns[3:6] == ["debt", "age", "country"]
    assert len(columns) <= 20


def test_a_column_that_was_told_already_is_not_compared(monitor):
    keep(monitor, "contract", quiet=["age"])
    report = compare(monitor, age=lambda one: one + 5)
    assert report.checks["feature_drift"].passed
    assert report.numbers["features_compared"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"model_version": "9"}, "no reference rows are registered for version '9'",
                     id="a version that nobody knows"),
        pytest.param({"rows": 5}, "debt: the current data has 5 rows", id="too few rows"),
    ],
)  # fmt: skip
def test_where_nothing_could_be_compared_there_is_no_verdict(monitor, change, words):
    check = compare(monitor, **change).checks["feature_drift"]
    assert check.passed is None
    assert check.words.startswith(f"No verdict: {words}")


def test_a_day_without_rows_has_no_verdict_and_is_stored(monitor):
    report = drift.run(monitor, DAY)
    assert {check.words for check in report.checks.values()} == {
        f"No verdict: no rows on {DAY}, see contract:schema"
    }
    assert monitor.results.read("tiny", "drift", DAY).num_rows == 0
    assert report.picture is None


def test_a_score_of_a_regression_is_no_probability_to_be_sure_of(tmp_path, monkeypatch):
    registered(monkeypatch, reference_rows(), features=FEATURES)
    log = {"path": "served/{day}.parquet", "score": "score"}
    report = compare(monitor_of(tmp_path, task="regression", predictions=log))
    assert "psi_score" in report.numbers
    assert not [name for name in report.numbers if "extreme" in name or "confidence" in name]


def test_the_rules_by_which_it_was_judged_are_kept_beside_it(monitor):
    compare(monitor)
    notes = monitor.results.metadata("tiny", "drift", DAY)
    assert notes[JUDGED_BY] == monitor.spec.rules.drift.model_dump_json()


def test_many_days_at_once_say_what_each_says_alone(monitor):
    compare(monitor)
    compare(monitor, day=after(1), age=lambda one: one + 5)
    days = [DAY, after(1)]
    both = judged(monitor, days)
    # As text: what is unknown equals nothing, not even itself.
    assert str(both) == str({day: judged(monitor, [day])[day] for day in days})
    drifted = [[one["column"] for one in both[day] if one["verdict"] == "DRIFT"] for day in days]
    assert (drifted[0], set(drifted[1])) == ([], {"age"})


def test_how_many_features_drifted_is_a_signal(monitor):
    compare(monitor, age=lambda one: one + 5)
    (one,) = [one for one in stored_on(monitor, DAY) if one.name == "drift.features"]
    assert (one.value, one.good, one.total, one.n) == (1, 1, 3, 300)
    assert (one.version, one.baseline_name) == ("1", "training")


def record(column="age", verdict="OK", **changed):
    return {
        "version": "1", "segment": "", "value": "", "baseline": "training", "column": column,
        "role": "feature", "verdict": verdict, "reason": "because", "n_current": 9,
        "p_adjusted": 0.5, "effect": 0.1, "usual_effect": 0.02, "psi": 0.3, "importance": None,
        "null_share_reference": 0.0, "null_share_current": 0.25, "kind": "numeric", "broken": [],
        **changed,
    }  # fmt: skip


def signals(*records):
    return [(one.name, one.subject) for one in drift_signals(spec_of(), DAY, records)]


def test_of_a_segment_only_what_drifted_is_a_signal():
    segment = {"segment": "country", "value": "DE"}
    assert signals(record(**segment)) == []
    assert len(signals(record(verdict="DRIFT", **segment))) == 1


def test_distances_are_signals_beside_what_is_usual():
    found = {one.name: one for one in drift_signals(spec_of(), DAY, [record()])}
    assert (found["drift.effect"].value, found["drift.effect"].baseline) == (0.1, 0.02)
    assert (found["drift.missing"].value, found["drift.missing"].baseline) == (0.25, 0.0)
    assert found["drift.psi"].value == 0.3
    (unknown,) = [one for one in drift_signals(spec_of(), DAY, [record(psi=None)])
                  if one.name == "drift.psi"]  # fmt: skip
    assert isnan(unknown.value)


def test_too_few_rows_are_unknown_and_count_for_no_version():
    found = {
        one.name: one for one in drift_signals(spec_of(), DAY, [record(verdict="INSUFFICIENT")])
    }
    assert "drift.features" not in found
    verdicts = [one.value for name, one in found.items() if one.reason == "because"]
    assert [isnan(one) for one in verdicts] == [True]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(record(), record(segment="country", verdict="DRIFT"), id="the whole first"),
        pytest.param(record(role="answer"), record(verdict="DRIFT"), id="answers before features"),
        pytest.param(record(verdict="DRIFT"), record(importance=9.0), id="what drifted"),
        pytest.param(record(importance=2.0), record(importance=1.0), id="what weighs more"),
        pytest.param(
            record(importance=1.0, effect=0.1), record(effect=0.9), id="what weighs at all"
        ),
        pytest.param(record(effect=0.2), record(effect=0.1), id="what moved further"),
    ],
)
def test_what_people_see_first(first, second):
    assert sorted([second, first], key=rank) == [first, second]


def muted(monkeypatch, *columns):
    """Let ordinary days differ so much in these columns that nothing would be drift."""
    known = drift.reference_of

    def reference_of(monitor, version):
        reference = known(monitor, version)
        habit = Usual(dict.fromkeys(columns, 0.9))
        return reference and replace(reference, usual=dict.fromkeys(reference.profiles, habit))

    monkeypatch.setattr(drift, "reference_of", reference_of)


def test_a_column_whose_ordinary_days_hide_every_change_is_muted_and_named(monitor, monkeypatch):
    muted(monkeypatch, "age")
    report = compare(monitor, age=lambda one: one + 1)
    check = report.checks["feature_drift"]
    assert check.passed
    assert check.words == "3 compared, none drifted; muted, as ordinary days differ too much: 'age'"
    assert report.numbers["features_muted"] == 1
    verdicts = {row["column"]: row["verdict"] for row in report.table}
    assert (verdicts["age"], verdicts["debt"]) == ("MUTED", "OK")


def test_where_every_column_is_muted_there_is_no_verdict(monitor, monkeypatch):
    muted(monkeypatch, "age", "debt", "country")
    check = compare(monitor).checks["feature_drift"]
    assert check.passed is None
    assert check.words.startswith("No verdict: muted, as ordinary days differ too much: ")


@pytest.mark.parametrize(
    ("change", "share"),
    [
        pytest.param({"age": lambda one: float("inf")}, 1.0, id="no usable value at all"),
        pytest.param({"age": lambda one: None}, None, id="no value, which the profile says"),
        pytest.param({"age": lambda one: one + 5}, None, id="every value there"),
    ],
)
def test_what_is_broken_and_what_it_weighs_are_signals(monitor, change, share):
    compare(monitor, **change)
    found = {(one.name, one.subject): one.value for one in stored_on(monitor, DAY)}
    assert found.get(("drift.unusable", "age")) == share
    assert "drift.importance" not in {name for name, _ in found}, "nobody knows that of age"


def test_the_weight_of_what_drifted_is_a_share_of_all(monitor):
    compare(monitor, debt=lambda one: one + 9)
    found = [one for one in stored_on(monitor, DAY) if one.name == "drift.importance"]
    assert [(one.subject, one.version, one.value) for one in found] == [("debt", "1", 1.0)]
