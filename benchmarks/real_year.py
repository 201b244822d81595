"""How much did the year of flights tell people?  Counted in the ledger of a demo.

Run `make demo` first: it judges the year day by day. The bars: at most 12 notified incidents and 45
messages of flight_delay, a P1 open on at most 60 days, and every promotion inside the thread that
led to it. Exit code 1 where one is missed.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.drawn_years import Heard, heard, is_urgent
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import House

MODEL = "flight_delay"
MOST_INCIDENTS, MOST_MESSAGES, MOST_URGENT_DAYS = 12, 45, 60
RESOLVED, RETRAINING = "resolved", "retraining"
WIDTH = 140  # characters, where there is no terminal


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

    @property
    def stretches(self) -> Iterator[tuple[date, date, str]]:
        """From each message to the day before the next one: how urgent it was."""
        for one, after in zip(self.messages, [*self.messages[1:], None], strict=True):
            if one.reason != RESOLVED:
                end = self.last if after is None else after.day - timedelta(days=1)
                yield one.day, max(end, one.day), one.severity

    @property
    def urgent_days(self) -> set[date]:
        """On which it was a P0 or P1."""
        return {
            first + timedelta(days=n)
            for first, end, severity in self.stretches
            if is_urgent(severity)
            for n in range((end - first).days + 1)
        }

    @property
    def open_days(self) -> set[date]:
        return {
            first + timedelta(days=n)
            for first, end, _ in self.stretches
            for n in range((end - first).days + 1)
        }


def episodes_of(house: House, model: str) -> tuple[list[Episode], int]:
    """The threads of *model* in their order, and on how many days it was judged."""
    judged = house.results.days(model, VERDICT)
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
    console.print(_episodes(incidents))
    for name, (n, most) in counted.items():
        bar = "" if most is None else f" (at most {most}{', MISSED' if name in missed else ''})"
        console.print(f"{name}: {n}{bar}")
    if given.json:
        given.json.write_text(json.dumps({name: n for name, (n, _) in counted.items()}, indent=1))
    sys.exit(int(bool(missed)))


def _episodes(incidents: Sequence[Episode]) -> Table:
    table = Table(title="Episodes", title_justify="left", box=None)
    for name in ("from", "to", "days open", "as P0 or P1", "messages", "rules"):
        table.add_column(name, justify="left" if name in ("from", "to", "rules") else "right")
    for one in incidents:
        days = sorted(one.open_days)
        table.add_row(
            f"{days[0]}",
            f"{days[-1]}",
            f"{len(days)}",
            f"{len(one.urgent_days)}",
            f"{len(one.messages)}",
            ", ".join(one.rules),
        )
    return table


if __name__ == "__main__":
    main()
