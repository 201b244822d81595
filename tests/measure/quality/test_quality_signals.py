"""Every metric becomes a signal beside its baseline; of segments those that are judged."""

from math import isnan

import pytest

from monitoring_dagster.measure.quality import promises
from monitoring_dagster.measure.quality.quality_signals import (
    first_champion_signals,
    quality_signals,
)
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.models.registry import RegistryUnavailable
from tests.tiny import DAY, after, monitor_of, promoted, reference, turned_out

WHOLE, FRENCH = Group("1"), Group("1", "country", "FR")
HALF = Metric(0.5, 0.4, 0.6, 100)


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    known = reference(baseline={"accuracy": 0.9}, outcomes={WHOLE: turned_out(50, 50)})
    monkeypatch.setattr(promises, "reference_of", lambda *_: known)
    rules = {"performance": {"accuracy": {"absolute": 0.1}}}
    rules["segments"] = {"country": {"FR": {"brier": {"absolute": 0.1}}}}
    return monitor_of(tmp_path, segments=["country"], rules=rules)


def signals(monitor, found, **asked):
    return {
        (one.name, one.segment_value): one
        for one in quality_signals(monitor, found, **{"area": "quality", "day": DAY, **asked})
    }


def test_a_metric_with_its_interval_beside_its_baseline(monitor):
    found = signals(monitor, {WHOLE: {"accuracy": HALF}}, known_on=after(3))
    one = found["quality.accuracy", ""]
    assert (one.value, one.low, one.high, one.n) == (0.5, 0.4, 0.6, 100)
    assert (one.baseline, one.version, one.day, one.known_on) == (0.9, "1", DAY, after(3))


def test_what_nobody_promised_has_no_baseline(monitor, monkeypatch):
    monkeypatch.setattr(promises, "reference_of", lambda *_: None)
    (one,) = signals(monitor, {WHOLE: {"accuracy": HALF}}).values()
    assert isnan(one.baseline)


def test_of_a_segment_only_what_is_judged_there(monitor):
    metrics = {"accuracy": HALF, "brier": HALF, "log_loss": HALF}
    german = Group("1", "country", "DE")
    found = signals(monitor, {WHOLE: metrics, FRENCH: metrics, german: metrics}, area="estimate")
    assert set(found) == {
        ("estimate.accuracy", ""), ("estimate.brier", ""), ("estimate.log_loss", ""),
        ("estimate.accuracy", "FR"), ("estimate.brier", "FR"), ("estimate.accuracy", "DE"),
    }  # fmt: skip


def test_only_a_bias_has_the_spread_of_labels_beside_it(monitor):
    found = signals(monitor, {WHOLE: {"bias": HALF, "accuracy": HALF}})
    assert found["quality.bias", ""].spread == pytest.approx(0.5)
    assert isnan(found["quality.accuracy", ""].spread)


def test_of_nothing_there_is_none(monitor):
    assert signals(monitor, {}) == signals(monitor, {WHOLE: {}}) == {}


def test_what_the_first_champion_promised_is_a_signal_whoever_serves(monitor):
    monitor.ledger.record_promotion(promoted("1"))
    monitor.ledger.record_promotion(promoted("2", "1"))
    (one,) = first_champion_signals(monitor, after(3))
    assert (one.name, one.version, one.value) == ("first_champion.accuracy", "1", 0.9)
    assert list(first_champion_signals(monitor, after(-1))) == []


def test_while_mlflow_is_down_a_first_champion_that_was_never_read_is_no_bar(monitor, monkeypatch):
    def down(*_):
        raise RegistryUnavailable

    monitor.ledger.record_promotion(promoted("1"))
    monkeypatch.setattr(promises, "reference_of", down)
    assert list(first_champion_signals(monitor, DAY)) == []
