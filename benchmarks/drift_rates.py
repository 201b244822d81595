"""Does the drift verdict keep its promises?  How often it alarms without drift, and finds drift.

Every day has a fresh reference, so the days of a row are independent. A rate breaks its promise
where so many failures have a probability below 0.1 % by the binomial law, shared out over all rates
of a table (Bonferroni); the bound stands beside the rate. Exit code 1 if one does.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
from drift_days import (
    CHANGES,
    DETECTION_ROWS,
    FEATURES,
    MANY_LEVELS,
    NEW_SHARES,
    NULL_SHARES,
    NUMERIC,
    POPULATIONS,
    SETTINGS,
    Day,
    Exactness,
    ManyLevels,
    day,
    exactness,
    many_levels,
    tiny_shift,
    wild_values,
)
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from monitoring_dagster.stats.drift.drift_verdict import Verdict

DAYS = 200
REFERENCE_ROWS = {1_000: 1.0, 3_000: 1.0, 10_000: 1.0, 100_000: 0.25, 1_000_000: 0.1}  # of the days
CURRENT_ROWS = (30, 100, 1_000, DETECTION_ROWS, 100_000, 1_000_000)
PROMISED_REFERENCE = 10_000  # rows, from which on each change must be found
LEVEL_COUNTS = {30: 1.0, 900: 1.0, 10_000: 0.5, 100_000: 0.2}  # of the days
ROWS_OF_A_LEVEL = (5, 50)
MANY_LEVEL_ROWS = (100, DETECTION_ROWS, 100_000)
PROMISED_LEVELS = 1_000  # reference rows, from which on a few new ones must be found
LEVELS = (0.05, 0.01)
ERROR = 0.001  # probability that a table without fault is said to break its promise
MOST_SHOWN = 80  # rates of a table
WIDTH = 140  # characters, where there is no terminal
DIGITS = 1e-9  # that exact quantities may differ by


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened that should be rare."""

    what: str
    reference_rows: int
    current_rows: int
    failures: int
    days: int
    promised: float  # at most; NaN where nothing is promised
    bound: float  # share of failures, beyond which the promise is broken

    @classmethod
    def of(
        cls, what: str, reference: int, current: int, failed: Iterable[object], *, promised: float
    ) -> Self:
        of_days = [bool(one) for one in failed]
        return cls(
            what, reference, current, sum(of_days), len(of_days), promised, bound=float("nan")
        )

    @property
    def share(self) -> float:
        return self.failures / self.days

    @property
    def share_of_margin(self) -> float:
        """How much of what chance may add is used up; above 1 the promise is broken."""
        return (self.share - self.promised) / (self.bound - self.promised)

    @property
    def broken(self) -> bool:
        return self.share > self.bound


@dataclass(frozen=True, slots=True)
class Promise:
    title: str
    rates: Sequence[Rate]

    @classmethod
    def judged(cls, title: str, rates: Sequence[Rate]) -> Self:
        """The *rates* with the bound that their number leaves to each."""
        error = ERROR / max(sum(not np.isnan(one.promised) for one in rates), 1)
        return cls(title, [_bounded(one, error) for one in rates])


def _bounded(rate: Rate, error: float) -> Rate:
    most = stats.binom.isf(error, rate.days, rate.promised) if rate.promised else 0.0
    return replace(rate, bound=float(most) / rate.days)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=int, default=DAYS)
    arguments.add_argument("--json", type=Path, metavar="FILE")
    given = arguments.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    promises = measured(given.days, console)
    for promise in promises:
        console.print(_table(promise), "")
    for change, rows in _needed(promises[2]).items():
        console.print(f"{change}: found on 95 % of days from {rows:,} reference rows on")
    if given.json:
        given.json.write_text(json.dumps([asdict(promise) for promise in promises], indent=1))
    sys.exit(any(rate.broken for promise in promises for rate in promise.rates))


