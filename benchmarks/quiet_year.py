"""How often does monitoring cry wolf?  Quiet years, drawn from a model's own past.

The days of the reference period are drawn again in blocks of a week; the champion stays. Every
notified incident is a false one. The bar: on average at most 2 a model and year, and a P0 or P1 in
at most 3 of 20 years. Exit code 1 where a model misses it.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.drawn_check import compared
from benchmarks.drawn_library import QUIET, Library, Variant, alone, library_of
from benchmarks.drawn_models import MODELS, spec_of
from benchmarks.drawn_years import (
    Told,
    Year,
    drawn_days,
    first_of,
    heard,
    is_urgent,
    lived,
    scratch,
)
from monitoring_dagster.daily.workers import cores

SEEDS, DAYS = 20, 270
MOST_INCIDENTS = 2.0  # notified, a model and year
MOST_URGENT = 3 / 20  # of the years, with a P0 or P1
WIDTH = 140  # characters, where there is no terminal


def quiet_year(library: Library, rules: Mapping[str, Any], days: int, seed: int) -> Told:
    """One year in which nothing happens."""
    first, rng = first_of(library), np.random.default_rng(seed)
    drawn = drawn_days(library.days, first=first, days=days, rng=rng)
    with scratch() as folder:
        year = Year(Path(folder), spec_of(library.model, rules), library, first, drawn)
        urgent = lived(year, range(days))
        return Told(days, tuple(heard(year.house)), urgent)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=SEEDS)
    arguments.add_argument("--days", type=int, default=DAYS)
    arguments.add_argument("--model", choices=MODELS, action="append")
    arguments.add_argument("--rules", type=json.loads, default={}, metavar="JSON",
                           help="laid over the model's own")  # fmt: skip
    arguments.add_argument("--check", type=int, metavar="DAYS",
                           help="compare with the same rows through every step")  # fmt: skip
    arguments.add_argument("--json", type=Path, metavar="FILE")
    given = arguments.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    found = {}
    for model in given.model or MODELS:
        library = library_of(model, given.rules, console=console)
        if given.check:
            differences = compared(library, given.rules, Variant(QUIET), days=given.check, seed=0)
            console.print(f"{model}, {given.check} days: {len(differences)} differences")
            console.print(*differences, sep="\n")
            found[model] = differences
            continue
        live = partial(quiet_year, library, given.rules, given.days)
        with ProcessPoolExecutor(cores(), initializer=alone) as pool:
            running = pool.map(live, range(given.seeds))
            found[model] = list(
                track(running, model, total=given.seeds, console=console,
                      disable=not console.is_terminal, transient=True)
            )  # fmt: skip
    if given.check:
        sys.exit(int(any(found.values())))
    summaries = {model: summary(years) for model, years in found.items()}
    console.print(_table(summaries, given.days), "", _by_rule(found, given.days))
    if given.json:
        given.json.write_text(json.dumps(summaries, indent=1))
    sys.exit(int(any(one["misses the bar"] for one in summaries.values())))


def summary(years: Sequence[Told]) -> dict[str, Any]:
    """What *years* of one model told, a year of 365 days each."""
    scale = [365 / one.days for one in years]
    incidents = [len(one.threads) * by for one, by in zip(years, scale, strict=True)]
    urgent = sum(any(is_urgent(of.severity) for of in one.messages) for one in years)
    mean, share = fmean(incidents), urgent / len(years)
    return {
        "years": len(years),
        "incidents a year": mean,
        "fewest": min(incidents),
        "most": max(incidents),
        "messages a year": fmean(
            len(one.messages) * by for one, by in zip(years, scale, strict=True)
        ),
        "years with a P0 or P1": urgent,
        "days with a P0 or P1 open": fmean(
            one.urgent_days * by for one, by in zip(years, scale, strict=True)
        ),
        "misses the bar": mean > MOST_INCIDENTS or share > MOST_URGENT,
    }


def _table(summaries: Mapping[str, Mapping[str, Any]], days: int) -> Table:
    title = f"Quiet years, drawn from {days} days each; counts a year of 365 days"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("model")
    for name in ("years", "notified incidents", "fewest to most", "messages",
                 "years with P0 or P1", "days with P0 or P1 open", ""):  # fmt: skip
        table.add_column(name, justify="right")
    for model, one in summaries.items():
        table.add_row(
            model,
            f"{one['years']}",
            f"{one['incidents a year']:.1f}",
            f"{one['fewest']:.1f} to {one['most']:.1f}",
            f"{one['messages a year']:.1f}",
            f"{one['years with a P0 or P1']} of {one['years']}",
            f"{one['days with a P0 or P1 open']:.1f}",
            "MISSED" if one["misses the bar"] else "",
        )
    return table


def _by_rule(found: Mapping[str, Sequence[Told]], days: int) -> Table:
    """How many notified incidents a year each rule was in."""
    table = Table(title="Notified incidents a year by rule", title_justify="left", box=None)
    table.add_column("rule")
    counts = {model: Counter(_rules(years)) for model, years in found.items()}
    for model in found:
        table.add_column(model, justify="right")
    total: Counter[str] = sum(counts.values(), Counter())
    for rule, _ in total.most_common():
        per_year = (counts[model][rule] / len(years) * 365 / days for model, years in found.items())
        table.add_row(rule, *(f"{n:.2f}" for n in per_year))
    return table


def _rules(years: Sequence[Told]) -> list[str]:
    return [
        rule
        for one in years
        for thread in one.threads.values()
        for rule in frozenset().union(*(of.rules for of in thread))
    ]


if __name__ == "__main__":
    main()
