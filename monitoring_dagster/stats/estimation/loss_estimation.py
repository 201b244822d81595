"""How far off are predictions of numbers, before the labels come?  Learnt from known errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.bins import Bins, NumericBins
from monitoring_dagster.stats.columns.column_profile import NumericProfile
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.stats.columns.values import Codes, Floats, categories, numbers
from monitoring_dagster.stats.inference.intervals import Z95
from monitoring_dagster.stats.quality.performance import Metric

BLIND_SPOT: Final = (
    "Estimated without labels: right as long as the model errs where it erred in the reference."
    " It cannot see concept drift, a change of the truth behind the same features."
)

BLOCKS = 10  # of consecutive reference rows; each is judged by what the other nine taught
MIN_ROWS = 20 * BLOCKS
_STRENGTHS = (1.0, 10.0, 100.0)  # rows by which a group of bins is pulled towards no effect
_GROUPS = 40  # of neighbouring bins of a column, of about equal rows
_GROUP_ROWS = 100
_T = 2.2621571627409915  # and of Student's with 9 degrees of freedom, as of ten blocks
_NAN = float("nan")


class TooFewErrors(MonitoringError):
    """The reference has too few rows to learn from."""

    @classmethod
    def given(cls, rows: int) -> Self:
        return cls(
            f"the reference has {rows:,} rows with label and prediction, below the {MIN_ROWS:,}"
            " needed to learn where the model errs: give a longer one"
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a realised mean loss may lie from the estimate, as the held-out blocks show it."""

    chance: float  # variance of a row's loss around its expectation, over that expectation squared
    wander: float  # variance of a block's mean beyond chance, over the mean loss squared

    @classmethod
    def of(cls, losses: Floats, expected: Floats, block: Codes) -> Self:
        """From *losses* and what models that had not seen their block *expected*.

        The mean residual of a block has the variance ``chance / rows + wander``; the chance is what
        the residuals inside the blocks show.
        """
        rows = np.bincount(block)
        residual = losses - expected
        mean = np.bincount(block, residual) / rows
        inside = float(np.mean(np.square(residual - mean[block])) * losses.size)
        inside /= max(losses.size - rows.size, 1)
        level = float(losses.mean()) or 1.0
        beyond = float(np.mean(np.square(mean)) - inside * np.mean(1 / rows))
        return cls(
            chance=inside / (float(np.mean(np.square(expected))) or 1.0),
            wander=max(beyond, 0.0) / level**2,
        )

    def around(self, estimates: Floats, *, squares: float, n: int) -> Metric:
        """The metric from one estimate a set of nine blocks, shape ``(BLOCKS,)``.

        With v their mean and *squares* the mean of the rows' squared expectations::

            variance  =  chance * squares / n  +  wander * v^2  +  0.9 * sum (estimate - v)^2

        where the last is the jackknife's, and the interval is laid over the logarithm.

        Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, 11.
        """
        value = float(np.mean(estimates))
        if not n or not value > 0:
            return Metric(value if n else _NAN, _NAN, _NAN, n)
        jackknife = (1 - 1 / BLOCKS) * float(np.sum(np.square(estimates - value)))
        learnt = _T**2 * (jackknife + self.wander * value**2)
        reach = np.sqrt(Z95**2 * self.chance * squares / n + learnt) / value
        factor = float(np.exp(min(reach, 700.0)))
        return Metric(value, value / factor, value * factor, n)


