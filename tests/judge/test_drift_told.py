"""Which drift is told: what lasts, answers first, then by weight; broken inputs at once."""

from dataclasses import replace

import pytest

from monitoring_dagster.judge import verdict
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.step_findings import VERDICT, stored_findings
from monitoring_dagster.store.references import version_reference as reference
from tests.world import START, day_after

DAYS = [day_after(START, n) for n in range(3)]
LAST = DAYS[-1]


@pytest.fixture
def lived(founded, tmp_path):
    return founded.copied_to(tmp_path)


def live(world, day, **changed):
    """One day whose log is changed column by column; returns the findings about drift."""
    log = world.served(day)
    world.write(day, log=log.assign(**{name: how(log[name]) for name, how in changed.items()}))
    for step in (profile, drift, verdict):
        step.run(world.monitor, day)
    kinds = (FindingKind.PREDICTION_DRIFT, FindingKind.FEATURE_DRIFT)
    return [one for one in stored_findings(world.monitor, VERDICT, day) if one.kind in kinds]


def lasting(world, **changed):
    """Three such days; returns what was found on the last."""
    return [live(world, day, **changed) for day in DAYS][-1]


def subjects(found, kind=FindingKind.FEATURE_DRIFT):
    return [one.subject for one in found if one.kind is kind]


def test_nobody_is_told_before_the_third_day(lived):
    changed = {"score": lambda x: x**8, "age": lambda x: x + 60}
    first, second, third = (live(lived, day, **changed) for day in DAYS)
    assert first == second == []
    assert {one.subject for one in third} >= {"score", "age"}
    assert all("drifted on 3 of its last 3 judged days" in one.words for one in third)
    report = drift.run(lived.monitor, START)
    assert not report.checks["feature_drift"].passed, "which shows the very first"


def test_answers_come_first_then_what_weighs_most(lived):
    found = lasting(lived, score=lambda x: x**8, age=lambda x: x + 60, income=lambda x: x + 30,
                    debt=lambda x: x + 20)  # fmt: skip
    kinds = [one.kind for one in found]
    assert kinds == sorted(kinds, key=lambda kind: kind is not FindingKind.PREDICTION_DRIFT)
    weights = reference.reference_of(lived.monitor, "1").importances
    told = subjects(found)
    assert set(told) == {"age", "income", "debt"}
    assert told == sorted(told, key=lambda name: -weights[name])  # all moved nearly as far


def test_a_feature_whose_drift_the_answers_share_is_told_and_says_so(lived):
    found = lasting(lived, score=lambda x: x**8, age=lambda x: x + 60)
    (age,) = [one for one in found if one.subject == "age"]
    assert age.severity is Severity.P2
    assert "at the same time: prediction drift of score" in age.words


def test_without_importances_the_size_of_the_effect_decides(lived, monkeypatch):
    known = reference.reference_of(lived.monitor, "1")
    monkeypatch.setattr(drift, "reference_of", lambda *_: replace(known, importances={}))
    found = lasting(lived, age=lambda x: x + 8, income=lambda x: x + 30)
    assert subjects(found) == ["income", "age"]
    assert "recorded only: no consequence seen for answers or quality" in found[0].words


def test_sudden_over_confidence_is_told_and_names_the_share(lived):
    found = lasting(lived, score=lambda x: x.where(x.index % 2 == 0, 0.99))
    (extremes,) = [one for one in found if one.subject == "score: extremes"]
    assert extremes.kind is FindingKind.PREDICTION_DRIFT
    assert "'above 0.95' from " in extremes.words
    report = drift.run(lived.monitor, LAST)
    assert report.numbers["extreme_share"] > 0.5
    assert not report.checks["prediction_drift"].passed


def test_a_class_that_is_predicted_more_often_is_told(lived):
    found = lasting(lived, prediction=lambda x: x.where(x.index % 20 == 0, 1))
    (told,) = [one for one in found if one.subject == "prediction"]
    assert told.severity is Severity.P1
    assert "'1' from " in told.words or "'0' from " in told.words


def test_a_new_segment_is_a_finding(lived):
    found = lasting(lived, country=lambda x: x.where(x.index % 4 != 0, "IT"))
    (told,) = [one for one in found if one.subject == "country"]
    assert "new category 'IT': 2" in told.words
    rows = lived.monitor.results.read("tiny", DRIFT, LAST).to_pylist()
    assert {row["verdict"] for row in rows if row["value"] == "IT"} == {"INSUFFICIENT"}


@pytest.mark.parametrize(
    ("column", "how", "words"),
    [
        pytest.param("plan", lambda x: x.astype(str) + "-v2", "new category 'p",
                     id="all new"),
        pytest.param("age", lambda x: x + float("inf"), "infinite values: 100.0% of rows",
                     id="all infinite"),
        pytest.param("score", lambda x: x * float("nan"), "missing values rose from 0.0% to 100",
                     id="an answer"),
    ],
)  # fmt: skip
def test_a_broken_column_is_told_on_the_first_day(lived, column, how, words):
    found = live(lived, START, **{column: how})
    (broken,) = (one for one in found if one.subject == column)
    assert broken.severity is Severity.P1
    assert words in broken.words
