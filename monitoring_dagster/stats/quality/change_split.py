"""Change of a mean between two windows, split into moved traffic and change within groups."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.quality.performance import Metric


class GroupPart(NamedTuple):
    """One group in both windows; a mean is NaN where the group has no row."""

    share_before: float
    share_now: float
    mean_before: float
    mean_now: float
    mix: float  # what the moving of its traffic adds to the change
    within: float  # what its own change adds

    @property
    def is_in_both(self) -> bool:
        """Whether it has rows in both windows, so that its own change is known."""
        return self.share_before > 0 and self.share_now > 0


@dataclass(frozen=True, slots=True)
class ChangeSplit:
    """The whole change, and its two parts, which add up to it; each with a 95 % interval."""

    before: float  # the mean over all rows of the window
    now: float
    change: Metric  # n: rows of both windows
    mix: Metric
    within: Metric
    groups: tuple[GroupPart, ...]  # in the order of the columns
    in_one_window: float  # share of traffic, the larger of both windows', of groups found in one


class _Side(NamedTuple):
    """One window by day and group, shape ``(days, groups)``."""

    rows: Floats
    totals: Floats

    @property
    def shares(self) -> Floats:
        found: Floats = self.rows.sum(axis=0) / self.rows.sum()
        return found

    @property
    def means(self) -> Floats:
        rows = self.rows.sum(axis=0)
        found: Floats = np.divide(
            self.totals.sum(axis=0), rows, out=np.full(rows.shape, np.nan), where=rows > 0
        )
        return found

    def moves(self) -> tuple[Floats, Floats]:
        """What each day adds to the shares and to the means, shape ``(days, groups)``: their
        derivatives, in which each column sums to zero."""
        rows = self.rows.sum(axis=0)
        of_shares = (self.rows - self.shares * self.rows.sum(axis=1, keepdims=True)) / rows.sum()
        deviation = self.totals - np.nan_to_num(self.means) * self.rows
        of_means = np.divide(deviation, rows, out=np.zeros_like(self.rows), where=rows > 0)
        return of_shares, of_means


def split_change(
    rows_before: ArrayLike, totals_before: ArrayLike, rows_now: ArrayLike, totals_now: ArrayLike
) -> ChangeSplit:
    """Did traffic move between groups, or did groups change?

    With the share w_g and the mean m_g of group g, before (0) and now (1)::

        sum_g w1 m1 - sum_g w0 m0  =  sum_g (w1 - w0) (m0 + m1) / 2     mix
                                   +  sum_g (m1 - m0) (w0 + w1) / 2     within

    exactly. A group that has rows in one window only is taken to be in the other what it is in
    this one: nothing of it is within, and all that its coming or going changes is mix. How much
    traffic rests on that is told. Of a single group the mix counts from the middle of both
    windows' means, which changes no sum::

        (w1 - w0) ((m0 + m1) / 2 - (M0 + M1) / 2)

    Rows of one day share their luck, so the interval is that of the linearised parts, day by day:
    with z_d what day d adds, and B days, the variance of a window is B / (B - 1) sum_d z_d^2, in
    Student's t with Welch and Satterthwaite's degrees of freedom. A window of a single day has no
    interval.

    Parameters
    ----------
    rows_before, totals_before, rows_now, totals_now
        By day and group, shape ``(days, groups)``: rows, and the sum of their values.

    Raises
    ------
    ValueError
        A window has no row.

    >>> split = split_change([[50, 50]], [[10, 20]], [[90, 10]], [[18, 4]])
    >>> round(split.change.value, 3), round(split.mix.value, 3), round(split.within.value, 3)
    (-0.08, -0.08, 0.0)

    Source: Kitagawa (1955), J. Am. Stat. Assoc. 50(272), in the symmetric form of her section 4.
    """
    before, now = (
        _Side(np.asarray(rows, np.float64), np.asarray(totals, np.float64))
        for rows, totals in ((rows_before, totals_before), (rows_now, totals_now))
    )
    if not (before.rows.sum() > 0 and now.rows.sum() > 0):
        message = "a change needs rows in both windows"
        raise ValueError(message)
    shares, means = (before.shares, now.shares), (before.means, now.means)
    known = [np.where(np.isnan(own), other, own) for own, other in (means, means[::-1])]
    known = [np.nan_to_num(one) for one in known]  # of a group without any row
    in_both = (shares[0] > 0) & (shares[1] > 0)
    middle, moved = (known[0] + known[1]) / 2, shares[1] - shares[0]
    overall = [float(share @ mean) for share, mean in zip(shares, known, strict=True)]
    within = (known[1] - known[0]) * (shares[0] + shares[1]) / 2
    mix = moved * (middle - sum(overall) / 2)
    parts = _Parts(middle, moved, known[1] - known[0], (shares[0] + shares[1]) / 2, in_both)
    added = [_added(side, sign, parts) for side, sign in ((before, -1.0), (now, 1.0))]
    n = int(before.rows.sum() + now.rows.sum())
    values = float((within + mix).sum()), float(mix.sum()), float(within.sum())
    change, of_mix, of_within = (
        _with_interval(value, [side[place] for side in added], n)
        for place, value in enumerate(values)
    )
    return ChangeSplit(
        before=overall[0],
        now=overall[1],
        change=change,
        mix=of_mix,
        within=of_within,
        groups=tuple(
            GroupPart(*map(float, one)) for one in zip(*shares, *means, mix, within, strict=True)
        ),
        in_one_window=max(float(one[~in_both].sum()) for one in shares),
    )


class _Parts(NamedTuple):
    """Of each group, shape ``(groups,)``."""

    middle: Floats  # of both means
    moved: Floats  # share of traffic
    grown: Floats  # mean
    weight: Floats  # middle of both shares
    in_both: NDArray[np.bool_]


def _added(side: _Side, sign: float, of: _Parts) -> tuple[Floats, Floats, Floats]:
    """What each day of a window adds to the change, the mix and the within part."""
    of_shares, of_means = side.moves()
    # The mean of a group of one window stands on both sides of the mix, and so counts twice.
    half = np.where(of.in_both, 0.5, 1.0)
    mix = sign * of_shares @ of.middle + of_means @ (half * of.moved)
    within = of_shares @ (of.grown / 2) + sign * of_means @ (of.in_both * of.weight)
    return mix + within, mix, within


def _with_interval(value: float, by_day: list[Floats], n: int) -> Metric:
    from scipy import special  # late: half a second

    if min(days.size for days in by_day) < 2:
        return Metric(value, np.nan, np.nan, n)
    variances = [float(np.square(days).sum()) * days.size / (days.size - 1) for days in by_day]
    total = sum(variances)
    spread = sum(v**2 / (days.size - 1) for v, days in zip(variances, by_day, strict=True))
    if not (total > 0 and spread > 0):
        return Metric(value, value, value, n)
    reach = float(special.stdtrit(total**2 / spread, 0.975)) * float(np.sqrt(total))
    return Metric(value, value - reach, value + reach, n)
