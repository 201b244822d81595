"""Charts of quality: which days they hold, against what, and where nothing is known."""

from datetime import date, timedelta

import pytest

from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.signal import Signal
from tests.tiny import spec_of

TODAY = date(2026, 3, 20)
SPEC = spec_of(rules={"performance": {"log_loss": {"relative": 0.05}}})


def on(days_ago, value, *, area="quality", error=0.01, **about):
    day = TODAY - timedelta(days=days_ago)
    return Signal.on(
        day, f"{area}.log_loss", value, low=value - 1.96 * error, high=value + 1.96 * error,
        version="1", baseline=0.4, n=500, **about,
    )  # fmt: skip


def charts(known=(), estimates=(), *, mean=0.4, deviation=0.02):
    variation = Signal.on(
        TODAY, "variation.log_loss", deviation, version="1", baseline=mean, effect=0.0, n=60
    )
    return QualityCharts.of(SPEC, known=known, estimates=estimates, variation=[variation])


def test_a_day_counts_once_as_it_was_known_last():
    once = charts([on(4, 0.9), on(4, 0.4), on(3, 0.4)])
    assert once.of_labels("1", "log_loss") == charts([on(4, 0.4), on(3, 0.4)]).of_labels(
        "1", "log_loss"
    )


def test_days_count_in_their_order_however_they_came():
    days = [on(n, 0.4 + n / 100) for n in range(9)]
    assert charts(days).of_labels("1", "log_loss") == charts(days[::-1]).of_labels("1", "log_loss")


def test_where_nobody_knows_normal_variation_there_is_no_chart():
    known = [on(3, 0.4)]
    assert charts(known).of_labels("2", "log_loss") is None
    assert charts(known).of_labels("1", "brier") is None
    assert charts(known).unexplained("2", "log_loss") is None


def test_the_baseline_is_the_worse_of_promise_and_reference():
    """A promise from a lucky holdout makes no drop of days that are as the reference's were."""
    known = [on(n, 0.5) for n in range(20)]
    assert charts(known).of_labels("1", "log_loss").is_beyond()
    assert not charts(known, mean=0.5).of_labels("1", "log_loss").is_beyond()
    assert charts(known, mean=0.3).of_labels("1", "log_loss").change == pytest.approx(0.1)


def test_without_an_estimate_nothing_is_unexplained():
    assert charts([on(n, 0.9) for n in range(9)]).unexplained("1", "log_loss") is None


def test_what_was_expected_is_explained():
    known = [on(n, 0.9) for n in range(20)]
    as_bad, better = (
        [on(n, value, area="estimate", error=0.05) for n in range(20)] for value in (0.9, 0.4)
    )
    assert not charts(known, as_bad).unexplained("1", "log_loss").is_beyond()
    found = charts(known, better).unexplained("1", "log_loss")
    assert found.is_beyond()
    assert found.change == pytest.approx(0.5)


def test_a_segment_is_a_series_of_its_own():
    here = {"segment": "plan", "segment_value": "pro"}
    known = [*(on(n, 0.4) for n in range(9)), *(on(n, 0.9, **here) for n in range(9))]
    assert charts(known).of_labels("1", "log_loss").change == pytest.approx(0.0)
    assert charts(known).of_labels("1", "log_loss", "plan", "pro") is None