@dataclass(frozen=True, slots=True)
class LossModel:
    """What absolute and squared error to expect at a row: gradient boosting over the features."""

    models: Mapping[str, tuple[Any, ...]] = field(repr=False)  # by metric, one a left-out block
    level: Mapping[str, float]  # mean loss over the reference
    reach: Mapping[str, Reach]

    @classmethod
    def learn(
        cls,
        points: Floats,
        *,
        label: Floats,
        prediction: Floats,
        categorical: NDArray[np.bool_],
        rng: Generator,
    ) -> Self:
        """From rows of a reference in the order of time.

        Ten models a loss, each without one block of consecutive rows, so that what is seen on a
        block is what a later day will show: the error of the model of errors, too. They minimise
        the deviance of the Poisson law: unbiased means that are never negative.

        Parameters
        ----------
        points
            Features, shape ``(rows, columns)``, NaN where there is no value.
        label, prediction
            Numbers, shape ``(rows,)``, none missing.
        categorical
            Which columns hold codes (0 to 254), shape ``(columns,)``.

        Raises
        ------
        TooFewErrors
            Below 200 rows.
        """
        if label.size < MIN_ROWS:
            raise TooFewErrors.given(label.size)
        x, kinds = _with_prediction(points, prediction, categorical)
        error = np.abs(prediction - label)
        block = _blocks(label.size)
        models, level, reach = {}, {}, {}
        for name, losses in {"mae": error, "mse": np.square(error)}.items():
            level[name] = float(losses.mean()) or 1.0
            models[name] = _without_each(block, x, losses / level[name], kinds, rng)
            expected = np.empty(losses.size)
            for number, model in enumerate(models[name]):
                expected[block == number] = model.predict(x[block == number])
            reach[name] = Reach.of(losses / level[name], expected, block)
        return cls(models, level, reach)

    def estimate(self, points: Floats, *, prediction: Floats) -> dict[str, Metric]:
        """mae, rmse and mse to expect of rows without labels, with 95 % intervals for those that
        their labels will show; NaN without rows.
        """
        x, _ = _with_prediction(points, prediction, np.zeros(points.shape[1], dtype=bool))
        found = {}
        for name, models in self.models.items():
            if not len(x):
                found[name] = Metric(_NAN, _NAN, _NAN, 0)
                continue
            rows = np.stack([model.predict(x) for model in models])
            squares = float(np.mean(np.square(rows.mean(axis=0))))
            metric = self.reach[name].around(rows.mean(axis=1), squares=squares, n=len(x))
            value, low, high = (self.level[name] * one for one in metric[:3])
            found[name] = Metric(value, low, high, len(x))
        mse = found["mse"]
        value, low, high = np.sqrt(mse[:3]).tolist()
        return {"mae": found["mae"], "rmse": Metric(value, low, high, mse.n), "mse": mse}


@dataclass(frozen=True, slots=True)
class AdditiveLoss:
    """A mean loss that is a sum over columns, so that marginal shares are all it needs to know."""

    intercepts: Floats  # shape (BLOCKS,), one a left-out block
    coefficients: Mapping[str, Floats] = field(repr=False)  # by column, shape (BLOCKS, bins)
    reach: Reach

    def estimate(self, shares: Mapping[str, ArrayLike], *, n: int) -> Metric:
        """The mean loss to expect of *n* rows, with a 95 % interval for the one that labels show::

            mean loss  =  intercept  +  sum over columns and bins of  coefficient * share

        which is exactly the mean over rows of the additive model, whatever the columns' joint
        distribution is. It follows a drift of single columns, and none of their interplay: where
        losses multiply instead of adding up, the interval of a day that drifted far is too narrow.

        Parameters
        ----------
        shares
            By column, of the rows in each bin, shape ``(bins,)``; they sum to 1. See `shares_of`.
        """
        estimates = self.intercepts.copy()
        for name, of_bins in self.coefficients.items():
            estimates += of_bins @ np.asarray(shares[name], np.float64)
        return self.reach.around(estimates, squares=float(np.mean(estimates)) ** 2, n=n)


def additive_loss(
    codes: Mapping[str, Codes], losses: Floats, *, sizes: Mapping[str, int]
) -> AdditiveLoss:
    """Learn how much each bin of each column adds to the loss: ridge regression on one-hot bins.

    Neighbouring bins share a coefficient until at least 100 rows, or a fortieth of them, are
    together: a pull of fine bins towards no effect would understate what a drift does. The last
    bin, of rows without a value, has no neighbour. Of three strengths of the ridge that one is
    taken under which blocks of consecutive rows are foretold best by the other nine.

    Parameters
    ----------
    codes
        By column, the bin of each row of a reference in the order of time, shape ``(rows,)``.
    losses
        Absolute or squared errors, or any other loss, shape ``(rows,)``.
    sizes
        By column, its number of bins. See `codes_of`.

    Raises
    ------
    TooFewErrors
        Below 200 rows.

    Source: Hoerl & Kennard (1970), Technometrics 12(1).
    """
    if losses.size < MIN_ROWS:
        raise TooFewErrors.given(losses.size)
    from scipy import sparse  # late: half a second

    rows = np.arange(losses.size)
    group = {name: _groups(codes[name], size) for name, size in sizes.items()}
    x = sparse.hstack(
        [
            sparse.csr_array(
                (np.ones(rows.size), (rows, of_bin[codes[name]])), (rows.size, of_bin.max() + 1)
            )
            for name, of_bin in group.items()
        ],
        format="csr",
    )
    block = _blocks(losses.size)
    fits = [_ridge(x, losses, block, strength) for strength in _STRENGTHS]
    intercepts, coefficients, expected = min(
        fits, key=lambda fit: float(np.mean(np.square(losses - fit[2])))
    )
    ends = np.cumsum([of_bin.max() + 1 for of_bin in group.values()])[:-1]
    parts = zip(group.items(), np.split(coefficients, ends, axis=1), strict=True)
    of_bins = {name: part[:, of_bin] for (name, of_bin), part in parts}
    return AdditiveLoss(intercepts, of_bins, Reach.of(losses, expected, block))


