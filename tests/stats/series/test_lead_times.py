"""A signal that goes before losses is found with its lead and its price; noise is called noise."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from monitoring_dagster.stats.series.lead_times import UnequalSeries, leading_indicators
from monitoring_dagster.stats.series.leads import lead
from monitoring_dagster.stats.series.thresholds import loss_events
from tests.stats.series.drawn import DAYS, NOISE, losses, wander


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
