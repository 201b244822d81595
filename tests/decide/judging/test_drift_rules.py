"""Drift is found where it lasts, told where it has a consequence, and broken inputs at once."""

from datetime import date, timedelta
from math import nan

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.drift_rules import drift_findings
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec import ModelSpec

DAY = date(2026, 3, 10)
TRAINING, ROLLING = "training", "rolling, 28 days"
SEEN = Signal.on(DAY, "estimate.log_loss", 0.4, baseline=0.4, version="1")
WORSE = Finding(
    "churn", DAY, FindingKind.EXPECTED_DROP, "log_loss", Severity.P2, "worse", "estimate"
)
FOR_THE_RECORD = "recorded only: no consequence seen for answers or quality"


def spec(**rules):
    return ModelSpec.model_validate(
        {
            "name": "churn", "owner": "team:growth", "task": "binary",
            "predictions": {"path": "data/{day}.parquet", "score": "score"},
            "rules": rules,
        }
    )  # fmt: skip


def verdicts(*newest_first, subject="income", role="feature", version="1", baseline=TRAINING,
             severity="P2", reason="moved", **more):  # fmt: skip
    return [
        Signal.on(
            DAY - timedelta(days=n), f"drift.{role}_drift", value, subject=subject,
            version=version, baseline_name=baseline, severity=severity, reason=reason, **more,
        )
        for n, value in enumerate(newest_first)
    ]  # fmt: skip


def scores(*newest_first, **more):
    return verdicts(
        *newest_first, **({"subject": "score", "role": "prediction", "severity": "P1"} | more)
    )


def unusable(subject="income", version="1", against=TRAINING, *, days_ago=0, before=0.0, now=1.0):
    day = DAY - timedelta(days=days_ago)
    return Signal.on(day, "drift.unusable", now, subject=subject, version=version,
                     baseline=before, baseline_name=against)  # fmt: skip


def found(*signals, of=None, quality=(), traffic=None):
    by_day = {}
    for one in signals:
        by_day.setdefault(one.day, []).append(one)
    log = LoadedSignals(by_day)
    traffic = traffic or Traffic("1", {"1": 1.0})
    return drift_findings(of or spec(), DAY, log.on(DAY), log, traffic, quality)


def told(*signals, **more):
    return [(one.subject, one.severity) for one in found(*signals, **more)]


@pytest.mark.parametrize(
    ("newest_first", "severities"),
    [
        pytest.param([1], [], id="one day"),
        pytest.param([1, 1], [], id="two days"),
        pytest.param([1, 1, 1], [Severity.P1], id="three days"),
        pytest.param([1, 0, 1, 0, 1], [Severity.P1], id="three of five"),
        pytest.param([1, 0, 1, 0, 0, 1], [], id="three of six"),
        pytest.param([1, nan, 1, nan, nan, 1], [Severity.P1], id="three judged days"),
        pytest.param([0, 1, 1, 1], [], id="not today"),
        pytest.param([nan, 1, 1, 1], [], id="not judged today"),
    ],
)
def test_answers_are_told_where_their_drift_lasts(newest_first, severities):
    assert [one.severity for one in found(*scores(*newest_first))] == severities


def test_the_words_say_for_how_long():
    (one,) = found(*scores(1, 1, 0, 1, 0))
    assert one.words == "score of version 1: moved; drifted on 3 of its last 5 judged days"


def test_the_owner_sets_the_days():
    of = spec(alerts={"prediction_drift": {"breaches": 1, "of_days": 1},
                      "feature_drift": {"breaches": 2, "of_days": 2}})  # fmt: skip
    signals = [*scores(1), *verdicts(1, 1), *verdicts(1, 0, subject="age"), SEEN]
    assert told(*signals, of=of) == [("score", Severity.P1), ("income", Severity.P3)]


def test_a_feature_that_drifts_for_days_is_recorded_where_nothing_comes_of_it():
    (one,) = found(*verdicts(1, 1, 1), SEEN)
    assert one.severity is one.at_most is Severity.P3
    assert one.words == (
        f"income of version 1: moved; drifted on 3 of its last 3 judged days; {FOR_THE_RECORD}"
    )


