"""How much did the year of flights tell people?  Counted in the ledger of a demo.

Run `make demo` first: it judges the year day by day. The bars: at most 12 notified incidents and 45
messages of flight_delay, a P1 open on at most 60 days, and every promotion inside the thread that
led to it. Exit code 1 where one is missed.

Dates are the demo's, and those of 2013 beside them. Of each month it says what quality was, against
what the version of most days promised, and how many flights were late; of each episode the days on
which most were, from a fortnight before it on.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.drawn_models import spec_of
from benchmarks.drawn_years import Heard, heard, is_urgent
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.demo.flights import flights
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import HOME, House

MODEL = "flight_delay"
MOST_INCIDENTS, MOST_MESSAGES, MOST_URGENT_DAYS = 12, 45, 60
RESOLVED, RETRAINING = "resolved", "retraining"
FIRST, FORTNIGHT, SHOWN_DAYS = date(2013, 1, 1), timedelta(days=14), 3  # of the flights' own year
WIDTH = 160  # characters, where there is no terminal


@dataclass(frozen=True)
class Episode:
    """One thread, as its messages told it."""

    thread: str
    messages: Sequence[Heard]
    last: date  # the newest judged day of the model

    @property
    def is_incident(self) -> bool:
        return bool(self.messages[0].reason)

    @property
    def rules(self) -> list[str]:
        return list(dict.fromkeys(rule for one in self.messages for rule in sorted(one.rules)))

    @cached_property
    def open_days(self) -> dict[date, str]:
        """How urgent it was on each day, by the newest message of then."""
        found: dict[date, str] = {}
        for one, after in zip(self.messages, [*self.messages[1:], None], strict=True):
            end = self.last if after is None else max(after.day - timedelta(days=1), one.day)
            if one.reason != RESOLVED:
                days = range((end - one.day).days + 1)
                found |= {one.day + timedelta(days=n): one.severity for n in days}
        return found

    @property
    def urgent_days(self) -> set[date]:
        """On which it was a P0 or P1."""
        return {day for day, severity in self.open_days.items() if is_urgent(severity)}


def episodes_of(house: House, model: str) -> tuple[list[Episode], int]:
    """The threads of *model* in their order, and on how many days it was judged."""
    judged = house.results.days(model, VERDICT)
    if not judged:
        sys.exit(f"no day of {model} was judged in {house.root}: run make demo first")
    threads: dict[str, list[Heard]] = {}
    for one in heard(house):
        if one.model == model:
            threads.setdefault(one.thread, []).append(one)
    return [Episode(name, of, judged[-1]) for name, of in threads.items()], len(judged)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--project", type=Path, default=Path(__file__).parents[1])
    arguments.add_argument("--model", default=MODEL)
    arguments.add_argument("--json", type=Path, metavar="FILE")
    given = arguments.parse_args()
    house = House.at(given.project, os.environ)
    found, days = episodes_of(house, given.model)
    incidents = [one for one in found if one.is_incident]
    promotions = [one for one in house.ledger.promotions(given.model) if one.previous]
    outside = [one for one in found if not one.is_incident and RETRAINING in one.rules]
    urgent = set[date]().union(*(one.urgent_days for one in incidents))
    counted = {
        "judged days": (days, None),
        "notified incidents": (len(incidents), MOST_INCIDENTS),
        "messages": (sum(len(one.messages) for one in found), MOST_MESSAGES),
        "days with a P0 or P1 open": (len(urgent), MOST_URGENT_DAYS),
        "promotions": (len(promotions), None),
        "threads about a retraining alone": (len(outside), 0),
    }
    missed = [name for name, (n, most) in counted.items() if most is not None and n > most]
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    late, moved = _late(given.project)
    console.print(_episodes(incidents, late, moved))
    console.print("", _months(house, given.model, late, moved), "")
    for name, (n, most) in counted.items():
        bar = "" if most is None else f" (at most {most}{', MISSED' if name in missed else ''})"
        console.print(f"{name}: {n}{bar}")
    if given.json:
        given.json.write_text(json.dumps({name: n for name, (n, _) in counted.items()}, indent=1))
    sys.exit(int(bool(missed)))


def _late(project: Path) -> tuple[Mapping[date, float], timedelta]:
    """Which share of the flights of each day was late, and by how much their year was moved."""
    told = json.loads((project / HOME / "demo.json").read_text())
    rows = flights(end=date.fromisoformat(told["end"]))
    shares = rows.groupby(rows["day"].dt.date)["late"].mean().to_dict()
    return shares, min(shares) - FIRST


def _episodes(incidents: Sequence[Episode], late: Mapping[date, float], moved: timedelta) -> Table:
    table = Table(title="Episodes", title_justify="left", box=None)
    for name in ("from", "to", "in 2013", "most late", "days open", "as P0 or P1", "messages",
                 "rules"):  # fmt: skip
        is_number = name in ("days open", "as P0 or P1", "messages")
        table.add_column(name, justify="right" if is_number else "left")
    for one in incidents:
        days = sorted(one.open_days)
        around = [day for day in late if days[0] - FORTNIGHT <= day <= days[-1]]
        worst = sorted(around, key=lambda day: -late[day])[:SHOWN_DAYS]
        table.add_row(
            f"{days[0]}",
            f"{days[-1]}",
            f"{days[0] - moved:%d %b} to {days[-1] - moved:%d %b}",
            ", ".join(f"{day - moved:%d %b} {late[day]:.0%}" for day in worst),
            f"{len(days)}",
            f"{len(one.urgent_days)}",
            f"{len(one.messages)}",
            ", ".join(one.rules),
        )
    return table


def _months(house: House, model: str, late: Mapping[date, float], moved: timedelta) -> Table:
    """By month of 2013, labels as they were known last; days of more rows count for more."""
    monitor = house.monitor(spec_of(model))
    table = Table(title="Months of 2013", title_justify="left", box=None)
    table.add_column("month")
    for name in ("late", *(f"{one}{what}" for one in monitor.spec.tolerances
                           for what in ("", ", promised"))):  # fmt: skip
        table.add_column(name, justify="right")
    of_month: dict[str, dict[str, dict[tuple[date, str], Signal]]] = {}
    names = [f"quality.{metric}" for metric in monitor.spec.tolerances]
    for one in signals(monitor, *names, first=min(late), last=max(late)):
        if not one.segment:
            of_name = of_month.setdefault(f"{one.day - moved:%Y-%m}", {})
            of_name.setdefault(one.name, {})[one.day, one.version] = one
    for month, of in sorted(of_month.items()):
        cells = [f"{fmean(late[day] for day in late if f'{day - moved:%Y-%m}' == month):.0%}"]
        for name in names:
            days = [*of.get(name, {}).values()]
            value = sum(one.value * one.n for one in days) / max(sum(one.n for one in days), 1)
            cells += [f"{value:.2f}", f"{median(one.baseline for one in days):.2f}" if days else ""]
        table.add_row(month, *cells)
    return table


if __name__ == "__main__":
    main()
