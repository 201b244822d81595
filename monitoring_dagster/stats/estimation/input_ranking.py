"""Features by what their shift adds to a change of loss, jointly, so that parts add up."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import Codes, Floats
from monitoring_dagster.stats.quality.performance import Metric

_PAIRS = 1000  # in each half


def ranked_inputs(
    before: Floats,
    now: Floats,
    losses_before: ArrayLike,
    losses_now: ArrayLike,
    *,
    categorical: NDArray[np.bool_],
    rng: Generator,
) -> list[Metric]:
    """What does each feature's shift add to the change of the loss?

    A row before becomes a row of now feature by feature, in random order, and each feature is given
    what the expected loss f changes at its turn: over rows p before, rows q now and orders, its
    Shapley value. Together they are exactly what f says of both sides::

        sum_j part_j  =  mean f(q) - mean f(p)

    f is learnt by gradient boosting from the rows of one half, of both sides without telling them
    apart, and asked about those of the other, both ways. Features that move together share by how f
    uses them: of two that say the same, it may use either. What f has not learnt is nobody's.

    Parameters
    ----------
    before, now, losses_before, losses_now, categorical
        As `split_shift` in `stats.estimation.shift_split` takes them.

    Returns
    -------
    One per column, in their order, with the 95 % interval that the pairs leave: it takes f as
    known. n: pairs of rows.

    Source: Sundararajan & Najmi (2020), The many Shapley values for model explanation, ICML (random
    baseline Shapley); Castro, Gómez & Tejada (2009), Computers & Operations Research 36(5), for the
    random orders.
    """
    import sklearn.ensemble  # noqa: F401 - late, as it takes a second; before its threads are limited
    from threadpoolctl import threadpool_limits

    losses = [np.asarray(one, float) for one in (losses_before, losses_now)]
    sides = [before, now]
    halves = [rng.permutation(len(side)) % 2 for side in sides]
    parts: list[Floats] = []
    with threadpool_limits(1):
        for half in (0, 1):
            learn, asked = (
                [np.flatnonzero(of == number) for of in halves] for number in (half, 1 - half)
            )
            loss = _boosted(categorical, rng).fit(
                np.concatenate([side[rows] for side, rows in zip(sides, learn, strict=True)]),
                np.concatenate([one[rows] for one, rows in zip(losses, learn, strict=True)]),
            )
            pairs = min(_PAIRS, *map(len, asked))
            start, end = (
                side[rng.permutation(rows)[:pairs]] for side, rows in zip(sides, asked, strict=True)
            )
            parts.append(_turns(loss, start, end, rng))
    found = np.concatenate(parts)
    n = len(found)
    error = found.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(found.shape[1], np.nan)
    return [
        Metric(float(mean), float(mean - 1.96 * e), float(mean + 1.96 * e), n)
        for mean, e in zip(found.mean(axis=0), error, strict=True)
    ]


def _turns(loss: Any, start: Floats, end: Floats, rng: Generator) -> Floats:
    """What f changes at each feature's turn, shape ``(pairs, columns)``."""
    pairs, columns = start.shape
    order: Codes = rng.permuted(np.tile(np.arange(columns), (pairs, 1)), axis=1)
    rows, place = start.copy(), np.arange(pairs)
    found = np.zeros((pairs, columns))
    level = loss.predict(rows)
    for turn in range(columns):
        chosen = order[:, turn]
        rows[place, chosen] = end[place, chosen]
        following = loss.predict(rows)
        found[place, chosen] = following - level
        level = following
    return found


def _boosted(categorical: NDArray[np.bool_], rng: Generator) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=50,
        max_leaf_nodes=8,
        min_samples_leaf=30,
        l2_regularization=5.0,
        early_stopping=False,
        categorical_features=categorical,
        random_state=int(rng.integers(2**31)),
    )