def measured(days: int, console: Console) -> list[Promise]:
    """Every promise, in its order: no drift, p-values, drift, levels, a tiny shift, wild values,
    bins."""
    seeds = [(n, i) for n, share in REFERENCE_ROWS.items() for i in range(_share(days, share))]
    few = range(_share(days, 0.1))
    kinds = list(NUMERIC)
    many = list(product(MANY_LEVELS, LEVEL_COUNTS, ROWS_OF_A_LEVEL))
    tasks: list[Callable[[], Any]] = [
        *(partial(day, (1, n, i), n, CURRENT_ROWS) for n, i in reversed(seeds)),
        *(partial(tiny_shift, (2, i)) for i in few),
        *(partial(wild_values, (3, i)) for i in few),
        *(partial(exactness, kind, (4, i)) for kind, i in product(kinds, few)),
        *(
            partial(many_levels, *cell, (5, *cell[1:], i), MANY_LEVEL_ROWS)
            for cell in many
            for i in range(_share(days, LEVEL_COUNTS[cell[1]]))
        ),
    ]
    with ProcessPoolExecutor() as pool:
        running = [pool.submit(task) for task in tasks]
        found = [
            one.result()
            for one in track(
                running, "days", console=console, disable=not console.is_terminal, transient=True
            )
        ]
    by_rows: dict[int, list[Day]] = {n: [] for n in REFERENCE_ROWS}
    for (n, _), one in zip(reversed(seeds), found, strict=False):
        by_rows[n].append(one)
    rest = found[len(seeds) :]
    tiny, wild = rest[: len(few)], rest[len(few) : 2 * len(few)]
    exact = dict(zip(product(kinds, few), rest[2 * len(few) :], strict=False))
    seldom = iter(rest[2 * len(few) + len(exact) :])
    by_cell = {cell: list(islice(seldom, _share(days, LEVEL_COUNTS[cell[1]]))) for cell in many}
    return [
        Promise.judged("No drift: a model of 50 features alarms on at most 5 % of days", [
            *_alarms(by_rows, "DRIFT", lambda one: one.alarm),
            *_alarms(by_rows, "p < 5 % after Benjamini-Hochberg", lambda one: one.evidence),
        ]),
        Promise.judged("No drift: each p-value is below a level on at most that share of days", [
            *_levels(by_rows, POPULATIONS, "", lambda one: one.p_values),
            *_levels(by_rows, NUMERIC, "Kolmogorov-Smirnov alone, ", lambda one: one.ks_p_values),
        ]),
        Promise.judged("Drift: at most 5 % of days miss it", list(_missed(by_rows))),
        Promise.judged("No drift: a column of many levels alarms on at most 5 % of days", [
            *_of_levels(by_cell, "DRIFT", lambda one: one.alarm),
            *_of_levels(by_cell, "p < 5 %", lambda one: one.evidence),
        ]),
        Promise.judged("New levels among many: at most 5 % of days miss them",
                       list(_levels_missed(by_cell))),
        Promise.judged("A shift of 0.02 sd is reported and is no alarm", [
            Rate.of("not reported, or an alarm", 1_000_000, 1_000_000,
                    (v.p_adjusted >= SETTINGS.alpha or v.verdict is not Verdict.OK for v in tiny),
                    promised=0.0),
        ]),
        Promise.judged("One value of 1e12 or inf on either side changes no verdict", [
            Rate.of(kind, 10_000, DETECTION_ROWS, (one[kind] for one in wild), promised=0.0)
            for kind in wild[0]
        ]),
        Promise.judged("Profiles against raw rows", [
            rate for kind in kinds for rate in _exact(kind, [exact[kind, i] for i in few])
        ]),
    ]  # fmt: skip


def _share(days: int, share: float) -> int:
    return max(round(days * share), 1)


def _alarms(by_rows: dict[int, list[Day]], what: str, of: Callable[[Day], Any]) -> Iterable[Rate]:
    for (n, days), m in product(by_rows.items(), CURRENT_ROWS):
        yield Rate.of(what, n, m, (of(one)[m] for one in days), promised=SETTINGS.alpha)


def _levels(
    by_rows: dict[int, list[Day]], kinds: Iterable[str], test: str, of: Callable[[Day], Any]
) -> Iterable[Rate]:
    each = len(NULL_SHARES)
    for (n, days), m in product(by_rows.items(), CURRENT_ROWS):
        p_values = np.array([of(one)[m] for one in days])
        for (i, kind), level in product(enumerate(kinds), LEVELS):
            low = p_values[:, i * each : (i + 1) * each].ravel() < level
            yield Rate.of(f"{kind}: {test}p < {level:g}", n, m, low, promised=level)


