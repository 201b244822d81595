"""Days of one version: which of them a rule looks at, and what a finding about it says."""

from dataclasses import replace

import pytest

from monitoring_dagster.decide.judging.quality.version_days import VersionDays
from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.kinds import FindingKind, Severity
from tests.decide.judging.quality.judged_days import (
    ALONE,
    SPEC,
    TODAY,
    days,
    in_germany,
    loss,
    served,
)

DROP = FindingKind.PERFORMANCE_DROP


def version(*known, version="1", traffic=ALONE, pooled=()):
    charts = QualityCharts.of(SPEC, known=known, estimates=(), variation=())
    newest_first = sorted({one.day for one in known}, reverse=True)
    return VersionDays(
        SPEC, TODAY, traffic, version, newest_first, known, list(pooled), charts=charts
    )


@pytest.mark.parametrize(
    ("shares", "subject", "severity"),
    [
        pytest.param({"1": 1.0}, "log_loss", Severity.P1, id="the champion"),
        pytest.param({"1": 0.5, "2": 0.5}, "log_loss of version 2", Severity.P1, id="half of rows"),
        pytest.param({"1": 0.8, "2": 0.2}, "log_loss of version 2", Severity.P2, id="a part"),
        pytest.param({"1": 1.0, "2": 0.0}, "log_loss of version 2", Severity.P3, id="serves not"),
    ],
)
def test_a_finding_is_as_urgent_as_its_version_matters(shares, subject, severity):
    of = version(*days(0.7), version=[*shares][-1], traffic=Traffic("1", shares))
    found = of.finding(DROP, "log_loss", "it was worse")
    assert (found.subject, found.severity) == (subject, severity)


def test_a_rule_looks_at_the_newest_days_of_its_window():
    assert version(*days(*[0.4] * 7)).within(DROP) == [served(n) for n in range(3, 8)]


@pytest.mark.parametrize(("value", "is_beyond"), [(0.51, True), (0.5, False)])
def test_a_day_is_beyond_tolerance_by_its_value_alone(value, is_beyond):
    assert bool(version(*days(value)).beyond(served(3), "log_loss")) is is_beyond


def test_the_room_is_that_of_the_newest_day_that_has_the_metric():
    assert version(*days(0.4, 0.4)).room("log_loss") == pytest.approx(0.1)
    assert version(*days(0.4)).room("brier") == 0.0


def test_days_together_are_those_that_the_rule_looks_at():
    known = [loss(0.4, n) for n in (3, 4, 5)]
    others = replace(in_germany(0.4), start=in_germany(0.4).end)
    found = version(*known, pooled=[in_germany(0.4), others]).pooled_over(FindingKind.SEGMENT_DROP)
    assert found == [in_germany(0.4)]