@pytest.mark.parametrize(
    ("newest_first", "expected"),
    [([1], []), ([1, 1], []), ([1, 1, 1], [("income", Severity.P2)])],
    ids=["one day", "two days", "three days"],
)
def test_with_a_consequence_it_is_told_once_it_lasts(newest_first, expected):
    assert told(*verdicts(*newest_first), SEEN, quality=[WORSE]) == expected


def test_a_feature_that_moved_little_stays_for_the_record_and_may_be_made_louder():
    (one,) = found(*verdicts(1, 1, 1, severity="P3"), quality=[WORSE])
    assert one.severity is Severity.P3
    assert one.with_severity(Severity.P1).severity is Severity.P1


def test_the_owner_cannot_make_drift_without_consequence_louder():
    (one,) = found(*verdicts(1, 1, 1), SEEN)
    assert one.with_severity(Severity.P1).severity is Severity.P3


@pytest.mark.parametrize("make", [verdicts, scores], ids=["a feature", "an answer"])
def test_a_broken_column_is_told_at_once_whatever_comes_of_it(make):
    (signal,) = make(1, severity="P1", subject="x")
    (one,) = found(signal, unusable("x"), SEEN)
    assert one.severity is Severity.P1
    assert one.words == "x of version 1: moved"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(unusable("age"), id="another column"),
        pytest.param(unusable(version="2"), id="another version"),
        pytest.param(unusable(against=ROLLING), id="against another baseline"),
    ],
)
def test_only_the_broken_column_is_told_at_once(broken):
    assert told(*verdicts(1), broken) == []


@pytest.mark.parametrize(
    ("before", "now", "is_told"),
    [
        pytest.param(0.0, 0.9, True, id="nine in ten values are gone"),
        pytest.param(0.0, 0.89, False, id="fewer"),
        pytest.param(0.5, 0.96, True, id="nine in ten of those that there were"),
        pytest.param(0.5, 0.94, False, id="fewer of those"),
        pytest.param(nan, 0.9, True, id="a day that was stored without the share before"),
    ],
)
def test_on_the_first_day_nearly_all_usable_values_must_be_gone(before, now, is_told):
    signals = [*verdicts(1, severity="P1"), unusable(before=before, now=now)]
    assert told(*signals) == ([("income", Severity.P1)] if is_told else [])


@pytest.mark.parametrize(
    ("days_ago", "is_told"),
    [([0], False), ([0, 1], True), ([0, 4], True), ([0, 5], False)],
    ids=["one day", "two days", "two of five", "two of six"],
)
def test_where_half_are_gone_the_second_day_is_told(days_ago, is_told):
    """A storm may cost a day's values, too."""
    seen = [unusable(days_ago=n, now=0.6) for n in days_ago]
    days = [float(n in days_ago) for n in range(6)]
    assert told(*verdicts(*days, severity="P1"), *seen, SEEN) == (
        [("income", Severity.P1)] if is_told else []
    )


def test_the_owner_may_ask_for_the_first_day_of_half_a_break():
    of = spec(alerts={"feature_drift": {"breaches": 1, "of_days": 1}})
    assert told(*verdicts(1, severity="P1"), unusable(now=0.5), of=of) == [("income", Severity.P1)]


