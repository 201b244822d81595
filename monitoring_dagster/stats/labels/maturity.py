"""When do labels come, how many are still to come, and is a day's truth known?"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.quality.performance import Metric

WINDOW_DAYS = 28  # whole weeks, as many labels come on no weekend
MIN_DAYS = 7  # complete ones, below which nothing is said about when labels come
MATURE_SHARE = 0.99  # of what will come


class UnusableTriangle(MonitoringError):
    """Labels by day and lag that do not belong to the predictions."""

    @classmethod
    def of_shape(cls, labels: tuple[int, ...], predictions: tuple[int, ...]) -> Self:
        return cls(
            f"labels of shape {labels} and predictions of shape {predictions} do not fit: give"
            " (days, lags) and (days,), with at least one lag"
        )


@dataclass(frozen=True, slots=True)
class ArrivalCurve:
    """Which share of a day's final labels has arrived by the end of each lag."""

    shares: Floats  # shape (lags,); rises from lag 0, the day of the prediction, to 1
    low: Floats  # 95 % interval of each, days taken as independent
    high: Floats
    p50_days: float  # delay by which half of the labels have come
    p95_days: float
    coverage: Metric  # final labels per prediction; n: predictions on the complete days
    least_coverage: float  # the lowest of a single complete day
    days: int  # complete ones that it was learnt from


def arrival_curve(
    triangle: ArrayLike, predictions: ArrayLike, *, window_days: int = WINDOW_DAYS
) -> ArrivalCurve | None:
    """How soon do a day's labels arrive, as far as incomplete days can tell?

    The chain ladder, read backwards: of the labels that came by lag k, which share came on it?
    With N the labels that came on a lag, and C those that came by its end::

        g_k      =  sum N_k / sum C_k         over the last window_days days that know lag k
        share_j  =  product of (1 - g_k)      over the lags k > j

    So no day counts for a lag that it has not lived to see, and incomplete days count for those
    that they have: the estimate is free of right truncation, and follows a change of each lag
    within window_days of the day that first shows it. Intervals: each day is one observation, as
    days differ by more than chance; normal for log(-log share), with Student's quantile.

    Parameters
    ----------
    triangle
        Labels by prediction day, oldest first, and by lag in days; shape ``(days, lags)``. NaN or
        negative where not known yet. Give one weekday's rows alone for that weekday's own curve.
    predictions
        Predictions per day, shape ``(days,)``: the rows that may never get a label.

    Returns
    -------
    None below seven complete days, or where no label came on them.

    Raises
    ------
    UnusableTriangle
        The shapes do not fit.

    >>> day = [50, 30, 20]
    >>> curve = arrival_curve([day] * 8 + [[50, 30, -1], [50, -1, -1]], [200] * 10)
    >>> curve.shares.round(2).tolist(), round(curve.p50_days, 2), curve.coverage.value
    ([0.5, 0.8, 1.0], 0.5, 0.5)

    Source: Mack (1993), ASTIN Bulletin 23(2); Lagakos, Barraj & De Gruttola (1988), Biometrika
    75(3) for the reverse time.
    """
    came, upto, rows = counted(triangle, predictions)
    known = ~np.isnan(upto)
    used = known & (np.cumsum(known[::-1], axis=0)[::-1] <= window_days)
    complete = used[:, -1]
    days = int(complete.sum())
    final = upto[complete, -1]
    served = rows[complete]
    if days < MIN_DAYS or not final.sum() or not served.sum():
        return None
    came, upto = np.where(used, came, 0.0), np.where(used, upto, 0.0)
    total = upto.sum(0)
    on_it = np.divide(came.sum(0), total, out=np.zeros(total.size), where=total > 0)  # g
    later = np.append(on_it[1:], 0.0)
    shares = np.where(total > 0, np.cumprod((1 - later)[::-1])[::-1], 0.0)
    # A day's pull on log share: its own g against everybody's, over all later lags.
    before = total * (1 - on_it)
    pull = np.divide(came - on_it * upto, before, out=np.zeros(came.shape), where=before > 0)
    after = np.cumsum(pull[:, ::-1], axis=1)[:, ::-1] - pull
    spread = np.sqrt(days / (days - 1) * np.square(after).sum(0)) * _student(days)
    low, high = _interval(shares, spread)
    return ArrivalCurve(
        shares, low, high, _delay(shares, 0.5), _delay(shares, 0.95),
        _coverage(final, served), float(np.min(final[served > 0] / served[served > 0])), days,
    )  # fmt: skip


