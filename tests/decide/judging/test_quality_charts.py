"""Charts of quality: which days they hold, against what, and where nothing is known."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.rules.alert_settings import CONTROL_LIMIT
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
    assert charts(known).of_labels("1", "log_loss").is_beyond(CONTROL_LIMIT)
    assert not charts(known, mean=0.5).of_labels("1", "log_loss").is_beyond(CONTROL_LIMIT)
    assert charts(known, mean=0.3).of_labels("1", "log_loss").change == pytest.approx(0.1)


def test_without_an_estimate_nothing_is_unexplained():
    assert charts([on(n, 0.9) for n in range(9)]).unexplained("1", "log_loss") is None


def test_what_was_expected_is_explained():
    known = [on(n, 0.9) for n in range(20)]
    as_bad, better = (
        [on(n, value, area="estimate", error=0.05) for n in range(20)] for value in (0.9, 0.4)
    )
    assert not charts(known, as_bad).unexplained("1", "log_loss").is_beyond(CONTROL_LIMIT)
    found = charts(known, better).unexplained("1", "log_loss")
    assert found.is_beyond(CONTROL_LIMIT)
    assert found.change == pytest.approx(0.5)


PRO = {"segment": "plan", "segment_value": "pro"}


def behind(whole, pro, *, usual=0.1):
    """The chart of a segment that lies *usual* above the whole while nothing is wrong."""
    gap = Signal.on(
        TODAY, "variation.log_loss", 0.02, version="1", baseline=usual, effect=0.0, n=60, **PRO
    )
    days = range(len(whole))
    known = [*(on(n, whole[n]) for n in days), *(on(n, pro[n], **PRO) for n in days)]
    known = [replace(one, n=100) if one.segment else one for one in known]
    return QualityCharts.of(SPEC, known=known, estimates=[], variation=[gap]).of_segment(
        "1", "log_loss", "plan", "pro"
    )


def test_a_segment_is_held_against_the_whole():
    """A storm over all of them is no fall of one; nor is one that they all had and it had not."""
    storm = [0.9, 0.9, 0.9, 0.9, 0.4, 0.4, 0.4, 0.4, 0.4]  # the newest days first
    as_all = [one + 0.1 for one in storm]
    assert behind(storm, as_all).change == pytest.approx(0.0)
    assert behind([0.4] * 9, as_all).is_beyond(CONTROL_LIMIT)
    assert behind(storm, [0.5] * 9).change < 0


def test_where_a_segment_always_was_is_its_level():
    assert not behind([0.4] * 9, [0.7] * 9, usual=0.3).is_beyond(CONTROL_LIMIT)
    assert behind([0.4] * 9, [0.7] * 9, usual=0.1).is_beyond(CONTROL_LIMIT)


def test_days_without_the_whole_say_nothing_of_a_segment():
    assert behind([0.4] * 5, [0.5] * 5).days == 5
    gap = Signal.on(
        TODAY, "variation.log_loss", 0.02, version="1", baseline=0.1, effect=0.0, n=60, **PRO
    )
    alone = QualityCharts.of(SPEC, known=[on(1, 0.9, **PRO)], estimates=[], variation=[gap])
    assert alone.of_segment("1", "log_loss", "plan", "pro").days == 0


def test_of_a_segment_whose_normal_variation_is_unknown_there_is_no_chart():
    known = [*(on(n, 0.4) for n in range(9)), *(on(n, 0.9, **PRO) for n in range(9))]
    assert charts(known).of_labels("1", "log_loss").change == pytest.approx(0.0)
    assert charts(known).of_segment("1", "log_loss", "plan", "pro") is None


def test_a_bias_may_leave_the_whole_on_either_side():
    def known(by):
        return [
            Signal.on(TODAY - timedelta(days=n), "quality.bias", value, low=value - 0.02,
                      high=value + 0.02, version="1", baseline=0.0, n=rows, **about)
            for n in range(9)
            for value, rows, about in ((0.0, 500, {}), (by, 100, PRO))
        ]  # fmt: skip

    gap = Signal.on(
        TODAY, "variation.bias", 0.01, version="1", baseline=0.02, effect=0.0, n=60, **PRO
    )
    for by, is_beyond in ((0.1, True), (-0.1, True), (0.02, False)):
        found = QualityCharts.of(SPEC, known=known(by), estimates=[], variation=[gap])
        assert found.of_segment("1", "bias", "plan", "pro").is_beyond(CONTROL_LIMIT) is is_beyond