class TestBaselines:
    """A season drifts against training, and hardly against the weeks before."""

    of = spec(drift={"baselines": [{"kind": "training"}, {"kind": "rolling", "days": 28}]})

    @pytest.mark.parametrize(
        ("rolling", "words"),
        [
            pytest.param([0, 0, 0], ", not against rolling, 28 days; ", id="a season"),
            pytest.param([1, 1, 1], ", also against rolling, 28 days; ", id="a jump"),
            pytest.param([1, 1, 0], ", not against rolling, 28 days; ", id="no more"),
            pytest.param([nan, nan, nan], "3 judged days; recorded", id="nobody knows"),
        ],
    )
    def test_without_a_consequence_it_is_recorded_and_names_the_baselines(self, rolling, words):
        signals = [*verdicts(1, 1, 1), *verdicts(*rolling, baseline=ROLLING), SEEN]
        (one,) = found(*signals, of=self.of)
        assert one.severity is Severity.P3
        assert one.words.startswith("income of version 1 against training: moved; ")
        assert words in one.words

    def test_with_one_it_is_told_whatever_the_baseline(self):
        signals = [*verdicts(1, 1, 1), *verdicts(0, 0, 0, baseline=ROLLING)]
        assert told(*signals, of=self.of, quality=[WORSE]) == [("income", Severity.P2)]

    def test_days_against_several_baselines_do_not_add_up(self):
        signals = [*verdicts(1, 1, 0), *verdicts(1, 0, 1, baseline=ROLLING)]
        assert told(*signals, of=self.of) == []

    def test_the_baseline_against_which_it_lasts_speaks(self):
        signals = [*verdicts(1, 0, 0), *verdicts(1, 1, 1, baseline=ROLLING), SEEN]
        (one,) = found(*signals, of=self.of)
        assert one.words.startswith("income of version 1 against rolling, 28 days: ")
        assert ", not against training; " in one.words


def test_a_segment_speaks_where_the_whole_is_silent():
    where = {"segment": "country", "segment_value": "DE", "severity": "P3", "reason": "there"}
    segment, calm = verdicts(1, 1, 1, **where), verdicts(0, 0, 0)
    (one,) = found(*calm, *segment, SEEN)
    assert one.words.startswith("income of version 1 where country is DE: there; ")
    (one,) = found(*verdicts(1, 1, 1), *segment, SEEN)
    assert one.words.startswith("income of version 1: moved")


class TestVersions:
    """Side by side."""

    both = Traffic("1", {"1": 0.6, "2": 0.4})

    def test_an_input_of_all_versions_is_the_champions_finding(self):
        seen = [SEEN, Signal.on(DAY, "estimate.log_loss", 0.4, baseline=0.4, version="2")]
        signals = [*verdicts(1, 1, 1, version="2"), *verdicts(1, 1, 1), *seen]
        (one,) = found(*signals, traffic=self.both)
        assert one.subject == "income"
        assert one.words.endswith(f"{FOR_THE_RECORD} (likewise version 2)")

    def test_another_version_speaks_where_it_has_a_consequence_and_the_champion_none(self):
        worse = Finding("churn", DAY, FindingKind.EXPECTED_DROP, "log_loss of version 2",
                        Severity.P2, "worse", "estimate")  # fmt: skip
        signals = [*verdicts(1, 1, 1), *verdicts(1, 1, 1, version="2"), SEEN]
        assert told(*signals, traffic=self.both, quality=[worse]) == [
            ("income", Severity.P3),
            ("income of version 2", Severity.P2),
        ]

    def test_each_has_its_own_days(self):
        signals = [*verdicts(1, 1, 1, version="2"), *verdicts(1, 0, 0), SEEN]
        assert told(*signals, traffic=self.both) == [("income of version 2", Severity.P2)]

    def test_answers_are_each_versions_own(self):
        signals = [*scores(1, 1, 1, version="2"), *scores(1, 1, 1)]
        assert told(*signals, traffic=self.both) == [
            ("score", Severity.P1),
            ("score of version 2", Severity.P2),
        ]


def test_answers_come_before_features_and_make_them_matter():
    signals = [*verdicts(1, 1, 1), *scores(1, 1, 1), SEEN]
    assert told(*signals) == [("score", Severity.P1), ("income", Severity.P2)]


def test_a_day_without_drift_looks_at_no_other_day():
    class Today:
        def between(self, *_):
            pytest.fail("nothing drifted today")

    calm = verdicts(0)
    assert drift_findings(spec(), DAY, calm, Today(), Traffic("1", {"1": 1.0}), []) == []