def counted(labels: ArrayLike, predictions: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Labels on each lag and by the end of each, NaN where not known, and predictions; all float.

    Raises
    ------
    UnusableTriangle
        The shapes do not fit.
    """
    came, rows = np.array(labels, np.float64), np.asarray(predictions, np.float64)
    if came.ndim != 2 or not came.shape[1] or rows.shape != came.shape[:1]:
        raise UnusableTriangle.of_shape(came.shape, rows.shape)
    came[came < 0] = np.nan
    return came, np.cumsum(came, axis=1), rows


def _student(days: int) -> float:
    from scipy import special  # late: starting often must stay cheap

    return float(special.stdtrit(days - 1, 0.975))


def _interval(shares: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """Of each share, from the reach of its logarithm; never outside 0 to 1."""
    inside = (shares > 0) & (shares < 1)
    logs = np.log(np.where(inside, shares, 0.5))
    widen = np.exp(np.where(inside, reach / -logs, 0.0))
    low, high = (np.where(inside, np.exp(logs * by), shares) for by in (widen, 1 / widen))
    return low, high


def _delay(shares: Floats, share: float) -> float:
    """Days until *share* has come: lag j stands for delays of j - 1/2 to j + 1/2 days."""
    ends = np.arange(shares.size + 1) - 0.5
    ends[0] = 0.0
    upto = np.append(0.0, shares)
    place = int(np.searchsorted(upto, share))  # the first lag by whose end that much has come
    return float(np.interp(share, upto[place - 1 : place + 1], ends[place - 1 : place + 1]))


def _coverage(final: Floats, served: Floats) -> Metric:
    share = float(final.sum() / served.sum())
    off = final - share * served
    days = final.size
    reach = _student(days) * math.sqrt(days / (days - 1) * float(off @ off)) / float(served.sum())
    return Metric(share, max(share - reach, 0.0), min(share + reach, 1.0), int(served.sum()))


def still_to_come(curve: ArrivalCurve, lag_days: int) -> float:
    """Share of a day's final labels that come after *lag_days* days; 1 before the day itself."""
    if lag_days < 0:
        return 1.0
    return float(1 - curve.shares[min(lag_days, curve.shares.size - 1)])


def expected_labels(curve: ArrivalCurve, *, predictions: int, arrived: int, lag_days: int) -> float:
    """How many labels will a day have in the end?

    Those that are here, and of its predictions the usual share that comes later; so a day without
    any label yet, or with an odd start, is expected to go on like others.

    Source: Bornhuetter & Ferguson (1972), Proceedings of the Casualty Actuarial Society 59.
    """
    later = predictions * curve.coverage.value * still_to_come(curve, lag_days)
    return min(arrived + later, float(max(predictions, arrived)))


class Maturity(StrEnum):
    """How much of a day's truth is known."""

    PENDING = "PENDING"  # no label yet
    PARTIAL = "PARTIAL"  # more labels are expected
    MATURE = "MATURE"  # no more are waited for


class Matured(NamedTuple):
    """How mature a day is, and why."""

    maturity: Maturity
    reason: str


def maturity(
    curve: ArrivalCurve | None,
    *,
    predictions: int,
    arrived: int,
    lag_days: int,
    mature_after_days: int,
) -> Matured:
    """Is a day's truth known, *lag_days* days later?

    The curve makes a day mature before its time only where at least 99 % of what will come has
    come, and the day has no fewer labels than any day that the curve was learnt from: on a day on
    which they fail to come, the curve knows nothing.
    """
    if lag_days >= mature_after_days:
        labels = f"{arrived:,} of {predictions:,} predictions have a label"
        return Matured(Maturity.MATURE, f"the wait of {_days(mature_after_days)} is over: {labels}")
    if not arrived:
        return Matured(Maturity.PENDING, f"no label after {_days(lag_days)}")
    if curve is None:
        return Matured(
            Maturity.PARTIAL,
            f"{arrived:,} of {predictions:,} predictions have a label after {_days(lag_days)}, and"
            " too few days are complete to say how many more will come",
        )
    come = 1 - still_to_come(curve, lag_days)
    usual = f"after {_days(lag_days)} {come:.1%} of a day's labels have usually come"
    if come < MATURE_SHARE:
        expected = expected_labels(
            curve, predictions=predictions, arrived=arrived, lag_days=lag_days
        )
        return Matured(
            Maturity.PARTIAL, f"{usual}: {arrived:,} are here, about {expected:,.0f} expected"
        )
    if arrived < curve.least_coverage * predictions:
        return Matured(
            Maturity.PARTIAL,
            f"{usual}, yet only {arrived / predictions:.1%} of the predictions have one, fewer"
            f" than on any of {curve.days} days before ({curve.least_coverage:.1%})",
        )
    return Matured(Maturity.MATURE, usual)


def _days(n: int) -> str:
    return f"{n} day" if n == 1 else f"{n} days"
