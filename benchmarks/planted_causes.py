"""Is the cause that was planted the one that is named first?

Each seed lives five quiet weeks once, and from there three weeks of every scenario, with nothing
else changed: rows, labels and all daily steps are real. The first cause that outweighs all others
on some day must be the planted one; where nothing was planted, none may be named. A bad version
must be given nine tenths of the fall that it caused. Exit code 1 where a bar is missed.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.caused_days import QUIET_DAYS, SCENARIOS, START, Lived, found_base
from benchmarks.drawn_library import alone
from benchmarks.drawn_years import scratch
from monitoring_dagster.daily.workers import cores
from monitoring_dagster.decide.diagnosis.clues import ATTRIBUTION
from monitoring_dagster.store.days.diagnoses import diagnosis_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.ledger.decided.promotions import Promotion

SEEDS, HORIZON_DAYS, WIDTH = 20, 21, 160
ALLOWED = 0.05  # of the seeds: 1 of 20
ROLLBACK = "rollback without its features"


@dataclass(frozen=True)
class Named:
    """What was named first of one scenario of one seed."""

    scenario: str
    seed: int
    cause: str  # empty: none
    days: int | None  # until then
    weight: float
    words: str
    parts: tuple[str, ...]  # of the change, on that day


def lived(base: Path, wanted: Sequence[str], seed: int) -> list[Named]:
    """Five quiet weeks, and three of each scenario after them."""
    with scratch() as folder:
        calm = Lived(Path(folder) / "calm", base, seed)
        _found(calm, base)
        for number in range(QUIET_DAYS):
            calm.live(number, SCENARIOS["quiet"][0])
        return [
            _first_named(calm.copied_to(Path(folder) / str(place)), scenario)
            for place, scenario in enumerate(wanted)
        ]


def _found(one: Lived, base: Path) -> None:
    """A project of its own on the versions of *base*, whose promotions it knows."""
    monitor = one.monitor
    for change in Lived(base, base, 0).monitor.ledger.promotions(monitor.name):
        monitor.ledger.record_promotion(change)


def _first_named(one: Lived, scenario: str) -> Named:
    make, _ = SCENARIOS[scenario]
    if scenario == ROLLBACK:
        _roll_back(one)
    for number in range(HORIZON_DAYS):
        day = one.live(QUIET_DAYS + number, make)
        diagnosis = diagnosis_of(one.monitor, day)
        leading = diagnosis.leading if diagnosis else None
        if leading is not None:
            parts = tuple(
                each.words for each in signals(one.monitor, *ATTRIBUTION, first=day, last=day)
            )
            return Named(scenario, one.seed, str(leading.cause), number, leading.weight,
                         diagnosis.words, parts)  # fmt: skip
    return Named(scenario, one.seed, "", None, 0.0, "", ())


def _roll_back(one: Lived) -> None:
    """Its alias lies in a registry that all seeds share: only the ledger of this one is told."""
    before = START + timedelta(days=QUIET_DAYS - 1)
    last = one.monitor.ledger.promotions("credit")[-1]
    at = one.monitor.judged_at(before)
    change = Promotion("credit", "1", last.version, "rolled back", "ada", at)
    one.monitor.ledger.record_promotion(change)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=SEEDS)
    arguments.add_argument("--scenario", action="append", help="a part of its name; by default all")
    arguments.add_argument("--json", type=Path, metavar="FILE")
    given = arguments.parse_args()
    wanted = [
        name
        for name in SCENARIOS
        if given.scenario is None or any(part in name for part in given.scenario)
    ]
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    with tempfile.TemporaryDirectory(prefix="monitoring_dagster_causes_") as folder:
        found_base(Path(folder))
        live = partial(lived, Path(folder), wanted)
        with ProcessPoolExecutor(cores(), initializer=alone) as pool:
            years = track(pool.map(live, range(1, given.seeds + 1)), "seeds", given.seeds,
                          console=console, disable=not console.is_terminal)  # fmt: skip
            found = [one for year in years for one in year]
    console.print(_table(found, wanted))
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    sys.exit(int(any(_misses(found, name) > ALLOWED * given.seeds for name in wanted)))


def _misses(found: Sequence[Named], scenario: str) -> int:
    expected = str(SCENARIOS[scenario][1] or "")
    wrong = sum(one.scenario == scenario and one.cause != expected for one in found)
    return wrong if expected else wrong * len(found)  # quiet: not one


def _table(found: Sequence[Named], wanted: Sequence[str]) -> Table:
    table = Table(title="The cause that is named first", title_justify="left", box=None)
    for name in ("planted", "cause", "named first", "median day", "instead"):
        table.add_column(name)
    for scenario in wanted:
        own = [one for one in found if one.scenario == scenario]
        expected = str(SCENARIOS[scenario][1] or "")
        right = [one for one in own if one.cause == expected]
        days = sorted(one.days for one in right if one.days is not None)
        others = Counter(one.cause or "none" for one in own if one.cause != expected)
        table.add_row(
            scenario,
            expected or "none",
            f"{len(right)} of {len(own)}",
            str(days[len(days) // 2]) if days else "",
            ", ".join(f"{name} {count}" for name, count in others.most_common()),
        )
    return table


if __name__ == "__main__":
    main()
