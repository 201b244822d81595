"""Drift of a feature matters where answers drift or quality gets worse, or where nobody can see."""

from datetime import date, timedelta

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.drift_consequences import Consequences
from monitoring_dagster.decide.judging.lasting_drift import ComparedColumn, DriftDays
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec import ModelSpec

DAY = date(2026, 3, 10)
SPEC = ModelSpec.model_validate(
    {
        "name": "churn", "owner": "team:growth", "task": "binary",
        "predictions": {"path": "data/{day}.parquet", "score": "score"},
    }
)  # fmt: skip
TRAFFIC = Traffic("1", {"1": 0.6, "2": 0.4})


def feature(n=0, version="1"):
    return Signal.on(
        DAY - timedelta(days=n), "drift.feature_drift", 1.0, subject="income", version=version,
        baseline_name="training",
    )  # fmt: skip


def answer(n=0, version="1"):
    return Signal.on(
        DAY - timedelta(days=n), "drift.prediction_drift", 1.0, subject="score", version=version,
        baseline_name="training",
    )  # fmt: skip


def finding(kind, subject="log_loss", *, severity=Severity.P2, about=None):
    return Finding("churn", DAY, kind, subject, severity, "worse", "estimate", about)


def quality(area="estimate", n=0, *, baseline=0.4, version="1", metric="log_loss"):
    day = DAY - timedelta(days=n)
    return Signal.on(day, f"{area}.{metric}", 0.4, baseline=baseline, version=version)


def importance(share, version="1"):
    return Signal.on(DAY, "drift.importance", share, subject="income", version=version)


def matter(*signals, quality=(), version="1"):
    by_day = {}
    for one in signals:
        by_day.setdefault(one.day, []).append(one)
    log = LoadedSignals(by_day)
    series = {ComparedColumn.of(one) for one in signals if one.name.endswith("_drift")}
    days = DriftDays.upto(DAY, log, series, of_days=5)
    found = Consequences(SPEC, DAY, log, TRAFFIC, days, quality)
    return found.of(feature(version=version))


SEEN = quality()  # so that it could be seen
FOR_THE_RECORD = "recorded only: no consequence seen for answers or quality"


def test_without_a_consequence_it_is_for_the_record_and_says_so():
    assert matter(feature(), SEEN, importance(0.9)) == (False, FOR_THE_RECORD)


@pytest.mark.parametrize(
    ("days", "version", "matters"),
    [
        pytest.param(3, "1", True, id="as long"),
        pytest.param(2, "1", False, id="not as long"),
        pytest.param(3, "2", False, id="of another version"),
    ],
)
def test_answers_that_drift_too_are_a_consequence(days, version, matters):
    found = matter(feature(), SEEN, *(answer(n, version) for n in range(days)))
    assert found.matters is matters
    assert (found.words == "at the same time: prediction drift of score") is matters


@pytest.mark.parametrize(
    ("one", "matters"),
    [
        pytest.param(finding(FindingKind.EXPECTED_DROP), True, id="expected quality"),
        pytest.param(finding(FindingKind.PERFORMANCE_DROP), True, id="realised quality"),
        pytest.param(finding(FindingKind.SEGMENT_DROP, "log_loss where plan is a"), True,
                     id="of a segment"),
        pytest.param(finding(FindingKind.EXPECTED_DROP, severity=Severity.P3), False,
                     id="by an unreliable estimate"),
        pytest.param(finding(FindingKind.EXPECTED_DROP, "log_loss of version 2"), False,
                     id="of another version"),
        pytest.param(finding(FindingKind.LOW_VOLUME, "rows"), False, id="no quality"),
    ],
)  # fmt: skip
def test_quality_that_gets_worse_is_a_consequence(one, matters):
    assert matter(feature(), SEEN, quality=[one]).matters is matters


def test_the_words_name_the_consequences():
    worse = [finding(FindingKind.EXPECTED_DROP), finding(FindingKind.PERFORMANCE_DROP, "bias")]
    found = matter(feature(), *(answer(n) for n in range(3)), quality=worse)
    assert found.words == (
        "at the same time: prediction drift of score, expected drop of log_loss, performance drop"
        " of bias"
    )


@pytest.mark.parametrize(("days_ago", "matters"), [(6, True), (7, False)])
def test_labels_that_come_late_must_be_of_days_on_which_it_drifted(days_ago, matters):
    about = DAY - timedelta(days=days_ago)
    worse = finding(FindingKind.PERFORMANCE_DROP, about=about)
    drifted = [feature(n) for n in range(7)]
    assert matter(*drifted, SEEN, quality=[worse]).matters is matters


def test_another_versions_quality_is_a_consequence_of_its_own_features_alone():
    worse = [finding(FindingKind.EXPECTED_DROP, "log_loss of version 2")]
    assert matter(feature(version="2"), quality=worse, version="2").matters
    assert not matter(feature(), SEEN, quality=worse).matters


@pytest.mark.parametrize(
    ("one", "seen"),
    [
        pytest.param(quality(), True, id="an estimate"),
        pytest.param(quality("quality"), True, id="labels"),
        pytest.param(quality("quality", 27), True, id="four weeks ago"),
        pytest.param(quality("quality", 28), False, id="longer ago"),
        pytest.param(quality(version="2"), False, id="of another version"),
        pytest.param(quality(baseline=float("nan")), False, id="with nothing to compare it with"),
        pytest.param(quality(metric="accuracy"), False, id="of a metric that is not judged"),
    ],
)
def test_where_quality_can_be_seen_importance_is_no_reason(one, seen):
    found = matter(feature(), one, importance(0.9))
    assert found == (False, FOR_THE_RECORD) if seen else found.matters


@pytest.mark.parametrize(
    ("weights", "matters", "words"),
    [
        pytest.param([importance(0.34)], True, "the feature carries 34.0% of the",
                     id="it weighs much"),
        pytest.param([importance(0.1)], True, "carries 10.0%", id="a tenth"),
        pytest.param([importance(0.099)], False, "recorded only: the feature carries 9.9%",
                     id="less than a tenth"),
        pytest.param([], True, "nor how much the feature weighs", id="nobody knows"),
        pytest.param([importance(0.01, "2")], True, "nor how much", id="known of another version"),
    ],
)  # fmt: skip
def test_where_nobody_can_see_quality_what_weighs_much_matters(weights, matters, words):
    found = matter(feature(), *weights)
    assert found.matters is matters
    assert words in found.words
    assert ("cannot be seen (no estimate, no labels)" in found.words) is matters
