"""Which drift is told: answers first, the weightiest features next, and no more than a budget."""

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

NEXT = day_after(START)


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


def subjects(found, kind=FindingKind.FEATURE_DRIFT):
    return [one.subject for one in found if one.kind is kind]


def test_answers_come_first_then_what_weighs_most(lived):
    found = live(lived, START, score=lambda x: x**8, age=lambda x: x + 60, income=lambda x: x + 30,
                 debt=lambda x: x + 20)  # fmt: skip
    kinds = [one.kind for one in found]
    assert kinds == sorted(kinds, key=lambda kind: kind is not FindingKind.PREDICTION_DRIFT)
    weights = reference.reference_of(lived.monitor, "1").importances
    told = subjects(found)
    assert set(told) == {"age", "income", "debt"}
    assert told == sorted(told, key=lambda name: -weights[name])  # all moved nearly as far


def test_without_importances_the_size_of_the_effect_decides(lived, monkeypatch):
    known = reference.reference_of(lived.monitor, "1")
    monkeypatch.setattr(drift, "reference_of", lambda *_: replace(known, importances={}))
    found = live(lived, START, age=lambda x: x + 8, income=lambda x: x + 30)
    assert subjects(found) == ["income", "age"]


def test_sudden_over_confidence_is_told_and_names_the_share(lived):
    found = live(lived, START, score=lambda x: x.where(x.index % 2 == 0, 0.99))
    (extremes,) = [one for one in found if one.subject == "score: extremes"]
    assert extremes.kind is FindingKind.PREDICTION_DRIFT
    assert "'above 0.95' from " in extremes.words
    report = drift.run(lived.monitor, START)
    assert report.numbers["extreme_share"] > 0.5
    assert not report.checks["prediction_drift"].passed


def test_a_class_that_is_predicted_more_often_is_told_the_same_day(lived):
    found = live(lived, START, prediction=lambda x: x.where(x.index % 20 == 0, 1))
    (told,) = [one for one in found if one.subject == "prediction"]
    assert told.severity is Severity.P1
    assert "'1' from " in told.words or "'0' from " in told.words


def test_a_new_segment_is_a_finding(lived):
    found = live(lived, START, country=lambda x: x.where(x.index % 4 != 0, "IT"))
    (told,) = [one for one in found if one.subject == "country"]
    assert "new category 'IT': 2" in told.words
    rows = lived.monitor.results.read("tiny", DRIFT, START).to_pylist()
    assert {row["verdict"] for row in rows if row["value"] == "IT"} == {"INSUFFICIENT"}


def test_beyond_the_budget_drift_is_recorded_and_not_told(lived):
    world = replace(lived, spec_changes={"rules": {"drift": {"max_alerts_in_30_days": 1}}})
    shift = {"age": lambda x: x + 60, "income": lambda x: x + 40, "debt": lambda x: x + 30}
    first = live(world, START, **shift)
    told = [one for one in first if one.kind is FindingKind.FEATURE_DRIFT]
    assert [one.severity for one in told] == [Severity.P2, Severity.P3, Severity.P3]
    assert told[1].words.endswith("(recorded only: 1 features were told in 30 days)")
    second = live(world, NEXT, **shift)
    again = {one.subject: one.severity for one in second}
    assert again[told[0].subject] is Severity.P2  # what was told goes on being told
    assert again[told[1].subject] is Severity.P3


def test_answers_are_told_whatever_the_budget(lived):
    world = replace(lived, spec_changes={"rules": {"drift": {"max_alerts_in_30_days": 0}}})
    found = live(world, START, score=lambda x: x**8, age=lambda x: x + 60)
    assert {one.severity for one in found if one.subject == "score"} <= {Severity.P1, Severity.P2}
    assert [one.severity for one in found if one.subject == "age"] == [Severity.P3]


@pytest.mark.parametrize(
    ("column", "how", "words"),
    [
        pytest.param("income", lambda x: x * float("nan"), "missing values rose from 0.0% to 100",
                     id="all missing"),
        pytest.param("plan", lambda x: x.astype(str) + "-v2", "new category 'p",
                     id="all new"),
        pytest.param("age", lambda x: x + float("inf"), "infinite values: 100.0% of rows",
                     id="all infinite"),
    ],
)  # fmt: skip
def test_a_broken_input_is_told_whatever_the_budget_and_takes_none_of_it(lived, column, how, words):
    world = replace(lived, spec_changes={"rules": {"drift": {"max_alerts_in_30_days": 1}}})
    (broken,) = (one for one in live(world, START, **{column: how}) if one.subject == column)
    assert broken.severity is Severity.P1
    assert words in broken.words
    later = live(world, NEXT, **{column: how}, debt=lambda x: x + 60)
    told = {one.subject: one.severity for one in later if one.subject in (column, "debt")}
    assert told == {column: Severity.P1, "debt": Severity.P2}
