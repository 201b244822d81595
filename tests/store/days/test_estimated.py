"""Estimates come back by group and metric."""

from math import isnan, nan

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.days.estimated import ESTIMATE, estimates_of
from tests.tiny import DAY, after, keep, monitor_of


def row(metric, estimate, *, version="1", segment="", value="", low=0.1, high=0.9, n=40):
    return {
        "version": version, "segment": segment, "value": value, "metric": metric,
        "estimate": estimate, "low": low, "high": high, "n": n,
    }  # fmt: skip


def test_by_group_and_metric(tmp_path):
    monitor = monitor_of(tmp_path)
    country = {"segment": "country", "value": "DE\n'\""}
    rows = [row("log_loss", 0.5), row("brier", 0.2), row("brier", 0.3, version="2", **country)]
    keep(monitor, ESTIMATE, rows=rows)
    assert estimates_of(monitor, DAY) == {
        Group("1"): {"log_loss": Metric(0.5, 0.1, 0.9, 40), "brier": Metric(0.2, 0.1, 0.9, 40)},
        Group("2", "country", "DE\n'\""): {"brier": Metric(0.3, 0.1, 0.9, 40)},
    }


def test_a_day_without_any_has_none(tmp_path):
    monitor = monitor_of(tmp_path)
    keep(monitor, ESTIMATE)
    assert estimates_of(monitor, DAY) == estimates_of(monitor, after(1)) == {}


def test_what_could_not_be_estimated_stays_unknown(tmp_path):
    monitor = monitor_of(tmp_path)
    keep(monitor, ESTIMATE, rows=[row("brier", nan, low=nan, high=nan, n=0)])
    (found,) = estimates_of(monitor, DAY).values()
    assert isnan(found["brier"].value)
    assert found["brier"].n == 0
