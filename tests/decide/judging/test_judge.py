"""A day is judged by its signals alone, and clears only what it has evidence for."""

from datetime import date, timedelta
from math import nan

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.judge import inhibited, judge_day, looks_back, names_read
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES, Evidence
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec import ModelSpec
from tests.incidents import standing

DAY = date(2026, 3, 10)
ROWS = Signal.on(DAY, "volume.rows", 300, n=300)


def spec(**changed):
    shortest = {
        "name": "churn",
        "owner": "team:growth",
        "task": "binary",
        "predictions": {"path": "data/{day}.parquet", "score": "score"},
        "labels": {"path": "labels/{day}.parquet", "mature_after_days": 5},
        "multivariate_drift": True,
    }
    return ModelSpec.model_validate(shortest | changed)


def judged(*signals, of=None, open_incidents=()):
    by_day = {}
    for one in signals:
        by_day.setdefault(one.known_on or one.day, []).append(one)
    return judge_day(
        of or spec(),
        DAY,
        LoadedSignals(by_day),
        traffic=Traffic("1", {"1": 1.0}),
        open_incidents=open_incidents,
    )


def drift(value, subject="income", *, name="drift.feature_drift", days_ago=0, **more):
    fields = {"severity": "P2", "version": "1", "reason": "moved", "baseline_name": "reference"}
    day = DAY - timedelta(days=days_ago)
    return Signal.on(day, name, value, subject=subject, **(fields | more))


def quality(value=0.5, metric="log_loss", **more):
    return Signal.on(
        DAY - timedelta(days=6), f"quality.{metric}", value, version="1", known_on=DAY, **more
    )


@pytest.mark.parametrize(
    ("signals", "evidence"),
    [
        pytest.param([], set(), id="nothing was stored"),
        pytest.param([ROWS], {Evidence.SERVICE}, id="rows"),
        pytest.param([Signal.on(DAY, "volume.rows", 0)], set(), id="no row"),
        pytest.param([drift(0.0)], {Evidence.FEATURES}, id="a feature that did not drift"),
        pytest.param([drift(nan)], set(), id="too few rows to tell"),
        pytest.param([drift(1.0, segment="country", segment_value="DE")], set(), id="a segment"),
        pytest.param([drift(0.0, "score", name="drift.prediction_drift")], {Evidence.PREDICTIONS},
                     id="an answer"),
        pytest.param([Signal.on(DAY, "estimate.log_loss", 0.5, baseline=0.5, version="1")],
                     {Evidence.ESTIMATE}, id="an estimate"),
        pytest.param([Signal.on(DAY, "estimate.log_loss", 0.5, version="1")], set(),
                     id="an estimate with nothing to compare it with"),
        pytest.param([Signal.on(DAY, "estimate.accuracy", 0.5, baseline=0.5, version="1")], set(),
                     id="an estimate that no rule is about"),
        pytest.param([quality()], {Evidence.QUALITY}, id="labels enough"),
    ],
)  # fmt: skip
def test_a_day_clears_only_what_it_has_evidence_for(signals, evidence):
    always = {Evidence.FILES, Evidence.LABELS}
    assert judged(*signals).evidence == always | evidence


def test_without_labels_nothing_is_said_of_them():
    assert judged(of=spec(labels=None)).evidence == {Evidence.FILES}


def test_a_model_that_is_not_critical_has_no_open_week():
    assert Evidence.WEEK in judged(of=spec(multivariate_drift=False)).evidence


@pytest.mark.parametrize(("value", "is_judged"), [(1.0, True), (0.0, True), (nan, False)])
def test_a_week_that_could_not_be_judged_clears_nothing(value, is_judged):
    monday = DAY - timedelta(days=8)
    week = Signal.over(monday, DAY - timedelta(days=2), "multivariate.multivariate_drift", value)
    assert (Evidence.WEEK in judged(week).evidence) is is_judged


def test_every_judge_is_asked_and_the_most_urgent_comes_first():
    found = judged(
        ROWS,
        Signal.on(DAY, "service.error_rate", 0.5, n=300),
        Signal.stating(DAY, "contract.schema_breach", "age", "gone", severity=Severity.P3),
        *(drift(1.0, days_ago=n) for n in range(3)),
        *(drift(1.0, "score", name="drift.prediction_drift", days_ago=n) for n in range(3)),
        of=spec(rules={"own": {"busy": {"signal": "volume.rows", "above": 1, "severity": "P1"}}}),
    ).findings
    assert [(one.severity, one.kind) for one in found] == [
        (Severity.P0, FindingKind.SERVICE_ERRORS),
        (Severity.P1, FindingKind.OWN_RULE),
        (Severity.P2, FindingKind.PREDICTION_DRIFT),
        (Severity.P2, FindingKind.FEATURE_DRIFT),
        (Severity.P3, FindingKind.SCHEMA_BREACH),
    ]


@pytest.mark.parametrize(
    ("alert", "severities"),
    [({}, [Severity.P0]), ({"severity": "P3"}, [Severity.P3]), ({"enabled": False}, [])],
    ids=["as the catalogue has it", "as the owner asked", "turned off"],
)
def test_the_owner_overrides_by_the_name_of_the_rule(alert, severities):
    of = spec(rules={"alerts": {"service_errors": alert}})
    found = judged(ROWS, Signal.on(DAY, "service.error_rate", 0.5, n=300), of=of).findings
    assert [one.severity for one in found] == severities


def incident(name):
    return standing(name, day=DAY, kind=FindingKind.OWN_RULE)


