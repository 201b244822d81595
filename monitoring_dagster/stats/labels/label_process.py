"""Did the labelling change?  What labels say, who says it, and how often nobody knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.values import Floats

_MIN_MIX = 0.1  # share of labels in other hands, below which a change of hands is daily life
_MIN_EXPECTED = 5.0  # labels of an annotator on each side, below which annotators are put together
_SHOWN_CHARACTERS = 40  # of an annotator's name, which is a value from the data


class UnequalDays(MonitoringError):
    """Series that do not tell of the same days."""

    @classmethod
    def found(cls, name: str, *, days: int, expected: int) -> Self:
        return cls(
            f"{name} has {days} days where rows has {expected}: give one number for each day,"
            " 0 on a day without labels"
        )


@dataclass(frozen=True, slots=True)
class LabelDays:
    """The labels of some days; each array has the shape ``(days,)``."""

    rows: Floats  # with a label that is not ambiguous
    ones: Floats  # of label 1
    expected: Floats | None = None  # sum of the scores of those rows, where there are scores
    ambiguous: Floats | None = None  # rows labelled as ambiguous, beside `rows`
    annotators: Mapping[str, Floats] = field(default_factory=dict)  # rows by who labelled them

    @classmethod
    def of(
        cls,
        *,
        rows: ArrayLike,
        ones: ArrayLike,
        expected: ArrayLike | None = None,
        ambiguous: ArrayLike | None = None,
        annotators: Mapping[str, ArrayLike] | None = None,
    ) -> Self:
        """From anything that is an array.

        Raises
        ------
        UnequalDays
            A series has another number of days than *rows*.
        """
        labelled = np.atleast_1d(np.asarray(rows, np.float64))

        def series(name: str, given: ArrayLike) -> Floats:
            values = np.atleast_1d(np.asarray(given, np.float64))
            if values.shape != labelled.shape:
                raise UnequalDays.found(name, days=values.size, expected=labelled.size)
            return values

        return cls(
            labelled,
            series("ones", ones),
            None if expected is None else series("expected", expected),
            None if ambiguous is None else series("ambiguous", ambiguous),
            {name: series(f"annotator {name!r}", by) for name, by in (annotators or {}).items()},
        )


class LabelAspect(StrEnum):
    """What about the labelling is looked at."""

    BASE_RATE = "share of label 1"
    AMBIGUOUS = "share of ambiguous labels"
    ANNOTATORS = "annotators"


@dataclass(frozen=True, slots=True)
class LabelChange:
    """One aspect of the labelling, before and now."""

    aspect: LabelAspect
    p_value: float  # 1 where nothing can be said
    effect: float  # change of the share; of annotators: share of labels in other hands
    alarm: bool
    words: str


def label_process(
    before: LabelDays, now: LabelDays, *, min_effect: float = 0.02, alpha: float = 0.05
) -> tuple[LabelChange, ...]:
    """Did the labelling process change, in any aspect that both sides tell of?

    Days differ more than chance alone would have it, so days are the sample: the spread between
    the days of one side, in excess of chance, is part of the noise. At least three days are needed
    in all, two of them on one side. Where both sides have scores, the share of label 1 is compared
    beyond the scores' mean: what a change of the rows explains is no change of the labelling. A
    world that changed looks the same as labelling that changed: the words say both.

    Returns
    -------
    One record for each aspect: an alarm where the p-value is below *alpha* divided by their number
    (Bonferroni) and the effect at least *min_effect* (of annotators 0.1). At most a share *alpha*
    of looks without a change have any alarm.
    """
    looks = [_base_rate(before, now)]
    if before.ambiguous is not None and now.ambiguous is not None:
        looks.append(_ambiguous(before.ambiguous, before.rows, now.ambiguous, now.rows))
    if before.annotators and now.annotators:
        looks.append(_annotators(before.annotators, now.annotators))
    found = []
    for look in looks:
        floor = _MIN_MIX if look.aspect is LabelAspect.ANNOTATORS else min_effect
        needed = alpha / len(looks)
        real = look.p_value < needed
        alarm = real and look.effect >= floor
        lead = "" if alarm else "real but small: " if real else "no more than chance: "
        words = (
            f"{lead}{look.fact} (changed by {look.effect:.1%}, bound {floor:.1%};"
            f" p = {look.p_value:.2g}, needed below {needed:.2g})"
        )
        found.append(LabelChange(look.aspect, look.p_value, look.effect, alarm, words))
    return tuple(found)


class _Look(NamedTuple):
    aspect: LabelAspect
    p_value: float
    effect: float
    fact: str


def _base_rate(before: LabelDays, now: LabelDays) -> _Look:
    variance = _binomial_variance([before.ones, now.ones], [before.rows, now.rows])
    shares = [_share(side.ones, side.rows) for side in (before, now)]
    fact = f"labels say 1 in {shares[1]:.1%} of {now.rows.sum():,.0f} rows, {shares[0]:.1%} before"
    totals = [before.ones, now.ones]
    if before.expected is not None and now.expected is not None:
        totals = [before.ones - before.expected, now.ones - now.expected]
        scores = [_share(before.expected, before.rows), _share(now.expected, now.rows)]
        fact += f", where scores say {scores[1]:.1%}, {scores[0]:.1%} before"
    p_value, effect = _shifted(totals, [before.rows, now.rows], variance)
    return _Look(LabelAspect.BASE_RATE, p_value, effect, f"{fact}: the world or the labels changed")


def _ambiguous(before: Floats, labelled_before: Floats, now: Floats, labelled: Floats) -> _Look:
    rows = [before + labelled_before, now + labelled]
    p_value, effect = _shifted([before, now], rows, _binomial_variance([before, now], rows))
    shares = [_share(before, rows[0]), _share(now, rows[1])]
    fact = f"{shares[1]:.1%} of {rows[1].sum():,.0f} labels are ambiguous, {shares[0]:.1%} before"
    return _Look(LabelAspect.AMBIGUOUS, p_value, effect, fact)


def _share(part: Floats, of: Floats) -> float:
    return float(part.sum() / of.sum()) if of.sum() else float("nan")


def _binomial_variance(ones: Sequence[Floats], rows: Sequence[Floats]) -> float:
    """Of one row, if nothing changed."""
    p = _share(np.concatenate(ones), np.concatenate(rows))
    return p * (1 - p)


def _shifted(
    totals: Sequence[Floats], rows: Sequence[Floats], variance: float
) -> tuple[float, float]:
    """p-value and size of the difference of two means per row, days being random effects.

    With y_d = total / rows of a day and w_d = 1 / (tau^2 + variance / rows)::

        mean = sum w_d y_d / sum w_d,   se^2 = max(1, q) * sum over sides of 1 / sum w_d

    where q is the weighted spread of the days around their side's mean over its D - 2 degrees of
    freedom, and tau^2 the spread beyond *variance*.

    Source: DerSimonian & Laird (1986) for tau^2, Knapp & Hartung (2003) for q.
    """
    from scipy import special  # late: starting often must stay cheap

    there = [of > 0 for of in rows]
    n = [of[kept] for of, kept in zip(rows, there, strict=True)]
    y = [total[kept] / size for total, kept, size in zip(totals, there, n, strict=True)]
    freedom = sum(days.size for days in y) - 2
    if freedom < 1 or not all(days.size for days in y) or not variance > 0:
        return 1.0, 0.0
    weights = [size / variance for size in n]
    excess = _spread(y, weights) - freedom
    room = sum(float(w.sum() - (w**2).sum() / w.sum()) for w in weights)
    between = max(excess / room, 0.0)
    weights = [1 / (between + variance / size) for size in n]
    means = [float(w @ days / w.sum()) for w, days in zip(weights, y, strict=True)]
    wider = max(_spread(y, weights) / freedom, 1.0)
    error = float(np.sqrt(wider * sum(1 / w.sum() for w in weights)))
    change = abs(means[1] - means[0])
    return float(2 * special.stdtr(freedom, -change / error)), change


def _spread(values: Sequence[Floats], weights: Sequence[Floats]) -> float:
    """Weighted squares around the mean of each side."""
    return sum(
        float(w @ (days - w @ days / w.sum()) ** 2)
        for days, w in zip(values, weights, strict=True)
    )  # fmt: skip


def _annotators(before: Mapping[str, Floats], now: Mapping[str, Floats]) -> _Look:
    """Chi-square between the sides over that between the days of a side: an F test.

    Source: Rao & Scott (1981), J. Am. Stat. Assoc. 76, for the correction.
    """
    names = sorted({*before, *now})
    sides = [
        np.stack([by.get(name, np.zeros_like(next(iter(by.values())))) for name in names], axis=1)
        for by in (before, now)
    ]
    totals = np.array([side.sum(0) for side in sides])
    size = totals.sum(1)
    if not size.all():
        return _Look(LabelAspect.ANNOTATORS, 1.0, 0.0, "nobody is named on one side")
    shares = totals / size[:, None]
    mover = int(np.abs(shares[1] - shares[0]).argmax())
    p_value = _mix_p_value(sides, totals)
    fact = (
        f"annotator {names[mover][:_SHOWN_CHARACTERS]!r} labels {shares[1, mover]:.1%} of the"
        f" rows, {shares[0, mover]:.1%} before"
    )
    effect = float(np.abs(shares[1] - shares[0]).sum() / 2)
    return _Look(LabelAspect.ANNOTATORS, p_value, effect, fact)


def _mix_p_value(sides: Sequence[Floats], totals: Floats) -> float:
    from scipy import special  # late: as above

    expected = totals.sum(0) * totals.sum(1).min() / totals.sum()
    few = expected < _MIN_EXPECTED
    tables = [np.column_stack([side[:, ~few], side[:, few].sum(1)]) for side in sides]
    total = np.array([table.sum(0) for table in tables])
    kept = total.sum(0) > 0
    between = _chi_square(total[:, kept])
    within = [_chi_square(table[table.sum(1) > 0][:, kept]) for table in tables]
    days = sum(int((table.sum(1) > 0).sum()) - 1 for table in tables)
    levels = int(kept.sum()) - 1
    if levels < 1 or days < 1:
        return 1.0
    dispersion = max(sum(within) / (days * levels), 1.0)
    return float(special.fdtrc(levels, days * levels, between / levels / dispersion))


def _chi_square(table: Floats) -> float:
    """Pearson's statistic; a column that is empty on this side has nothing to tell."""
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    gap = np.divide((table - expected) ** 2, expected, np.zeros_like(table), where=expected > 0)
    return float(gap.sum())
