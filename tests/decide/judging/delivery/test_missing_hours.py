"""Half a day that was delivered says which hours are missing; a quiet night is no gap."""

from datetime import timedelta

import numpy as np
import pytest

from monitoring_dagster.decide.judging.delivery.missing_hours import (
    HOUR_ROWS,
    gap_in,
    missing_hours,
)
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from tests.tiny import DAY, spec_of

FLAT = [100.0] * 24


def without(hours, *first, last):
    """The *hours*, of which those from *first* to before *last* have no row."""
    (start,) = first
    return [0.0 if start <= hour < last else rows for hour, rows in enumerate(hours)]


def at_night(rows=100.0):
    return [rows if hour < 6 else 0.0 for hour in range(24)]


def later(hours, by):
    return [*hours[-by:], *hours[:-by]]


@pytest.mark.parametrize(
    ("today", "before", "words"),
    [
        pytest.param(without(FLAT, 12, last=24), [FLAT] * 4,
                     "rows of 12 of 24 hours are missing (12:00 to 24:00 UTC), in which this"
                     " weekday usually has 1,200 of 2,400", id="the second half"),
        pytest.param(without(FLAT, 0, last=2), [FLAT] * 2,
                     "rows of 2 of 24 hours are missing (00:00 to 02:00 UTC), in which this"
                     " weekday usually has 200 of 2,400", id="two hours, two weeks"),
        pytest.param(without(without(FLAT, 3, last=5), 9, last=12), [FLAT] * 4,
                     "rows of 5 of 24 hours are missing (03:00 to 05:00, 09:00 to 12:00 UTC), in"
                     " which this weekday usually has 500 of 2,400", id="two gaps"),
        pytest.param(without(at_night(), 3, last=6), [at_night()] * 4,
                     "rows of 3 of 6 hours are missing (03:00 to 06:00 UTC), in which this weekday"
                     " usually has 300 of 600", id="a model that serves at night"),
        pytest.param(without(FLAT, 12, last=24), [without(FLAT, 12, last=24), FLAT, FLAT, FLAT],
                     "rows of 12 of 24 hours are missing (12:00 to 24:00 UTC), in which this"
                     " weekday usually has 1,200 of 2,400", id="as last week"),
        pytest.param([2.0 * rows for rows in without(FLAT, 12, last=24)], [FLAT] * 4,
                     "rows of 12 of 24 hours are missing (12:00 to 24:00 UTC), in which this"
                     " weekday usually has 1,200 of 2,400", id="half of twice as many"),
    ],
)  # fmt: skip
def test_a_part_of_a_day_says_which_hours_are_missing(today, before, words):
    assert gap_in(today, before).words == words


@pytest.mark.parametrize(
    ("today", "before"),
    [
        pytest.param(FLAT, [FLAT] * 4, id="a day like any other"),
        pytest.param(without(FLAT, 12, last=13), [FLAT] * 4, id="one hour: the clocks changed"),
        pytest.param(without(FLAT, 12, last=24), [FLAT], id="one week is no usual"),
        pytest.param(without(FLAT, 12, last=24), [without(FLAT, 12, last=24)] * 2 + [FLAT] * 2,
                     id="every other week without them"),
        pytest.param(without(FLAT, 12, last=24), [without(FLAT, 12, last=24), FLAT, FLAT],
                     id="one of three weeks without them"),
        pytest.param([1.0] * 12 + [0.0] * 12, [FLAT] * 4, id="a quiet day is quiet in all hours"),
        pytest.param(without([1.0] * 24, 12, last=24), [[1.0] * 24] * 4, id="a row an hour"),
        pytest.param(later(at_night(), 3), [at_night()] * 4, id="rows that came later instead"),
        pytest.param(later(at_night(), 6), [at_night()] * 4, id="all of them at another time"),
        pytest.param([0.0] * 24, [FLAT] * 4, id="no row: the contract speaks"),
        pytest.param(without(FLAT, 1, last=3), [[1e4, 5.0, 5.0, *FLAT[3:]]] * 4,
                     id="a part too small to be missed"),
        pytest.param([], [FLAT] * 4, id="a day without times"),
    ],
)  # fmt: skip
def test_other_days_are_whole(today, before):
    assert gap_in(today, before) is None


def test_chance_is_excluded_from_fourteen_expected_arrivals_on():
    """Two hours of seven rows each; of weeks that vary the same gap says nothing."""
    seven = [7.0] * 24
    assert gap_in(without(seven, 4, last=6), [seven] * 4)
    assert not gap_in(without([6.9] * 24, 4, last=6), [[6.9] * 24] * 4)
    varied = [[rows] * 24 for rows in (1.0, 5.0, 9.0, 13.0)]
    assert not gap_in(without(seven, 4, last=6), varied)


SHAPE = 1.0 + np.sin(np.arange(24) / 24 * 2 * np.pi)


def poisson(rate):
    return lambda rng: rng.poisson(rate * SHAPE)


def busy(rng):
    """Some days have twice as many rows as others."""
    return rng.poisson(rng.gamma(10, 1 / 10) * 200 * SHAPE)


def bursts(rng):
    """Forty clients a day, each with fifty rows at once."""
    return np.bincount(rng.integers(0, 24, 40), minlength=24) * 50


def nights(rng):
    return np.where(np.arange(24) < 6, rng.poisson(30, 24), 0)


def batch(rng):
    """One run a day, about an hour around four, over two hours."""
    start = 3 + int(rng.integers(0, 3))
    return np.where((np.arange(24) >= start) & (np.arange(24) < start + 2), 5000, 0)


def wild(rng):
    return rng.poisson(rng.gamma(2, 1 / 2, 24) * 20)


@pytest.mark.parametrize(
    "draw",
    [poisson(0.5), poisson(3), poisson(50), busy, bursts, nights, batch, wild],
    ids=["rare", "few", "many", "busy", "bursts", "nights", "batch", "wild"],
)
def test_in_a_thousand_whole_days_no_hour_is_missed(draw):
    rng = np.random.default_rng(1)
    days = [draw(rng).astype(float).tolist() for _ in range(1004)]
    assert not [n for n in range(4, 1004) if gap_in(days[n], days[n - 4 : n])]


@pytest.mark.parametrize("draw", [poisson(3), poisson(50), busy], ids=["few", "many", "busy"])
def test_half_a_day_is_missed_in_nearly_every_case(draw):
    """From 72 rows a day on."""
    rng = np.random.default_rng(2)
    days = [draw(rng).astype(float).tolist() for _ in range(204)]
    found = [gap_in(without(days[n], 0, last=12), days[n - 4 : n]) for n in range(4, 204)]
    assert sum(gap is not None for gap in found) >= 0.95 * len(found)


def test_the_finding_is_about_the_same_weekday():
    def counted(hours, days_ago):
        day = DAY - timedelta(days=days_ago)
        return day, [
            Signal.on(day, HOUR_ROWS, rows, subject=f"{hour:02}:00", n=int(rows))
            for hour, rows in enumerate(hours)
        ]

    half = without(FLAT, 12, last=24)
    weeks = [counted(half, 0), *(counted(FLAT, 7 * n) for n in (1, 2, 3))]
    (found,) = missing_hours(spec_of(), DAY, LoadedSignals(dict(weeks)))
    assert (found.kind, found.severity) == (FindingKind.PARTIAL_DAY, Severity.P1)
    assert (found.subject, found.step) == ("hours", "contract")
    others = [counted(half, 0), *(counted(FLAT, n) for n in (1, 2, 3))]
    assert [*missing_hours(spec_of(), DAY, LoadedSignals(dict(others)))] == []
