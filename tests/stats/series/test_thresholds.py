"""What is a loss, what is an alert, and what alerts beyond a value would have been worth."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.inference.intervals import wilson
from monitoring_dagster.stats.series.thresholds import (
    LossEvent,
    announced,
    loss_events,
    thresholds,
)
from tests.stats.series.drawn import DAYS


@pytest.mark.parametrize(
    ("loss", "lasting", "expected"),
    [
        pytest.param([0, 3, 3, 3, 0], 3, [(1, 3)], id="three days too high"),
        pytest.param([0, 3, 3, 0, 0], 3, [], id="over before it lasted"),
        pytest.param([0, 2, 2, 2, 0], 3, [], id="on the bound is within it"),
        pytest.param([0, 3, np.nan, 3, 3, 0], 3, [(1, 4)], id="an unknown day ends nothing"),
        pytest.param([0, 0, 3, 3, 3], 3, [(2, 4)], id="it may last still"),
        pytest.param([3, 0, 3, 0], 1, [(0, 0), (2, 2)], id="single days, where they count"),
        pytest.param([np.nan, np.nan], 1, [], id="nothing known"),
        pytest.param([], 1, [], id="no days"),
    ],
)
def test_what_a_loss_is(loss, lasting, expected):
    found = loss_events(loss, tolerance=2, baseline=0, lasting_days=lasting)
    assert [tuple(event) for event in found] == expected


def tried(alert_days, *, starts=(100, 200, 300), last_day=DAYS - 1, unknown=(), direction=1):
    """The top threshold of a signal that is 1 on *alert_days* and else 0, at a lead of 21 days."""
    signal = np.zeros(DAYS)
    signal[list(alert_days)] = direction
    signal[list(unknown)] = np.nan
    found = thresholds(
        signal, [LossEvent(start, start + 9) for start in starts],
        lead_days=21, direction=direction, last_day=last_day,
        cost_of_miss=10, cost_of_false_alarm=1,
    )  # fmt: skip
    return found[0]


@pytest.mark.parametrize(
    ("found", "hits", "events", "false_alarms", "alerts", "gain"),
    [
        pytest.param(tried([79, 179, 279]), 3, 3, 0, 3, 30, id="each announced 21 days before"),
        pytest.param(tried([79, 179]), 2, 3, 0, 2, 20, id="one missed"),
        pytest.param(tried([79, 150]), 1, 3, 1, 2, 9, id="one false alarm costs a tenth"),
        pytest.param(tried([72]), 1, 3, 0, 1, 10, id="a week before the usual lead counts"),
        pytest.param(tried([71]), 0, 3, 1, 1, -1, id="a day more does not"),
        pytest.param(tried([100]), 1, 3, 0, 1, 10, id="the same day is not too late"),
        pytest.param(tried([105]), 0, 3, 0, 0, 0, id="during a loss nothing is judged"),
        pytest.param(tried([79, 80, 86]), 1, 3, 0, 1, 10, id="one alert until a week is quiet"),
        pytest.param(tried([79, 88]), 1, 3, 0, 2, 10, id="then another one"),
        pytest.param(tried([79, 87]), 1, 3, 0, 2, 10, id="after a week within"),
        pytest.param(tried([0], starts=(20,)), 1, 1, 0, 1, 10, id="on the first day of all"),
        pytest.param(tried([179], unknown=range(72, 87)), 1, 2, 0, 1, 10, id="half the time"),
        pytest.param(tried([179], unknown=range(72, 86)), 1, 3, 0, 1, 10, id="a day more"),
        pytest.param(tried([350]), 0, 3, 0, 0, 0, id="its time is not over"),
        pytest.param(tried([320], last_day=348), 0, 3, 1, 1, -1, id="its time is just over"),
        pytest.param(tried([320], last_day=347), 0, 3, 0, 0, 0, id="a day before it was not"),
        pytest.param(tried([179], unknown=range(60, 101)), 1, 2, 0, 1, 10, id="not listened to"),
        pytest.param(tried([79], direction=-1), 1, 3, 0, 1, 10, id="a fall alerts"),
    ],
)
def test_what_alerts_would_have_been_worth(found, hits, events, false_alarms, alerts, gain):
    counts = (found.hits, found.events, found.false_alarms, found.alerts, found.gain)
    assert counts == (hits, events, false_alarms, alerts, gain)


def test_no_alert_has_no_rate_of_false_ones():
    found = tried([105])
    assert found.false_alarm_rate is found.false_low is found.lead_days is None
    assert tried([79]).lead_days == 21


def test_without_a_baseline_the_median_of_the_known_days_is_usual():
    loss = [1, 1, 1, np.nan, 4, 4, 4]
    assert loss_events(loss, tolerance=1.4) == (LossEvent(4, 6),)
    assert loss_events(loss, tolerance=1.5) == (), "the median is 2.5, and on the bound is within"


series = st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), max_size=40)


@given(series, st.integers(1, 4))
def test_a_loss_is_a_run_of_known_days_that_are_all_too_high(loss, lasting):
    known = [day for day, value in enumerate(loss) if value == value]
    runs = [
        [day for day, _ in run]
        for high, run in groupby(((day, loss[day] > 1) for day in known), key=lambda one: one[1])
        if high
    ]
    expected = [(run[0], run[-1]) for run in runs if len(run) >= lasting]
    found = loss_events(loss, tolerance=1, baseline=0, lasting_days=lasting)
    assert [tuple(event) for event in found] == expected


def of(signal, events, *, lead_days=3, direction=1):
    signal = np.array(signal, float)
    return thresholds(
        signal, events, lead_days=lead_days, direction=direction, last_day=signal.size - 1,
        cost_of_miss=10, cost_of_false_alarm=1,
    )  # fmt: skip


def test_thresholds_are_quantiles_of_the_upper_half_in_their_order():
    found = of(np.arange(100.0), [LossEvent(50, 55)])
    values = [one.value for one in found]
    assert values == np.quantile(np.arange(100.0), np.linspace(0.5, 0.99, 25)).tolist()
    (only,) = of([3.0] * 30, [LossEvent(20, 22)])
    assert (only.value, only.alerts, only.hits) == (3.0, 0, 0), "exactly on it is within"


def test_of_a_signal_that_falls_they_are_quantiles_of_the_lower_half():
    found = of(np.arange(100.0), [LossEvent(50, 55)], direction=-1)
    values = [one.value for one in found]
    assert values[0] == pytest.approx(49.5)
    assert values == sorted(values, reverse=True)


def test_rates_have_wilsons_intervals():
    found = tried([79, 150, 179])
    assert (found.hit_rate, found.false_alarm_rate) == pytest.approx((2 / 3, 1 / 3))
    assert (found.hit_low, found.hit_high) == tuple(map(float, wilson(2, 3)))
    assert (found.false_low, found.false_high) == tuple(map(float, wilson(1, 3)))


def test_without_losses_nothing_is_known_of_hits_and_every_alert_is_false():
    found = tried([79, 179], starts=())
    assert (found.events, found.hit_rate, found.hit_low, found.hit_high) == (0, 0.0, 0.0, 1.0)
    assert (found.false_alarms, found.alerts, found.gain) == (2, 2, -2)


def test_two_alerts_before_one_loss_count_once_with_the_earlier_lead():
    found = tried([80, 90])
    assert (found.hits, found.alerts, found.lead_days) == (1, 2, 20)


@pytest.mark.parametrize(
    ("signal", "day"),
    [
        pytest.param([0, 0, 9, 9, 0, 0, 0], 2, id="the first day beyond"),
        pytest.param([0, 0, 5, 0, 0, 0, 0], None, id="exactly on the value"),
        pytest.param([0, np.nan, 9, 0, 0, 0, 0], 2, id="after an unknown day"),
        pytest.param([0, 0, 0, 0, 0, 9, 0], 5, id="as the loss begins"),
        pytest.param([0, 0, 0, 0, 0, 0, 9], None, id="while it lasts"),
        pytest.param([np.nan] * 7, None, id="never known"),
    ],
)
def test_when_a_loss_was_announced_first(signal, day):
    signal = np.array(signal, float)
    told = announced(signal, [LossEvent(5, 6)], value=5, lead_days=3, direction=1)
    assert told == (day,)
    told = announced(-signal, [LossEvent(5, 6)], value=-5, lead_days=3, direction=-1)
    assert told == (day,), "a fall is a rise turned over"


@pytest.mark.parametrize(("ahead", "is_told"), [(10, True), (11, False)])
def test_an_alert_announces_what_begins_within_its_lead_and_a_week(ahead, is_told):
    signal = np.zeros(40)
    signal[30 - ahead] = 9
    told = announced(signal, [LossEvent(30, 33)], value=5, lead_days=3, direction=1)
    assert told == ((30 - ahead) if is_told else None,)


@st.composite
def histories(draw):
    signal = draw(st.lists(st.integers(0, 5).map(float), min_size=30, max_size=80))
    starts = draw(st.sets(st.integers(0, len(signal) // 8), max_size=4))
    events = [LossEvent(8 * n, min(8 * n + 3, len(signal) - 1)) for n in sorted(starts)]
    return np.array(signal), [one for one in events if one.first < len(signal)]


@settings(max_examples=40)
@given(histories(), st.integers(0, 10), st.sampled_from([1, -1]))
def test_whatever_happened_hits_are_the_losses_that_were_announced(history, lead_days, direction):
    """And the numbers of a threshold agree with one another. Where the signal is known every day
    a loss too early to be listened for is the only one that does not count."""
    signal, events = history
    window = lead_days + 7
    for one in of(signal, events, lead_days=lead_days, direction=direction):
        told = announced(signal, events, value=one.value, lead_days=lead_days, direction=direction)
        heard = [2 * min(event.first + 1, window + 1) > window for event in events]
        assert one.events == sum(heard)
        assert one.hits == sum(
            day is not None for day, counts in zip(told, heard, strict=True) if counts
        )
        assert 0 <= one.hits <= one.events
        assert 0 <= one.false_alarms <= one.alerts
        assert one.gain == 10 * one.hits - one.false_alarms
        assert (one.lead_days is None) is (one.hits == 0)
        assert one.lead_days is None or 0 <= one.lead_days <= window
