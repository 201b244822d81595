"""Expected drops: there today, on several days, and as urgent as estimates were right."""

import pytest

from monitoring_dagster.decide.judging.quality.expected_drop_rule import expected_drops
from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from tests.decide.judging.quality.judged_days import ALONE, SPEC, TODAY, loss, varies


def expected(*values, accuracy=None, variation=(), **about):
    estimates = [loss(value, place, area="estimate", **about) for place, value in enumerate(values)]
    charts = QualityCharts.of(SPEC, known=(), estimates=estimates, variation=variation)
    return list(expected_drops(SPEC, TODAY, ALONE, estimates, accuracy or {}, charts))


@pytest.mark.parametrize(
    ("values", "is_found"),
    [
        pytest.param([0.7, 0.7, 0.7], True, id="three of five"),
        pytest.param([0.4, 0.7, 0.7, 0.7], False, id="not today"),
        pytest.param([0.7, 0.7, 0.4, 0.4, 0.4, 0.7], False, id="the third lies behind"),
    ],
)
def test_an_expected_drop_is_there_today_and_on_several_days(values, is_found):
    assert [one.kind for one in expected(*values)] == [FindingKind.EXPECTED_DROP] * is_found


@pytest.mark.parametrize(
    ("severity", "urgency"), [("", Severity.P2), ("P3", Severity.P3)], ids=["reliable", "poor"]
)
def test_an_expected_drop_is_as_urgent_as_estimates_were_right(severity, urgency):
    accuracy = Signal.on(
        TODAY, "estimate_accuracy.log_loss", 0.9, reason="they were right", severity=severity
    )
    (found,) = expected(0.7, 0.7, 0.7, accuracy={"log_loss": accuracy})
    assert found.severity is urgency
    assert found.words.endswith("(3 of the last 5 days); they were right")


@pytest.mark.parametrize(("deviation", "is_found"), [(0.02, True), (0.5, False)])
def test_an_expected_drop_is_beyond_normal_variation(deviation, is_found):
    found = expected(*[0.7] * 9, variation=[varies(deviation)])
    assert [one.kind for one in found] == [FindingKind.EXPECTED_DROP] * is_found
