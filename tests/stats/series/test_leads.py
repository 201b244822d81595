"""At which lead a signal goes with a loss, however both are measured, and whether by chance."""

import numpy as np
import pytest

from monitoring_dagster.stats.series.leads import MAX_LEAD_DAYS, MIN_DAYS, lead
from tests.stats.series.drawn import DAYS, NOISE, losses


@pytest.mark.parametrize("ahead", [0, 5, 21, 45])
def test_a_planted_lead_is_recovered_within_two_days(ahead):
    rng = np.random.default_rng(1)
    found = [lead(*losses(rng, signal_days_before=ahead), rng=rng) for _ in range(12)]
    assert sum(one.p_value < 0.05 and abs(one.days - ahead) <= 2 for one in found) >= 11
    assert sum(one.low <= ahead <= one.high for one in found) >= 11
    assert all(one.high - one.low < 30 for one in found)


@pytest.mark.parametrize("loss", ["weekly", "skewed"])
def test_noise_has_no_relation_however_it_moves(loss):
    rng = np.random.default_rng(3)
    p_values = [
        lead(NOISE[signal](rng), NOISE[loss](rng), rng=rng).p_value for signal in 6 * sorted(NOISE)
    ]
    assert sum(p < 0.05 for p in p_values) <= 0.05 * 42 + 2.6 * np.sqrt(0.05 * 0.95 * 42)


def found(signal, loss, seed=0):
    return lead(signal, loss, rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def year():
    """A signal that rises 21 days before a loss."""
    return losses(np.random.default_rng(1), signal_days_before=21)


def test_a_signal_that_falls_has_the_same_lead_and_the_other_direction(year):
    signal, loss = year
    rises, falls = found(signal, loss), found(-signal, loss)
    assert (rises.direction, falls.direction) == (1, -1)
    assert (falls.days, falls.low, falls.high) == (rises.days, rises.low, rises.high)
    assert falls.correlation == pytest.approx(-rises.correlation)
    assert falls.p_value == rises.p_value


@pytest.mark.parametrize(
    "measured",
    [
        pytest.param(lambda x: 1000 * x - 7, id="in another unit"),
        pytest.param(lambda x: x + 0.3 * np.arange(DAYS), id="with a trend"),
        pytest.param(lambda x: x + 5.0 * (np.arange(DAYS) % 7 > 4), id="with its weekends"),
    ],
)
def test_unit_trend_and_weekday_tell_nothing(measured, year):
    signal, loss = year
    plain, other = found(signal, loss), found(measured(signal), measured(loss))
    assert (other.days, other.direction) == (plain.days, plain.direction)
    assert other.correlation == pytest.approx(plain.correlation, abs=1e-6)


WILD = [
    pytest.param([40], [], id="of the signal"),
    pytest.param([], [100], id="of the loss"),
    pytest.param([40], [100], id="of both"),
    pytest.param([40], [40], id="of both on one day"),
    pytest.param([40, 47, 200], [100, 107, 300], id="three of each on one weekday"),
]


@pytest.mark.parametrize("size", [-1e9, 1e4, 1e9])
@pytest.mark.parametrize(("of_signal", "of_loss"), WILD)
def test_wild_days_hide_no_lead(of_signal, of_loss, size, year):
    """Not by the weekday and the trend either, which they would bend."""
    signal, loss = (series.copy() for series in year)
    usual = found(signal, loss)
    signal[of_signal] = loss[of_loss] = size
    wild = found(signal, loss)
    assert (wild.days, wild.direction, wild.p_value) == (usual.days, 1, usual.p_value)


@pytest.mark.parametrize("apart", [0, 4, 14])
def test_two_wild_days_of_noise_are_no_lead(apart):
    rng = np.random.default_rng(7)
    p_values = []
    for _ in range(10):
        signal, loss = rng.normal(size=(2, DAYS))
        signal[100] = loss[100 + apart] = 1e6
        p_values.append(lead(signal, loss, rng=rng).p_value)
    assert sum(p < 0.05 for p in p_values) <= 2


def test_days_that_hardly_ever_come_are_not_taken_for_wild():
    """Seven complaints in a year, each 21 days before a loss of a single day."""
    signal, loss = np.zeros((2, DAYS))
    days = 70 + 40 * np.arange(7) + np.random.default_rng(8).integers(0, 20, 7)
    signal[days - 21] = loss[days] = 1.0
    one = found(signal, loss)
    assert (one.days, one.direction, one.p_value) == (21, 1, 1 / 2000)


def test_days_before_both_are_known_and_after_change_nothing(year):
    signal, loss = year
    usual = found(signal, loss)
    unknown = np.full(50, np.nan)
    noise = np.random.default_rng(2).normal(size=50)
    longer = found(np.r_[noise, signal, unknown], np.r_[unknown, loss, noise])
    assert (longer.days, longer.correlation) == (usual.days, pytest.approx(usual.correlation))


def test_a_series_goes_with_itself_on_the_same_day(year):
    _, loss = year
    same = found(loss, loss)
    assert (same.days, same.direction) == (0, 1)
    assert same.correlation == pytest.approx(1.0)
    assert same.p_value == 1 / 2000, "no surrogate of 1999 comes near"


def test_the_interval_holds_the_lead_and_all_stays_in_range():
    rng = np.random.default_rng(3)
    for _ in range(5):
        one = lead(rng.normal(size=200), rng.normal(size=200), rng=rng)
        assert 0 <= one.low <= one.days <= one.high <= MAX_LEAD_DAYS
        assert 1 / 2000 <= one.p_value <= 1
        assert one.direction in (-1, 1)
        assert np.sign(one.correlation) == one.direction


@pytest.mark.parametrize(("known", "is_told"), [(MIN_DAYS, True), (MIN_DAYS - 1, False)])
def test_ninety_days_known_on_both_sides_are_the_fewest(known, is_told):
    rng = np.random.default_rng(4)
    signal, loss = rng.normal(size=(2, 120))
    signal[known:] = np.nan
    assert (found(signal, loss) is not None) is is_told


@pytest.mark.parametrize(
    "still",
    [
        pytest.param(np.full(DAYS, 0.3), id="constant"),
        pytest.param(np.linspace(0, 1, DAYS), id="a straight line"),
        pytest.param(np.arange(DAYS) % 7 / 7, id="a weekday"),
        pytest.param(np.full(DAYS, np.nan), id="never known"),
        pytest.param(np.zeros(0), id="no day"),
    ],
)
def test_what_tells_nothing_leads_nothing_and_is_led_by_nothing(still):
    other = np.random.default_rng(5).normal(size=still.size)
    assert found(still, other) is None
    assert found(other, still) is None


def test_the_same_generator_says_the_same(year):
    assert found(*year, seed=6) == found(*year, seed=6)
