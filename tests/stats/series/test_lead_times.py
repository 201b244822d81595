"""A signal that goes before losses is found with its lead and its price; noise is called noise."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from monitoring_dagster.stats.series.lead_times import UnequalSeries, leading_indicators
from monitoring_dagster.stats.series.leads import lead
from monitoring_dagster.stats.series.thresholds import LossEvent, loss_events, thresholds

DAYS = 365


def wander(rng, memory):
    """Days that remember the day before."""
    noise = rng.normal(size=DAYS)
    for day in range(1, DAYS):
        noise[day] += memory * noise[day - 1]
    return noise / noise.std()


def losses(rng, *, signal_days_before, count=7, lasting=12, height=4.0):
    """A loss, and a signal that rises as long before each of its events."""
    signal, loss = np.zeros(DAYS), np.zeros(DAYS)
    for start in 70 + 40 * np.arange(count) + rng.integers(0, 20, count):
        loss[start : start + lasting] += height
        signal[start - signal_days_before :][:lasting] += height
    return signal + wander(rng, 0.5), loss + 0.5 * wander(rng, 0.3)


@pytest.mark.parametrize("ahead", [0, 5, 21, 45])
def test_a_planted_lead_is_recovered_within_two_days(ahead):
    rng = np.random.default_rng(1)
    found = [lead(*losses(rng, signal_days_before=ahead), rng=rng) for _ in range(12)]
    assert sum(one.p_value < 0.05 and abs(one.days - ahead) <= 2 for one in found) >= 11
    assert sum(one.low <= ahead <= one.high for one in found) >= 11
    assert all(one.high - one.low < 30 for one in found)


def test_a_signal_that_falls_is_learnt_to_fall():
    rng = np.random.default_rng(2)
    rises, loss = losses(rng, signal_days_before=21)
    one = lead(-rises, loss, rng=rng)
    assert (one.direction, lead(rises, loss, rng=rng).direction) == (-1, 1)
    (one,) = leading_indicators(
        {"confidence": 0.9 - 0.01 * rises}, loss, events=loss_events(loss, tolerance=2), rng=rng
    )
    assert "confidence falls 21 days before losses" in one.words
    assert "alert at confidence < 0.8" in one.words


NOISE = {
    "white": lambda rng: rng.normal(size=DAYS),
    "persistent": lambda rng: wander(rng, 0.9),
    "random walk": lambda rng: rng.normal(size=DAYS).cumsum(),
    "weekly": lambda rng: wander(rng, 0.3) + 2 * (np.arange(DAYS) % 7 > 4),
    "trend": lambda rng: wander(rng, 0.3) + np.linspace(0, 9, DAYS),
    "skewed": lambda rng: np.exp(wander(rng, 0.5)),
    "its own events": lambda rng: np.roll(losses(rng, signal_days_before=0)[0], rng.integers(DAYS)),
}


@pytest.mark.parametrize("loss", ["weekly", "skewed"])
def test_noise_has_no_relation_however_it_moves(loss):
    rng = np.random.default_rng(3)
    p_values = [
        lead(NOISE[signal](rng), NOISE[loss](rng), rng=rng).p_value for signal in 6 * sorted(NOISE)
    ]
    assert sum(p < 0.05 for p in p_values) <= 0.05 * 42 + 2.6 * np.sqrt(0.05 * 0.95 * 42)


def test_of_many_noise_signals_hardly_ever_one_is_related():
    rng = np.random.default_rng(4)
    runs = 8
    false = 0
    for _ in range(runs):
        _, loss = losses(rng, signal_days_before=0)
        signals = {name: make(rng) for name, make in NOISE.items() if name != "its own events"}
        found = leading_indicators(signals, loss, events=loss_events(loss, tolerance=2), rng=rng)
        false += any(one.related for one in found)
        assert all("no relation" in one.words for one in found if not one.related)
    assert false <= 2


def test_the_right_one_among_noise_gets_its_price_in_words():
    rng = np.random.default_rng(5)
    psi, loss = losses(rng, signal_days_before=21)
    signals = {"noise": wander(rng, 0.5), "psi": psi, "walk": NOISE["random walk"](rng)}
    events = loss_events(loss, tolerance=2)
    noise, found, walk = leading_indicators(signals, loss, events=events, rng=rng)
    assert (noise.related, found.related, walk.related) == (False, True, False)
    assert noise.thresholds == ()
    best = found.suggested
    assert best.events == 7
    assert best.hits >= 6  # one may begin while another lasts
    assert best.lead_days == pytest.approx(21, abs=3)
    assert best.gain == max(one.gain for one in found.thresholds)
    assert best.hit_low < best.hit_rate <= best.hit_high
    assert f"alert at psi > {best.value:.4g}: {best.hits} of 7 losses were announced" in found.words
    assert found.words.endswith(f"{best.false_alarms} false alarms in 365 days") or (
        best.false_alarms == 1 and found.words.endswith("1 false alarm in 365 days")
    )
    assert json.loads(json.dumps(asdict(found)))["suggested"]["events"] == 7


def test_two_losses_are_too_few_for_a_threshold():
    rng = np.random.default_rng(6)
    psi, loss = losses(rng, signal_days_before=21)
    events = loss_events(loss, tolerance=2)[:2]
    (one,) = leading_indicators({"psi": psi}, loss, events=events, rng=rng)
    assert one.related
    assert (one.thresholds, one.suggested) == ((), None)
    assert one.words.endswith("too little happened for a threshold: 2 losses, 3 needed")


@pytest.mark.parametrize(
    "signal",
    [
        pytest.param(np.full(DAYS, np.nan), id="never known"),
        pytest.param(np.where(np.arange(DAYS) < 300, np.nan, 1.0), id="known for two months"),
        pytest.param(np.full(DAYS, 0.3), id="constant"),
        pytest.param(np.linspace(0, 1, DAYS), id="a straight line"),
    ],
)
def test_a_signal_that_tells_nothing_is_called_so(signal):
    rng = np.random.default_rng(7)
    _, loss = losses(rng, signal_days_before=0)
    (one,) = leading_indicators({"s": signal}, loss, events=loss_events(loss, tolerance=2), rng=rng)
    assert (one.related, one.lead, one.p_adjusted) == (False, None, 1.0)
    assert one.words.startswith("too little known of s")


def test_unknown_days_and_labels_that_are_not_there_yet_do_not_hide_a_lead():
    rng = np.random.default_rng(8)
    psi, loss = losses(rng, signal_days_before=21)
    psi[rng.choice(DAYS, 40, replace=False)] = np.nan
    loss[-30:] = np.nan
    (one,) = leading_indicators({"psi": psi}, loss, events=loss_events(loss, tolerance=2), rng=rng)
    assert one.related
    assert one.lead.days == pytest.approx(21, abs=2)


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


def test_series_of_other_days_are_refused():
    rng = np.random.default_rng(9)
    with pytest.raises(UnequalSeries, match="signal 'psi' has 3 days where the loss has 2"):
        leading_indicators({"psi": [1, 2, 3]}, [1, 2], events=[], rng=rng)


def test_no_signals_no_findings():
    assert leading_indicators({}, [1.0, 2.0], events=[], rng=np.random.default_rng(0)) == ()


def test_the_same_generator_says_the_same():
    psi, loss = losses(np.random.default_rng(10), signal_days_before=21)
    first, second = (
        leading_indicators({"psi": psi}, loss, events=[], rng=np.random.default_rng(1))
        for _ in "12"
    )
    assert first == second
