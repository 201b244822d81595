"""What would the rules, as they stand now, have said of the days that are stored?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from monitoring_dagster.measure.drift.drift import judged
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.store.days.profiles import PROFILE
from monitoring_dagster.store.monitor import Monitor

_DAYS_AT_ONCE = 64


@dataclass(frozen=True)
class Backtest:
    """How often drift would have been called; whole rows only, no segments."""

    days: Sequence[date]
    drifted: Mapping[tuple[str, str], Sequence[date]]  # by baseline and column
    unjudged: Sequence[date] = ()  # too few rows, or nothing registered to compare with

    @property
    def days_with_drift(self) -> int:
        return len({day for days in self.drifted.values() for day in days})

    @property
    def words(self) -> str:
        """How often, of the days that allow a verdict."""
        judged = len(self.days) - len(self.unjudged)
        said = f"{self.days_with_drift} of {judged} judged days with drift"
        if self.unjudged:
            said += (
                f"; no verdict on {len(self.unjudged)} of {len(self.days)} days (too few rows, or"
                " no reference)"
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "days": len(self.days),
            "days_with_drift": self.days_with_drift,
            "days_without_verdict": [str(day) for day in self.unjudged],
            "drifted": [
                {"baseline": baseline, "column": column, "days": [str(day) for day in days]}
                for (baseline, column), days in self.drifted.items()
            ],
        }


def backtest(
    monitor: Monitor,
    *,
    first: date = date.min,
    last: date = date.max,
    advance: Callable[[int], object] = lambda days: None,
) -> Backtest:
    """Judge every stored day of the range anew, by the YAML as it stands: no raw row is read, and
    nothing is written. *advance* is told the number of days just done."""
    days = [day for day in monitor.results.days(monitor.name, PROFILE) if first <= day <= last]
    drifted: dict[tuple[str, str], list[date]] = {}
    unjudged: list[date] = []
    for start in range(0, len(days), _DAYS_AT_ONCE):
        some = days[start : start + _DAYS_AT_ONCE]
        for day, records in judged(monitor, some).items():
            if all(one["verdict"] == Verdict.INSUFFICIENT for one in records):
                unjudged.append(day)
            for record in records:
                if record["verdict"] == Verdict.DRIFT and not record["segment"]:
                    key = record["baseline"], record["column"]
                    drifted.setdefault(key, []).append(day)
        advance(len(some))
    ordered = sorted(drifted.items(), key=lambda item: (-len(item[1]), item[0]))
    return Backtest(days, dict(ordered), unjudged)
