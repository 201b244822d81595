"""Does the gate keep its promise?  How often an equal challenger passes, and a better one is found.

Each model knows the true log-odds but for noise of its own; every day has its own luck. A rate
breaks its promise where so many passes have a probability below 0.1 % by the binomial law, shared
out over all rates (Bonferroni). Exit code 1 if one does.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from monitoring_dagster.stats.quality.comparison import jackknifed
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import HIGHER_IS_BETTER, Metric, metrics

ALPHA, SURE = 0.05, 0.001
METRICS = ("log_loss", "brier", "accuracy", "balanced_accuracy", "precision", "recall", "f1",
           "roc_auc", "average_precision", "ece", "bias")  # fmt: skip
HOLDOUTS = {
    "3 days of 67": [67] * 3,
    "14 days of 60": [60] * 14,
    "10 days of 100, 4 of 10": [100] * 5 + [10] * 2 + [100] * 5 + [10] * 2,
    "a day of 500, 13 of 20": [500] + [20] * 13,
}
Models: TypeAlias = list[list[Outcomes]]


def holdout(rng: np.random.Generator, sizes: Sequence[int], *, blur: float) -> Models:
    """The outcomes of both models by day; the champion's noise is *blur*, the challenger's 0.5."""
    day = np.repeat(np.arange(len(sizes)), sizes)
    odds = rng.normal(-0.7, 1.5, day.size) + rng.normal(0, 0.3, len(sizes))[day]
    label = (rng.random(day.size) < 1 / (1 + np.exp(-odds))).astype(int)
    models = []
    for own in (blur, 0.5):
        noise = rng.normal(0, own, day.size) + rng.normal(0, 0.1, len(sizes))[day]
        score = 1 / (1 + np.exp(-odds - noise))
        said = (score > 0.5).astype(int)
        models.append([
            Outcomes.of("binary", label=label[day == n], prediction=said[day == n],
                        score=score[day == n])
            for n in range(len(sizes))
        ])  # fmt: skip
    return models


def passes(models: Models) -> set[str]:
    """The metrics by which the challenger would be promoted."""
    known: dict[tuple[object, ...], dict[str, Metric]] = {}

    def value(outcomes: Outcomes, name: str) -> float:
        key = (*sorted(outcomes.cells.items()), outcomes.sums.get("score"))
        if key not in known:
            known[key] = metrics(outcomes)
        found = known[key][name].value
        return abs(found) if name == "bias" else found

    return {
        name
        for name in METRICS
        if jackknifed(
            *models,
            measure=lambda outcomes, name=name: value(outcomes, name),  # type: ignore[misc]
            higher_is_better=name in HIGHER_IS_BETTER,
        ).p_value
        < ALPHA
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--trials", type=int, default=300)
    trials = arguments.parse_args().trials
    bound = stats.binom.isf(SURE / len(METRICS) / len(HOLDOUTS), trials, ALPHA) / trials
    broken = False
    for title, blur in (("An equal challenger passes", 0.5), ("A better one is found", 1.5)):
        table = Table(title=f"{title}, of {trials:,} holdouts", title_justify="left", box=None)
        for column in ("by", *HOLDOUTS):
            table.add_column(column, justify="right")
        counts = {name: dict.fromkeys(HOLDOUTS, 0) for name in METRICS}
        for place, (words, sizes) in enumerate(HOLDOUTS.items()):
            for trial in range(trials):
                rng = np.random.default_rng([place, trial])
                for name in passes(holdout(rng, sizes, blur=blur)):
                    counts[name][words] += 1
        for name, found in counts.items():
            table.add_row(name, *(f"{n / trials:.1%}" for n in found.values()))
        broken |= blur == 0.5 and any(
            n / trials > bound for found in counts.values() for n in found.values()
        )
        Console().print(table)
    Console().print(f"promised: at most {ALPHA:.0%}, broken above {bound:.1%}")
    sys.exit(int(broken))


if __name__ == "__main__":
    main()
