"""How many days does a signal go before a loss, if it does at all?"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from monitoring_dagster.stats.columns.values import Floats

MAX_LEAD_DAYS = 60
MIN_DAYS = 90  # known on both sides; fewer tell nothing about leads of up to 60
_SURROGATES = 1999
_LIKELY = 6.63  # 99 % of the chi-square law with one degree of freedom: leads are also searched
_FURTHEST = 4.0
_PASSES = 20  # a wild day counts by a tenth or less with each
_LEADS = np.arange(MAX_LEAD_DAYS + 1)


@dataclass(frozen=True, slots=True)
class Lead:
    """By how many days a signal leads, and how surely it does."""

    days: int  # 0 to 60
    low: int  # 95 % interval
    high: int
    direction: int  # 1: it rises before losses; -1: it falls
    correlation: float  # of what is new in both, at that lead
    p_value: float  # all leads tried are allowed for, and so is autocorrelation


def lead(signal: ArrayLike, loss: ArrayLike, *, rng: Generator) -> Lead | None:
    """At which lead goes the *signal* with the *loss*, and would chance do as well?

    Both series, without their linear trend and weekday means, are filtered by the loss's own
    autoregression, so that only what is new in the loss is explained, and clipped at four robust
    standard deviations, so that no single day decides. Then::

        z(L) = sum_t signal[t - L] * loss[t] / sqrt(n - L),   L = 0..60,   days = argmax |z(L)|

    p is the share of surrogates with as large a maximum over L: the same series with the phases of
    its spectrum drawn at random, which keeps the autocorrelation and no date. The interval holds
    the leads that are hardly less likely, z(L)^2 > z(days)^2 - 6.63.

    Parameters
    ----------
    signal, loss
        A number a day, shape ``(days,)``; NaN where it is unknown, interpolated between neighbours.

    Returns
    -------
    None where fewer than 90 days are known, or nothing varies.

    Source: Box & Jenkins (1976), section 11.2, for the filter; Theiler et al. (1992), Physica D 58,
    for the surrogates.
    """
    x, y = np.asarray(signal, np.float64), np.asarray(loss, np.float64)
    both = np.flatnonzero(~np.isnan(x) & ~np.isnan(y))
    if both.size < MIN_DAYS:
        return None
    kept = slice(both[0], both[-1] + 1)
    x, y = (_without_calendar(series[kept]) for series in (x, y))
    if not (x.any() and y.any()):
        return None
    persistence = float(y[1:] @ y[:-1] / (y @ y))
    x, y = (_tamed(series[1:] - persistence * series[:-1]) for series in (x, y))
    z = np.array([x[: x.size - days] @ y[days:] / np.sqrt(x.size - days) for days in _LEADS])
    days = int(np.abs(z).argmax())
    likely = np.flatnonzero(z**2 > z[days] ** 2 - _LIKELY)
    chance = _by_chance(x, y, rng)
    return Lead(
        days=days,
        low=int(likely[0]),
        high=int(likely[-1]),
        direction=1 if z[days] > 0 else -1,
        correlation=float(z[days] / np.sqrt(x.size - days)),
        p_value=float((1 + (chance >= np.abs(z[days])).sum()) / (1 + _SURROGATES)),
    )


def _without_calendar(series: Floats) -> Floats:
    """Gaps filled in a straight line; no linear trend, no weekday, and no wild day, which would
    bend both; 0 where nothing else varies."""
    day = np.arange(series.size)
    known = ~np.isnan(series)
    filled = np.interp(day, day[known], series[known])
    calendar = np.column_stack([day - day.mean(), day[:, None] % 7 == np.arange(7)])
    solve = np.linalg.pinv(calendar)
    rest: Floats = filled - calendar @ (solve @ filled)
    size = rest.std()
    if size <= 1e-9 * np.abs(filled).max():
        return rest * 0
    for _ in range(_PASSES):
        before = rest
        rest = filled - calendar @ (solve @ (filled - rest + _without_wild_days(rest)))
        if np.abs(rest - before).max() <= 1e-12 * size:
            break
    return _without_wild_days(rest)


def _without_wild_days(series: Floats) -> Floats:
    """No day further from the median than four robust standard deviations, unless one in a hundred
    is: of a series that hardly ever moves those are the days that tell something."""
    centred = series - np.median(series)
    size = np.abs(centred)
    usual = max(_FURTHEST * _spread(centred), float(np.quantile(size, 0.99, method="lower")))
    return series - centred + np.clip(centred, -usual, usual)


def _tamed(series: Floats) -> Floats:
    """No day further from the median than four robust standard deviations; then of variance 1."""
    centred = series - np.median(series)
    spread = _spread(centred) or float(centred.std())
    clipped = np.clip(centred, -_FURTHEST * spread, _FURTHEST * spread)
    clipped = clipped - clipped.mean()
    unit: Floats = clipped / np.sqrt(np.mean(clipped**2))
    return unit


def _spread(centred: Floats) -> float:
    """A standard deviation that no few days decide."""
    return 1.4826 * float(np.median(np.abs(centred)))


def _by_chance(signal: Floats, loss: Floats, rng: Generator) -> Floats:
    """The largest |z| over all leads of each surrogate of the signal."""
    n = signal.size
    size = np.abs(np.fft.rfft(signal))
    phases = rng.uniform(0, 2 * np.pi, (_SURROGATES, size.size))
    products = size * np.fft.rfft(loss) * np.exp(1j * phases)
    z = np.fft.irfft(products, n)[:, _LEADS] / np.sqrt(n)
    largest: Floats = np.abs(z).max(axis=1)
    return largest
