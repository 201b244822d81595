"""How soon does monitoring find what is wrong?  Faults planted into years of flights.

Each begins on a random one of the days 60 to 150 of a year that is otherwise quiet. It is found by
the first message, within 60 days, that names a rule which ought to see it, and that people had not
been told in the same thread before it began. Days are counted from the first faulty day to the day
that was judged when the message was sent. What was notified before the begin was false.

A product that cries wolf finds everything soon. So each year is lived without the fault, too, and
beside the first message stands the first one that the same year without the fault has not: it, and
no chance, is due to the fault.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.drawn_check import compared
from benchmarks.drawn_library import QUIET, Library, Variant, alone, library_of, source_days
from benchmarks.drawn_models import merged, spec_of
from benchmarks.drawn_years import Heard, Year, drawn_days, first_of, heard, lived, scratch
from benchmarks.planted_faults import OF_QUALITY, Fault, faults_in
from monitoring_dagster.daily.workers import cores

MODEL, SEEDS = "flight_delay", 20
EARLIEST, LATEST = 60, 150  # the first day of a fault
WITHIN_DAYS = 60
AFTERWARDS_DAYS = 10  # that are lived on, to see what else is told of it
RESOLVED = "resolved"
LIMITS = [
    {"alerts": {rule: {"control_limit": limit} for rule in sorted(OF_QUALITY)}}
    for limit in (2.5, 3, 4, 5)
]
WIDTH = 140  # characters, where there is no terminal


@dataclass(frozen=True)
class Detection:
    """What one fault of one year came to."""

    fault: str
    seed: int
    begin: int  # the number of its first day
    days: int | None  # until the first message; None: not found
    own_days: int | None  # until the first that the year without the fault has not
    threads: int  # opened by it: from its begin to some days after that
    messages: int
    rules: tuple[str, ...]  # that this message names
    false_before: int  # threads, before its begin


def planted(
    library: Library, rules: Mapping[str, Any], faults: Sequence[Fault], seed: int
) -> list[Detection]:
    """One year with each of the faults; what lies before its begin is lived once."""
    first, rng = first_of(library), np.random.default_rng(seed)
    begin = int(rng.integers(EARLIEST, LATEST + 1))
    days = begin + WITHIN_DAYS + 1
    drawn = drawn_days(library.days, first=first, days=days, rng=rng)
    spec = spec_of(library.model, rules)
    with scratch() as folder:
        quiet = Year(Path(folder) / "quiet", spec, library, first, drawn)
        lived(quiet, range(begin))
        shutil.copytree(quiet.root, Path(folder) / "without", symlinks=True)
        without = Year(Path(folder) / "without", spec, library, first, drawn)
        lived(without, range(begin, days))
        usual = heard(without.house)
        found = []
        for number, fault in enumerate(faults):
            root = Path(folder) / str(number)
            shutil.copytree(quiet.root, root, symlinks=True)

            def variant(number: int, fault: Fault = fault) -> str:
                return fault.on(number - begin) if number >= begin else QUIET

            year = Year(root, spec, library, first, drawn, variant)
            found.append(_detection(year, fault, usual, seed=seed, begin=begin))
            shutil.rmtree(root)
        return found


def _detection(
    year: Year, fault: Fault, usual: Sequence[Heard], *, seed: int, begin: int
) -> Detection:
    """Live on until some days after it is found, or time is over; *usual* is what the same year
    tells without it."""
    at, last, number, own = year.day(begin), begin + WITHIN_DAYS, begin, None
    while number <= last:
        lived(year, [number])
        if own is None:
            own = finding_message(heard(year.house), fault.expected, begin=at, but=usual)
            last = min(last, number + AFTERWARDS_DAYS) if own else last
        number += 1
    messages = heard(year.house)
    message = finding_message(messages, fault.expected, begin=at)
    since = [one for one in messages if one.day >= at]
    before = {one.thread for one in messages if one.day < at}
    return Detection(
        fault=fault.title,
        seed=seed,
        begin=begin,
        days=(message.day - at).days if message else None,
        own_days=(own.day - at).days if own else None,
        threads=len({one.thread for one in since} - before),
        messages=len(since),
        rules=tuple(sorted(own.rules)) if own else (),
        false_before=len(before),
    )


def finding_message(
    messages: Sequence[Heard],
    expected: Collection[str],
    *,
    begin: date,
    but: Collection[Heard] = (),
) -> Heard | None:
    """The first message since *begin* that names an expected rule which its thread, where it is
    open, had not named before; *but* for these."""
    named: dict[str, set[str]] = {}
    for one in messages:
        before = named.setdefault(one.thread, set())
        if one.reason == RESOLVED:
            before.clear()  # people were told that it is over
        is_new = one.day >= begin and one.reason != RESOLVED and one not in but
        if is_new and (one.rules - before) & {*expected}:
            return one
        if one.day < begin and one.reason != RESOLVED:
            before |= one.rules
    return None


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=SEEDS)
    arguments.add_argument("--fault", action="append", help="a part of its title; by default all")
    arguments.add_argument("--rules", type=json.loads, default={}, metavar="JSON",
                           help="laid over the model's own")  # fmt: skip
    arguments.add_argument("--limits", type=json.loads, nargs="?", const=LIMITS, default=[],
                           metavar="JSON", help="a list of such; draws the curve")  # fmt: skip
    arguments.add_argument("--check", type=int, metavar="DAYS",
                           help="compare with the same rows through every step")  # fmt: skip
    arguments.add_argument("--json", type=Path, metavar="FILE")
    given = arguments.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    library = library_of(MODEL, given.rules, console=console)
    faults = [
        one
        for one in faults_in(source_days(library), horizon_days=WITHIN_DAYS)
        if given.fault is None or any(part in one.title for part in given.fault)
    ]
    variants = [variant for one in faults for variant in one.variants]
    library = library_of(MODEL, given.rules, variants, console=console)
    if given.check:
        differ = [_differ(library, given.rules, one, given.check) for one in variants]
        sys.exit(int(any(differ)))
    found = _all(library, given.rules, faults, given.seeds, console)
    console.print(_table(found, faults))
    curve = {}
    for limits in given.limits:
        rules = merged(given.rules, limits)
        judged = [one for one in faults if one.is_of_quality]
        some = library_of(MODEL, rules, variants, console=console)
        curve[json.dumps(limits)] = _all(some, rules, judged, given.seeds, console)
    if curve:
        console.print("", _curve(curve))
    if given.json:
        whole = {"as they are": found, **curve}
        given.json.write_text(
            json.dumps(
                {name: [vars(one) for one in some] for name, some in whole.items()}, indent=1
            )
        )


def _all(
    library: Library,
    rules: Mapping[str, Any],
    faults: Sequence[Fault],
    seeds: int,
    console: Console,
) -> list[Detection]:
    with ProcessPoolExecutor(cores(), initializer=alone) as pool:
        running = pool.map(partial(planted, library, rules, faults), range(seeds))
        years = track(running, "years", total=seeds, console=console,
                      disable=not console.is_terminal, transient=True)  # fmt: skip
        return [one for year in years for one in year]


def _differ(library: Library, rules: Mapping[str, Any], variant: Variant, days: int) -> bool:
    differences = compared(library, rules, variant, days=days, seed=0)
    print(f"{variant.name}, {days} days: {len(differences)} differences", *differences, sep="\n")
    return bool(differences)


def _table(found: Sequence[Detection], faults: Sequence[Fault]) -> Table:
    title = f"Faults planted into years of flights, found within {WITHIN_DAYS} days"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("fault")
    for name in ("found", "median days", "due to it", "median days", "earliest to latest",
                 "threads", "messages"):  # fmt: skip
        table.add_column(name, justify="right")
    table.add_column("first named by")
    for fault in faults:
        own = [one for one in found if one.fault == fault.title]
        days, due = (
            sorted(one for one in some if one is not None)
            for some in ([one.days for one in own], [one.own_days for one in own])
        )
        rules = [rule for one in own for rule in one.rules if rule in fault.expected]
        named = ", ".join(sorted(set(rules), key=lambda rule: (-rules.count(rule), rule)))
        table.add_row(
            fault.title,
            f"{len(days)} of {len(own)}",
            f"{median(days):g}" if days else "",
            f"{len(due)} of {len(own)}",
            f"{median(due):g}" if due else "",
            f"{due[0]} to {due[-1]}" if due else "",
            f"{fmean(one.threads for one in own):.1f}",
            f"{fmean(one.messages for one in own):.1f}",
            named,
        )
    table.caption = f"false episodes before the begin: {false_a_year(found):.1f} a year"
    table.caption_justify = "left"
    return table


def _curve(curve: Mapping[str, Sequence[Detection]]) -> Table:
    """Each limit: false episodes a year against days to the first message due to the fault."""
    table = Table(title="False episodes against days to detection", title_justify="left", box=None)
    table.add_column("rules")
    table.add_column("false a year", justify="right")
    names = list(dict.fromkeys(one.fault for found in curve.values() for one in found))
    for name in names:
        table.add_column(name, justify="right")
    for limits, found in curve.items():
        cells = []
        for name in names:
            own = [one for one in found if one.fault == name]
            days = [one.own_days for one in own if one.own_days is not None]
            cells.append(f"{len(days)} of {len(own)}" + (f", {median(days):g}" if days else ""))
        table.add_row(limits, f"{false_a_year(found):.1f}", *cells)
    return table


def false_a_year(found: Sequence[Detection]) -> float:
    """Threads before the begin of the faults, a year of 365 days; each year is counted once."""
    years = {one.seed: one for one in found}.values()
    return sum(one.false_before for one in years) / sum(one.begin for one in years) * 365


if __name__ == "__main__":
    main()
