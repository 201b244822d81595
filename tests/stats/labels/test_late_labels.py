"""Labels that come later than they used to are told of, and what late ones are like."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from monitoring_dagster.stats.labels.late_labels import LabelMean, late_bias, slower

LAGS = 12
DAYS = 75


def history(
    rng, *, slow_days=0, slow=1.0, fewer=0.0, differ=0.0, weekend=True, rows=1000, closed=0.0
):
    """Labels about three days late, on working days alone; the last *slow_days* are different.

    *differ* is how far days differ by more than chance; *closed* the share of days on which nobody
    labels at all.
    """
    served = rng.poisson(np.where(np.arange(DAYS) % 7 >= 5, 0.4, 1.0) * rows)
    changed = np.arange(DAYS) >= DAYS - slow_days
    mean = 3 * np.where(changed, slow, 1.0) * np.exp(rng.normal(0, 5 * differ, DAYS))
    shares = np.exp(-np.arange(LAGS) / mean[:, None])
    coverage = np.clip(0.9 + rng.normal(0, differ, DAYS), 0, 1) * (1 - np.where(changed, fewer, 0))
    came = rng.multinomial(rng.binomial(served, coverage), shares / shares.sum(1, keepdims=True))
    idle = rng.random(DAYS + LAGS) < closed
    if weekend:
        idle |= np.arange(DAYS + LAGS) % 7 >= 5
    for lag in range(LAGS - 1):  # what comes on an idle day waits for the next
        waits = idle[np.arange(DAYS) + lag]
        came[waits, lag + 1] += came[waits, lag]
        came[waits, lag] = 0
    labels = came.astype(np.float64)
    for age in range(min(LAGS, DAYS)):
        labels[DAYS - 1 - age, age + 1 :] = np.nan
    return labels, served


@pytest.mark.parametrize(
    "world",
    [
        pytest.param({"weekend": False}, id="chance alone"),
        pytest.param({}, id="no labels at weekends"),
        pytest.param({"differ": 0.05}, id="days differ by more than chance"),
        pytest.param({"differ": 0.05, "rows": 100_000}, id="so many rows that chance is nothing"),
        pytest.param({"differ": 0.15, "rows": 100_000}, id="and days that differ a lot"),
        pytest.param({"closed": 0.05}, id="now and then nobody labels"),
        pytest.param({"rows": 20}, id="few rows"),
    ],
)
def test_ordinary_days_are_called_slow_on_one_look_in_twenty(world):
    rng = np.random.default_rng(0)
    called = sum(slower(*history(rng, **world)) is not None for _ in range(150))
    assert called <= stats.binom.isf(1e-4, 150, 0.05)


@pytest.mark.parametrize("newest", range(7))
def test_no_weekday_is_slow(newest):
    """The same world, looked at on each weekday: 100,000 rows a day would show any bias."""
    rng = np.random.default_rng(newest)
    labels, served = history(rng, rows=100_000)
    known = labels[: DAYS - newest].copy()
    for age in range(LAGS):
        known[len(known) - 1 - age, age + 1 :] = np.nan
    assert slower(known, served[: DAYS - newest]) is None


@pytest.mark.parametrize(
    ("change", "days", "world"),
    [
        pytest.param({"slow": 2.0}, 7, {}, id="twice as slow for a week"),
        pytest.param({"slow": 2.0}, 7, {"differ": 0.04}, id="among days that differ"),
        pytest.param({"fewer": 0.5}, 4, {}, id="half of them missing for four days"),
        pytest.param({"fewer": 1.0}, 3, {"closed": 0.02}, id="none for three days"),
    ],
)
def test_slower_labels_are_found_on_four_looks_in_five(change, days, world):
    rng = np.random.default_rng(1)
    found = sum(
        slower(*history(rng, slow_days=days, **change, **world)) is not None for _ in range(60)
    )
    assert found >= 48


def test_a_delay_says_how_many_labels_are_behind():
    usual = [40, 20, 20, 10]
    labels = np.array([usual] * 60 + [[0, 40, 20, 20]] * 4, np.float64)
    for age in range(4):
        labels[len(labels) - 1 - age, age + 1 :] = np.nan
    found = slower(labels, [100] * 64)
    assert found is not None
    # Known by now: of four days, the oldest entirely.
    assert found.days == 4
    assert found.expected == pytest.approx(40 + 60 + 80 + 90, rel=0.01)
    assert found.arrived == 0 + 40 + 60 + 80
    assert found.missing == pytest.approx(1 - 180 / 270, rel=0.02)
    assert found.backlog_days == pytest.approx(90 / 90, rel=0.02)
    assert found.p50_before_days == pytest.approx(0.75)
    assert found.p50_days > found.p50_before_days
    for words in (
        "33% of the labels that the last 4 days usually have by now are missing",
        "(180 of 27",
        "a backlog of 1.0 days",
        "came within 0.8 days before",
    ):
        assert words in found.words


def test_a_certain_but_small_delay_is_none():
    """Beyond doubt in a million rows a day: three per cent of the labels, a tenth of a day's."""
    rng = np.random.default_rng(2)
    world = {"rows": 1_000_000, "weekend": False}
    assert slower(*history(rng, slow_days=7, fewer=0.03, **world)) is None
    assert slower(*history(rng, slow_days=7, fewer=0.2, **world)) is not None