def codes_of(rows: pa.Table, bins: Mapping[str, Bins]) -> dict[str, Codes]:
    """The bin of every row by column; rows without a finite value are in a last bin of their own.

    Raises
    ------
    WrongType
        A numeric column arrives as something else.
    """
    found = {}
    for name, of in bins.items():
        if isinstance(of, NumericBins):
            values = np.asarray(numbers(rows[name], column=name), np.float64)
            finite = np.isfinite(values)
            found[name] = np.where(finite, of.index(np.where(finite, values, 0.0)), of.size)
        else:
            codes, names = categories(rows[name], column=name)
            found[name] = np.append(of.index(names), of.size)[codes]
    return found


def shares_of(profile: Profile) -> dict[str, Floats]:
    """The share of a profile's rows in every bin by column, the last without a finite value."""
    found = {}
    for name, column in profile.columns.items():
        infinite = column.infinite if isinstance(column, NumericProfile) else 0
        counts = np.append(column.counts, column.nulls + infinite)
        found[name] = counts / max(counts.sum(), 1)
    return found


def _groups(codes: Codes, bins: int) -> Codes:
    """The group of each bin, shape ``(bins,)``: neighbours of about equal rows, the last apart.

    A bin without rows belongs to the group below it.
    """
    rows = np.bincount(codes, minlength=bins)
    there = np.flatnonzero(rows[:-1])
    known = rows[there]
    most = max(int(min(known.sum() / _GROUP_ROWS, _GROUPS)), 1)
    middle = (np.cumsum(known) - known / 2) / max(known.sum(), 1)
    _, group = np.unique((middle * most).astype(np.intp), return_inverse=True)
    below = np.maximum(np.cumsum(rows[:-1] > 0) - 1, 0)
    found = group[below] if there.size else np.zeros(bins - 1, np.intp)
    top = int(found.max(initial=0))
    return np.append(found, top + 1 if rows[-1] and there.size else top)


def _blocks(rows: int) -> Codes:
    return np.arange(rows) * BLOCKS // rows


def _with_prediction(
    points: Floats, prediction: Floats, categorical: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    return np.column_stack([points, prediction]), np.append(categorical, False)


def _without_each(
    block: Codes, x: Floats, losses: Floats, categorical: NDArray[np.bool_], rng: Generator
) -> tuple[Any, ...]:
    from sklearn.dummy import DummyRegressor  # late: a second
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    found = []
    with threadpool_limits(1):  # threads that wait for a busy core take several times as long
        for number in range(BLOCKS):
            there = block != number
            model: Any = HistGradientBoostingRegressor(
                loss="poisson",
                max_iter=40,
                learning_rate=0.1,
                max_leaf_nodes=8,
                min_samples_leaf=50,
                early_stopping=False,
                categorical_features=categorical,
                random_state=int(rng.integers(2**31)),
            )
            if not losses[there].any():  # never wrong: the logarithm has no such mean
                model = DummyRegressor()
            found.append(model.fit(x[there], losses[there]))
    return tuple(found)


def _ridge(x: Any, losses: Floats, block: Codes, strength: float) -> tuple[Floats, Floats, Floats]:
    """Intercepts and coefficients without each block, and what they expect of that block."""
    from scipy.sparse.linalg import lsqr

    intercepts, coefficients = np.empty(BLOCKS), np.empty((BLOCKS, x.shape[1]))
    expected = np.empty(losses.size)
    for number in range(BLOCKS):
        there, out = np.flatnonzero(block != number), np.flatnonzero(block == number)
        mean = losses[there].mean()
        found = lsqr(x[there], losses[there] - mean, damp=np.sqrt(strength), iter_lim=100)[0]
        intercepts[number] = mean - float((x[there] @ found).mean())
        coefficients[number] = found
        expected[out] = intercepts[number] + x[out] @ found
    return intercepts, coefficients, expected
