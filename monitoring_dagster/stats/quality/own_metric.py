"""What were the predictions worth, by a measure of one's own?  Outcomes in, a mean out."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import plain
from monitoring_dagster.stats.inference.sums import Sum
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import counts_table
from monitoring_dagster.stats.quality.performance import Metric, mean_metric


def value_per_prediction(
    outcomes: Outcomes, *, tp: float, fp: float, fn: float, tn: float
) -> Metric:
    """Mean worth of a binary prediction, where each outcome has a price; costs are negative.

    The value of all of them is this times n.

    >>> cells = {("1", "1"): 2, ("0", "1"): 1, ("1", "0"): 0, ("0", "0"): 7}
    >>> found = value_per_prediction(Outcomes("binary", cells), tp=100, fp=-10, fn=-50, tn=0)
    >>> found.value, found.n
    (19.0, 10)
    """
    prices = {("1", "1"): tp, ("0", "1"): fp, ("1", "0"): fn, ("0", "0"): tn}
    rows = [outcomes.cells.get(cell, 0) for cell in prices]
    return _weighted(np.array([*prices.values()], np.float64), np.array(rows))


def of_counts(outcomes: Outcomes, values: ArrayLike) -> Metric:
    """Mean of a value per row of `counts_table(outcomes)`, each as often as the table has rows.

    A NaN says that the value is not defined there, and those rows are left out.
    """
    return _weighted(np.asarray(values, np.float64), plain(counts_table(outcomes)["rows"]))


def of_values(outcomes: Outcomes, name: str) -> Metric:
    """Mean of the values that were summed under *name* as labels arrived."""
    one = outcomes.sums.get(f"value:{name}", Sum())
    return mean_metric(one.mean, one.variance, one.n)


def _weighted(values: NDArray[np.float64], rows: NDArray[Any]) -> Metric:
    known = ~np.isnan(values)
    values, rows = values[known], rows[known]
    n = int(rows.sum())
    if n < 1:
        return mean_metric(np.nan, np.nan, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values @ rows / n)
        variance = float(np.square(values - mean) @ rows / n)
    return mean_metric(mean, variance, n)