@pytest.mark.parametrize(
    ("firing", "may_clear"),
    [("busy", True), ("gone", True), ("silent", False), ("silent (score)", False)],
    ids=["it is judged", "no such rule any more", "it has no number", "nor of its subject"],
)
def test_a_rule_that_fired_is_cleared_by_its_own_number_alone(firing, may_clear):
    own = {
        "busy": {"signal": "volume.rows", "above": 1000},
        "silent": {"signal": "prediction.mean", "above": 1},
    }
    found = judged(ROWS, of=spec(rules={"own": own}), open_incidents=[incident(firing)])
    assert (Evidence.OWN in found.evidence) is may_clear


@pytest.mark.parametrize(
    ("expected", "severity"),
    [(0.9, Severity.P2), (0.5, Severity.P3)],
    ids=["expected quality is worse", "expected quality is as ever"],
)
def test_drift_of_a_feature_is_told_where_the_day_says_that_quality_is_worse(expected, severity):
    days = [
        one
        for n in range(3)
        for one in (
            drift(1.0, days_ago=n),
            Signal.on(DAY - timedelta(days=n), "estimate.log_loss", expected, low=expected,
                      high=expected, n=300, baseline=0.5, version="1"),
        )
    ]  # fmt: skip
    found = {one.kind: one.severity for one in judged(*days).findings}
    assert found[FindingKind.FEATURE_DRIFT] is severity
    assert (FindingKind.EXPECTED_DROP in found) is (severity is Severity.P2)


@pytest.mark.parametrize("quantity", ["unusable", "importance"])
def test_it_reads_what_makes_drift_urgent(quantity):
    assert f"drift.{quantity}" in names_read(spec())


def test_it_looks_back_as_far_as_the_days_that_drift_must_last():
    of = spec(rules={"alerts": {"feature_drift": {"of_days": 60}}})
    assert looks_back(of) == timedelta(days=60)


@pytest.mark.parametrize(
    "kind", [kind for kind, rule in RULES.items() if rule.limit or rule.stated_as]
)
def test_the_signals_of_the_catalogue_are_among_those_that_are_read(kind):
    rule = RULES[kind]
    assert {*rule.stated_as, *([rule.limit.signal] if rule.limit else [])} <= names_read(spec())


@pytest.mark.parametrize("quantity", ["log_loss", "calibration_gap"])
def test_it_reads_how_quality_varies(quantity):
    """Else a backtest finds what the verdict holds for normal variation."""
    assert {f"variation.{quantity}", f"quality.{quantity}"} <= names_read(spec())


def test_it_reads_what_the_owner_names_and_as_far_back():
    of = spec(rules={"own": {"slow": {"signal": "labels.arrived", "above": 1, "of_days": 31}}})
    assert "labels.arrived" in names_read(of)
    assert looks_back(of) == timedelta(days=45)  # as the charts of quality do
    slow = spec(labels={"path": "labels/{day}.parquet", "mature_after_days": 30})
    assert looks_back(slow) == timedelta(days=58)  # four weeks, and the wait for labels


def found(kind, severity, subject="income"):
    return Finding("churn", DAY, kind, subject, Severity(severity), f"{subject} is off", "step")


@pytest.mark.parametrize(
    ("cause", "severity", "is_told"),
    [
        pytest.param(FindingKind.SCHEMA_BREACH, "P1", False, id="a broken feed explains it"),
        pytest.param(FindingKind.LOW_VOLUME, "P1", False, id="and so do rows that are missing"),
        pytest.param(FindingKind.SCHEMA_BREACH, "P3", True, id="what is on record alone does not"),
        pytest.param(FindingKind.SLOW_SERVICE, "P0", True, id="nor does another problem"),
    ],
)
@pytest.mark.parametrize(
    "kind",
    [FindingKind.FEATURE_DRIFT, FindingKind.PREDICTION_DRIFT, FindingKind.EXPECTED_DROP],
)
def test_what_a_broken_feed_explains_is_on_record_and_names_it(kind, cause, severity, is_told):
    first, second = inhibited([found(cause, severity), found(kind, "P1")], still_open=[])
    assert first == found(cause, severity)
    assert (second.severity is Severity.P1) is is_told
    said = f"recorded only: {RULES[cause].title} of the same day comes first"
    assert (said in second.words) is not is_told


def test_quality_that_labels_show_is_told_beside_a_broken_feed():
    """It is about other days."""
    some = [found(FindingKind.SCHEMA_BREACH, "P1"), found(FindingKind.PERFORMANCE_DROP, "P1")]
    assert inhibited(some, still_open=[]) == some


@pytest.mark.parametrize(
    ("today", "still_open", "said"),
    [
        pytest.param(FindingKind.LOW_VOLUME, [], "low volume of the same day", id="today"),
        pytest.param(
            FindingKind.SLOW_SERVICE, [FindingKind.LOW_VOLUME], "low volume of the days before",
            id="on the days that the labels are about",
        ),
        pytest.param(FindingKind.SLOW_SERVICE, [], None, id="nothing explains it"),
    ],
)  # fmt: skip
def test_labels_without_a_prediction_are_explained_by_rows_that_are_missing(
    today, still_open, said
):
    some = [found(today, "P1"), found(FindingKind.ORPHAN_LABELS, "P2")]
    _, orphans = inhibited(some, still_open=still_open)
    assert orphans.severity is (Severity.P3 if said else Severity.P2)
    assert said is None or f"recorded only: {said} comes first" in orphans.words


def test_what_drifts_after_the_feed_was_mended_is_told():
    drift = found(FindingKind.FEATURE_DRIFT, "P2")
    assert inhibited([drift], still_open=[FindingKind.LOW_VOLUME]) == [drift]


def test_no_rule_inhibits_itself_nor_one_that_inhibits_it():
    for kind, rule in RULES.items():
        assert kind not in rule.inhibited_by
        assert not any(kind in RULES[one].inhibited_by for one in rule.inhibited_by)