@pytest.mark.parametrize(
    ("days", "told"),
    [
        pytest.param([-3, -2], False, id="a storm of two days"),
        pytest.param([-4, -1], False, id="two storms within five days"),
        pytest.param([-5, -3, -1], True, id="three of the last five days"),
        pytest.param([-6, -3, -1], False, id="three of six"),
    ],
)
def test_days_whose_labels_never_come_are_a_delay_once_they_are_three_of_five(days, told):
    """As cancelled flights: half of the labels, on every lag, beyond any doubt."""
    labels = np.tile(np.array([400.0, 200, 200, 100]), (70, 1))
    labels[days] /= 2
    for age in range(4):
        labels[len(labels) - 1 - age, age + 1 :] = np.nan
    assert (slower(labels, [1000] * len(labels)) is not None) is told


def test_a_delay_that_is_over_within_two_days_is_seen_on_every_new_one():
    """Nothing comes on the day itself, and all on the next: only the newest day is behind now."""
    labels = np.array([[900.0, 0.0]] * 65 + [[0.0, 900.0]] * 5)
    labels[-1, 1] = np.nan
    assert slower(labels, [1000] * len(labels)) is not None


@pytest.mark.parametrize(
    ("lags", "left", "told"),
    [
        pytest.param(1, 0.85, True, id="a tenth is missing of the day that is looked at"),
        pytest.param(1, 0.95, False, id="less than a tenth, and less than half a day's"),
        pytest.param(20, 0.93, True, id="less than a tenth, and more than half a day's"),
        pytest.param(20, 0.98, False, id="as many days, and less than half a day's"),
    ],
)
def test_a_delay_matters_by_its_share_or_by_its_backlog(lags, left, told):
    """As many labels on each lag, and beyond doubt in any case."""
    usual = np.full(lags, 20_000.0 / lags)
    labels = np.vstack([[usual] * (60 + lags), [usual * left] * max(lags, 3)])
    for age in range(lags):
        labels[len(labels) - 1 - age, age + 1 :] = np.nan
    assert (slower(labels, [40_000] * len(labels)) is not None) is told


@pytest.mark.parametrize(
    ("days", "told"),
    [
        pytest.param(0, False, id="no day"),
        pytest.param(9, False, id="too few for a curve"),
        pytest.param(30, False, id="a day less than four weeks and three recent days"),
        pytest.param(31, True, id="four weeks and three recent days"),
    ],
)
def test_four_weeks_are_needed_to_know_a_delay(days, told):
    """Every label came at once, until they failed to come."""
    labels = np.array([[50, 0, 0]] * 40 + [[0, 0, 0]] * 3, np.float64)
    labels[-1, 1:] = labels[-2, 2:] = np.nan
    assert (slower(labels[len(labels) - days :], [100] * days) is not None) is told


def test_a_week_without_predictions_is_no_delay():
    labels, served = history(np.random.default_rng(5))
    quiet, none = labels.copy(), served.copy()
    for days in (slice(DAYS - 20, DAYS - 12), slice(DAYS - LAGS, DAYS)):
        quiet[days] *= 0.0
        none[days] = 0
    assert slower(quiet, none) is None


@pytest.mark.parametrize(
    ("early", "late", "differ"),
    [
        pytest.param((50, 5000), (40, 800), True, id="fraud is found late"),
        pytest.param((50, 5000), (8, 800), False, id="the same share"),
        pytest.param((50, 5000), (0, 100), False, id="none of few late ones proves nothing"),
        pytest.param((500, 5000), (0, 500), True, id="none of many does"),
        pytest.param((0, 5000), (0, 500), False, id="no ones at all"),
        pytest.param((0, 29), (500, 500), False, id="29 early labels say nothing"),
        pytest.param((0, 30), (500, 500), True, id="30 do"),
    ],
)
def test_late_labels_differ_only_beyond_chance(early, late, differ):
    found = late_bias(
        LabelMean.of_counts(*early), LabelMean.of_counts(*late), known=LabelMean.of_counts(1, 100),
        missing=50,
    )  # fmt: skip
    assert found.differ is differ
    assert ("if the missing are like the late" in found.words) is differ