def _missed(by_rows: dict[int, list[Day]]) -> Iterable[Rate]:
    for change, (n, days) in product(CHANGES, by_rows.items()):
        promised = 0.05 if n >= PROMISED_REFERENCE else float("nan")
        for i, among in enumerate(("alone", f"one of {len(FEATURES)}")):
            missed = [not one.found[change][i] for one in days]
            yield Rate.of(f"{change}, {among}", n, DETECTION_ROWS, missed, promised=promised)


_Cell: TypeAlias = tuple[str, int, int]  # shares, levels, rows of a level


def _of_levels(
    by_cell: Mapping[_Cell, Sequence[ManyLevels]],
    what: str,
    of: Callable[[ManyLevels], Mapping[int, bool]],
) -> Iterable[Rate]:
    for ((kind, levels, each), days), m in product(by_cell.items(), MANY_LEVEL_ROWS):
        name = f"{levels:,} levels, {kind} shares: {what}"
        yield Rate.of(name, levels * each, m, (of(one)[m] for one in days), promised=SETTINGS.alpha)


def _levels_missed(by_cell: Mapping[_Cell, Sequence[ManyLevels]]) -> Iterable[Rate]:
    for ((kind, levels, each), days), share in product(by_cell.items(), NEW_SHARES):
        missed = [not one.found[share] for one in days]
        promised = 0.05 if share >= 0.5 or levels * each >= PROMISED_LEVELS else float("nan")
        name = f"{levels:,} levels, {kind} shares: {share:.0%} of the rows new"
        yield Rate.of(name, levels * each, DETECTION_ROWS, missed, promised=promised)


def _needed(drift: Promise) -> dict[str, float]:
    """The smallest measured reference over which a change was found on 95 % of days."""
    return {
        what: min(
            (one.reference_rows for one in drift.rates if one.what == what and one.share <= 0.05),
            default=float("inf"),
        )
        for what in dict.fromkeys(one.what for one in drift.rates)
    }


def _exact(kind: str, days: Sequence[Exactness]) -> Iterable[Rate]:
    ks, wasserstein = (
        max(widths)
        for widths in zip(*((one.ks_width, one.wasserstein_width) for one in days), strict=True)
    )
    for what, errors in (
        ("PSI differs", [one.psi_error for one in days]),
        ("JS differs", [one.js_error for one in days]),
        (f"KS outside its interval, up to {ks:.4f} wide", [one.ks_outside for one in days]),
        (
            f"Wasserstein outside its interval, up to {wasserstein:.4f} IQR wide",
            [one.wasserstein_outside for one in days],
        ),
    ):
        differs = (error > DIGITS for error in errors)
        yield Rate.of(f"{kind}: {what}", 10_000, DETECTION_ROWS, differs, promised=0.0)


def _table(promise: Promise) -> Table:
    """All rates; of very many, for each pair of sizes the one that is nearest to its bound."""
    rates = list(promise.rates)
    if len(rates) > MOST_SHOWN:
        worst: dict[tuple[int, int], Rate] = {}
        for rate in sorted(rates, key=lambda one: one.share_of_margin):
            worst[rate.reference_rows, rate.current_rows] = rate
        rates = [worst[sizes] for sizes in sorted(worst)]
    shown = "" if len(rates) == len(promise.rates) else f", the worst of {len(promise.rates):,}"
    table = Table(title=f"{promise.title}{shown}", title_justify="left", box=None)
    table.add_column("rate of", no_wrap=True)
    for name in ("reference rows", "current rows", "days", "share", "promised", "broken above", ""):
        table.add_column(name, justify="right")
    for rate in rates:
        table.add_row(
            rate.what,
            f"{rate.reference_rows:,}",
            f"{rate.current_rows:,}",
            f"{rate.days:,}",
            f"{rate.share:.2%}",
            "" if np.isnan(rate.promised) else f"{rate.promised:.0%}",
            "" if np.isnan(rate.promised) else f"{rate.bound:.2%}",
            "BROKEN" if rate.broken else "",
        )
    return table


if __name__ == "__main__":
    main()
