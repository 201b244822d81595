"""How well could any rule see that a tenth of one class is labelled wrongly?  A bound, by days.

Each day of flights says how far labels lie from scores in three ways: in level (bias), in slope
over the score's log-odds, and in what a share of wrongly labelled ones would do to the likelihood
beyond level and slope. Days differ in all of them, and are correlated. The best linear rule weighs
them by the inverse of their covariance (Fisher's discriminant) and takes the mean of 60 days, as
long as a fault is looked for; what it reaches is printed for several shares of wrong labels, with
the share of faults that it finds at one false episode in four years. It is told in which direction
the fault moves the days, which no product is: what it cannot find is hard to find by any rule.

Source: Fisher (1936), Annals of Eugenics 7.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.drawn_library import library_of, source_days
from benchmarks.drawn_models import SourceDay
from benchmarks.planted_faults import labels_of_day, scores_of_day, wrongly_labelled

MODEL, WITHIN_DAYS = "flight_delay", 60
SHARES = (0.1, 0.2, 0.3, 0.5)
FALSE_A_YEAR = 0.25
NAMES = ("bias", "slope", "excess")
Floats = NDArray[np.float64]


def distances(p: Floats, y: Floats) -> tuple[float, float, float]:
    """Level, slope and excess of the labels *y* over the scores *p* of one day.

    Slope and excess are one step of Newton's from a fit of the level alone; the excess is along
    ``d logit / d share = -1 / (1 - p)``, what labelling a share of the ones as 0 does, without its
    part along level and slope.
    """
    odds = logit(np.clip(p, 1e-4, 1 - 1e-4))
    level = brentq(lambda a: float((expit(odds + a) - y).mean()), -8, 8)
    fitted = expit(odds + level)
    weight, residual = fitted * (1 - fitted), y - fitted
    directions: list[Floats] = [np.ones_like(p)]
    for direction in (odds, -1 / (1 - fitted)):
        for other in directions:
            share = (weight * direction * other).sum() / (weight * other**2).sum()
            direction = direction - share * other
        directions.append(direction)
    slope, excess = (
        float((residual * one).sum() / (weight * one**2).sum()) for one in directions[1:]
    )
    return float(p.mean() - y.mean()), slope, excess


def of_days(days: Sequence[SourceDay], share: float) -> Floats:
    """The distances of every day, a *share* of its ones labelled 0; shape (days, 3)."""
    found = []
    for day in days:
        score, changed = scores_of_day(day), wrongly_labelled(day, None, share=share)
        there = ~np.equal(score, None)
        labels = labels_of_day(changed)[there].astype(np.float64)
        found.append(distances(score[there].astype(np.float64), labels))
    return np.array(found)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    days = source_days(library_of(MODEL, {}, console=console))
    usual = of_days(days, 0.0)
    covariance = np.cov(usual.T)
    table = Table(title=f"Wrong labels of one class over {WITHIN_DAYS} days", box=None)
    for name in ("share", *(f"{one}, sd of a day" for one in NAMES), "best, sd of a day",
                 "best, sd of all days", f"found at {FALSE_A_YEAR:g} false a year"):  # fmt: skip
        table.add_column(name, justify="right")
    for share in SHARES:
        shift = of_days(days, share).mean(0) - usual.mean(0)
        weights = np.linalg.solve(covariance, shift)
        alone = shift / usual.std(0, ddof=1)
        a_day = float(np.sqrt(shift @ weights))
        together = a_day * np.sqrt(_independent_days(usual @ weights, len(days)))
        table.add_row(
            f"{share:.0%}",
            *(f"{one:+.2f}" for one in alone),
            f"{a_day:.2f}",
            f"{together:.1f}",
            f"{_found(together):.0%}",
        )
    console.print(table)


def _independent_days(series: Floats, reference_days: int) -> float:
    """How many days of no correlation say as much as those looked at beside the reference's."""
    centred = series - series.mean()
    c = float(np.clip((centred[:-1] @ centred[1:]) / (centred @ centred), 0, 0.9))
    of_one = (1 - c) / (1 + c)
    return of_one / (1 / WITHIN_DAYS + 1 / reference_days)


def _found(shift: float) -> float:
    """Of faults that move the mean by so many standard deviations, at the level of one look."""
    level = FALSE_A_YEAR * WITHIN_DAYS / 365
    return float(norm.sf(norm.isf(level) - shift))


if __name__ == "__main__":
    main()