def test_early_and_late_labels_of_one_kind_differ_in_one_case_of_twenty():
    rng = np.random.default_rng(3)
    shares, means = 0, 0
    nothing = LabelMean(0, 0.0, 0.0)
    for _ in range(400):
        counts = [LabelMean.of_counts(rng.binomial(n, 0.03), n) for n in (2000, 150)]
        shares += late_bias(*counts, known=nothing, missing=0).differ
        values = [rng.exponential(size=2000), rng.exponential(size=60) * 3 - 2]
        numbers = [LabelMean(len(x), x.mean(), x.var(ddof=1)) for x in values]
        means += late_bias(*numbers, known=nothing, missing=0).differ
    assert max(shares, means) <= stats.binom.isf(1e-4, 400, 0.06)
    assert means >= 4


def test_a_day_is_projected_to_what_it_turns_out_to_be():
    """The missing are like the late: held are the day's own share and the rate behind it."""
    rng = np.random.default_rng(4)
    day, rate = 0, 0
    for _ in range(400):
        late, known = rng.binomial(100, 0.1), rng.binomial(200, 0.02)
        found = late_bias(
            LabelMean.of_counts(100, 5000), LabelMean.of_counts(late, 100),
            known=LabelMean.of_counts(known, 200), missing=800,
        ).projected  # fmt: skip
        day += found.low <= (known + rng.binomial(800, 0.1)) / 1000 <= found.high
        rate += found.low <= 0.2 * 0.02 + 0.8 * 0.1 <= found.high
    assert min(day, rate) >= stats.binom.isf(1 - 1e-4, 400, 0.92)
    assert min(day, rate) < 400


@example(known=0, ones=0, missing=5e-324, late=1)
@example(known=100, ones=100, missing=412.05434156595066, late=100)  # rounds to above 1
@given(
    known=st.integers(0, 500), ones=st.integers(0, 500), missing=st.floats(0, 500),
    late=st.integers(0, 100),
)  # fmt: skip
def test_a_projection_lies_between_the_known_and_the_late(known, ones, missing, late):
    of_day = LabelMean.of_counts(min(known, ones), known)
    of_late = LabelMean.of_counts(late, 100)
    found = late_bias(of_day, of_late, known=of_day, missing=missing).projected
    if not known + missing:
        assert math.isnan(found.value)
        return
    ends = [one.mean for one in (of_day, of_late) if one.n]
    assert min(ends) - 1e-9 <= found.value <= max(ends) + 1e-9 or not missing
    assert found.low <= found.value <= found.high
    assert found.n == round(known + missing)


def test_nothing_is_projected_without_late_labels():
    known = LabelMean.of_counts(10, 100)
    found = late_bias(known, LabelMean.of_counts(0, 0), known=known, missing=5)
    assert math.isnan(found.projected.value)
    assert found.words.startswith("100 early and 0 late labels, below the 30 needed")
    whole = late_bias(known, LabelMean.of_counts(0, 0), known=known, missing=0)
    assert whole.projected.value == 0.1


def test_the_words_say_what_is_hidden():
    found = late_bias(
        LabelMean.of_counts(50, 5000), LabelMean.of_counts(40, 800),
        known=LabelMean.of_counts(9, 900), missing=100, name="share of fraud",
    )  # fmt: skip
    assert found.projected.value == pytest.approx((9 + 100 * 0.05) / 1000)
    assert found.words.startswith(
        "the share of fraud is 0.05 (0.03693 to 0.06737) where labels come late and 0.01"
    )
    assert "with 100 of 1,000 labels missing it is 0.01 (" in found.words
    assert "and 0.014 (" in found.words


def test_metrics_of_means_and_of_single_rows():
    assert LabelMean(4, 1.0, 4.0).metric()[1:3] == pytest.approx((1 - 1.96, 1 + 1.96), abs=1e-4)
    assert math.isnan(LabelMean(1, 1.0, 0.0).metric().low)
    assert math.isnan(LabelMean(0, 0.0, 0.0).metric().value)
