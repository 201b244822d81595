"""Thresholds have defaults that are the recommended values, and rules are known by name."""

from dataclasses import asdict

import pytest
from pydantic import ValidationError

from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec import Baseline
from monitoring_dagster.spec.rules.alert_settings import Alert
from monitoring_dagster.spec.rules.limits import Drift, Rules, Service
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from tests.spec.written import told


@pytest.mark.parametrize(
    ("baseline", "label"),
    [
        pytest.param({}, "training", id="by default"),
        pytest.param({"days": 7}, "training", id="training has no days"),
        pytest.param({"kind": "rolling"}, "rolling, 28 days", id="the days before"),
        pytest.param({"kind": "frozen", "days": 14}, "frozen, 14 days", id="the first days"),
        pytest.param({"kind": "same_weekday", "days": 56}, "same weekday, 56 days",
                     id="the same weekdays"),
    ],
)  # fmt: skip
def test_a_baseline_is_called_by_its_kind_and_days(baseline, label):
    assert Baseline(**baseline).label == label


def test_what_the_owner_writes_of_drift_is_what_the_statistics_get():
    """And what is not written is what the statistics recommend."""
    assert Drift().settings() == DriftSettings()
    written = dict.fromkeys(asdict(DriftSettings()), 0.5) | {"min_rows": 7}
    assert asdict(Drift(**written).settings()) == written


@pytest.mark.parametrize(
    ("record", "key", "good", "bad"),
    [
        *(
            pytest.param(Drift, key, [0.001, 0.999], [0.0, 1.0], id=key)
            for key in (
                "alpha",
                "min_effect",
                "min_missing",
                "min_new_category",
                "min_infinite",
                "min_out_of_range",
            )
        ),
        pytest.param(Drift, "min_rows", [2], [1], id="rows"),
        pytest.param(Drift, "psi_alert", [0.001, 9.0], [0.0], id="PSI"),
        pytest.param(Baseline, "days", [1, 366], [0, 367], id="days of a baseline"),
        pytest.param(Service, "max_error_rate", [0.001, 0.999], [0.0, 1.0], id="errors"),
        pytest.param(Service, "max_p99_ms", [0.1, None], [0.0], id="latency"),
        pytest.param(Service, "min_rows_share", [0.0, 0.999], [-0.1, 1.0], id="volume"),
    ],
)
def test_thresholds_end_where_they_mean_nothing_any_more(record, key, good, bad):
    for number in good:
        assert getattr(record(**{key: number}), key) == number
    for number in bad:
        with pytest.raises(ValidationError, match="than"):
            record(**{key: number})


def test_without_a_word_a_service_is_ill_from_every_tenth_error_and_half_of_its_traffic_on():
    assert Service() == Service(max_error_rate=0.10, max_p99_ms=None, min_rows_share=0.5)
    assert Drift().baselines == [Baseline(kind="training", days=28)]


def test_a_day_is_compared_with_something():
    ((place, message),) = told("rules.drift", {"baselines": []})
    assert place == "rules.drift.baselines"
    assert "at least 1 item" in message


@pytest.mark.parametrize(
    ("alerts", "place", "words"),
    [
        pytest.param({"perfomance_drop": {}}, "rules.alerts.perfomance_drop",
                     "there is no rule 'perfomance_drop'. Did you mean 'performance_drop'",
                     id="a misspelt rule"),
        pytest.param({"retraining": {}}, "rules.alerts.retraining",
                     "there is no rule 'retraining'", id="what is announced is no rule"),
        pytest.param({"\x1b[2J": {}}, "rules.alerts.\x1b[2J", r"there is no rule '\x1b[2J'",
                     id="what a terminal obeys"),
        pytest.param({"segment_drop": {"breaches": 9}}, "rules.alerts.segment_drop.breaches",
                     "can never happen", id="one that can never be"),
        pytest.param({"missing_day": {"of_days": 3}}, "rules.alerts.missing_day.of_days",
                     "one day or week at a time", id="days for a rule of one day"),
        pytest.param({"missing_day": {"severity": "high"}}, "rules.alerts.missing_day.severity",
                     "'P0', 'P1', 'P2' or", id="a severity that is none"),
    ],
)  # fmt: skip
def test_an_alert_is_for_a_rule_and_is_possible(alerts, place, words):
    ((found, message),) = told("rules.alerts", alerts)
    assert found == place
    assert words in message


def test_a_rule_is_as_the_catalogue_has_it_where_nothing_is_written():
    rules = Rules(alerts={"segment_drop": Alert(breaches=1)})
    assert rules.alert(FindingKind.MISSING_DAY) == Alert()
    assert rules.alert(FindingKind.SEGMENT_DROP).breaches == 1
    assert rules.window(FindingKind.SEGMENT_DROP) == (1, 5)
    assert rules.window(FindingKind.PERFORMANCE_DROP) == (3, 5)


def test_per_cent_where_a_fraction_stands_is_refused():
    ((place, message),) = told("rules.drift.alpha", 5)
    assert place == "rules.drift.alpha"
    assert "less than 1" in message


def test_a_budget_of_told_features_is_none_any_more_and_says_what_to_write():
    with pytest.raises(ValidationError, match=r"write rules\.alerts\.feature_drift"):
        Drift(max_alerts_in_30_days=10)
