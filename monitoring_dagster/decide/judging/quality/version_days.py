"""Days of one version with a verdict, and what a finding about it says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.judging.tolerance import tolerated, worse_by_value
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec

SKILL = "skill"  # areas of the signals that compare with a constant: of a day, ...
POOLED_SKILL = "pooled_skill"  # ... of the days that a rule looks at, together, ...
REFERENCE_SKILL = "reference_skill"  # ... and of a version's reference
FIRST_CHAMPION = "first_champion"  # area of the signals that say what the first champion promised


@dataclass(frozen=True, slots=True)
class VersionDays:
    """One version and its newest days with a verdict of its own, newest first."""

    spec: ModelSpec
    day: date  # on which they are known
    traffic: Traffic
    version: str
    days: Sequence[date] = ()
    known: Sequence[Signal] = ()  # of those days, of all versions
    pooled: Sequence[Signal] = ()  # of them together
    estimated: Collection[tuple[date, str]] = ()  # days and metrics that have an estimate
    of_champion: Collection[str] | None = None  # what fell there; None without a verdict on it
    charts: QualityCharts = field(kw_only=True)
    bars: Sequence[Signal] = field(default=(), kw_only=True)  # that no promotion moves

    def finding(
        self,
        kind: FindingKind,
        what: str,
        words: str,
        *,
        by_version: bool = False,
        about: date | None = None,
        at_most: Severity = Severity.P0,
        brief: str = "",
    ) -> Finding:
        """A finding about this version, as *about* shows it; *by_version* where *what* names it.

        No more urgent than *at_most*, nor than the version's part in the traffic.
        """
        at_most = max(at_most, self.traffic.at_most(self.version))
        return Finding(
            self.spec.name,
            self.day,
            kind,
            what if by_version else self.traffic.subject(what, self.version),
            max(RULES[kind].severity, at_most),
            f"{words}{self.traffic.words(self.version)}",
            RULES[kind].asset,
            about,
            at_most,
            brief,
        )

    def within(self, kind: FindingKind) -> Sequence[date]:
        """The days that the rule *kind* looks at."""
        return self.days[: self.spec.rules.window(kind).of_days]

    def beyond(self, day: date, metric: str) -> str:
        """How a metric was worse than tolerated on a day, in words; empty where it was not."""
        one = self.signal(day, metric)
        worse = None if one is None else worse_by_value(self.spec, one)
        return "" if worse is None else worse.said("was", "labels")

    def room(self, metric: str) -> float:
        """How much worse than its baseline the metric may be, by the newest day that has it."""
        newest = next((one for day in self.days if (one := self.signal(day, metric))), None)
        return 0.0 if newest is None else tolerated(self.spec, newest)

    def signal(self, day: date, metric: str) -> Signal | None:
        """A metric of all rows of a day, as labels show it."""
        name = f"quality.{metric}"
        return next(
            (
                one
                for one in self.known
                if (one.name, one.version, one.segment, one.day) == (name, self.version, "", day)
            ),
            None,
        )

    def values(self, kind: FindingKind, name: str, segment: str, value: str) -> list[float]:
        """One number of the days of the rule *kind*, newest first; days without it are left out."""
        days = self.within(kind)
        by_day = {
            one.day: one.value
            for one in self.known
            if (one.name, one.version, one.segment, one.segment_value)
            == (name, self.version, segment, value)
        }
        return [by_day[day] for day in days if day in by_day]

    def pooled_over(self, kind: FindingKind) -> list[Signal]:
        """What the days of the rule *kind* say together."""
        days = self.within(kind)
        start, end = min(days), max(days) + timedelta(days=1)
        return [
            one
            for one in self.pooled
            if one.version == self.version and (one.day, one.end.date()) == (start, end)
        ]
