"""Drift that lasts: on how many of its newest judged days each column drifted."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from typing import NamedTuple, Self

from monitoring_dagster.decide.judging.drift_severity import OF_ANSWERS, OF_FEATURES, UNUSABLE
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.spec.rules.alert_settings import Window

LOOK_BACK_DAYS = 28  # for judged days: of a column without any of them nothing lasts


class ComparedColumn(NamedTuple):
    """A column of one version against one baseline, over all rows."""

    name: str  # of the signal
    column: str
    version: str
    baseline: str

    @classmethod
    def of(cls, signal: Signal) -> Self:
        return cls(signal.name, signal.subject, signal.version, signal.baseline_name)


class Lasting(NamedTuple):
    """On how many of the newest judged days a column drifted."""

    drifted: int
    judged: int

    @property
    def words(self) -> str:
        return f"drifted on {self.drifted} of its last {self.judged} judged days"


@dataclass(frozen=True)
class DriftDays:
    """The newest judged days of some columns, and what drifted or was broken on them; a segment is
    judged with all rows of its column."""

    judged: Mapping[ComparedColumn, list[date]]  # newest first
    drifted: Collection[tuple[ComparedColumn, str, str, date]]  # with segment and its value

    @classmethod
    def upto(
        cls, day: date, log: SignalLog, series: Iterable[ComparedColumn], *, of_days: int
    ) -> Self:
        """Of each of *series* so many days, *day* the newest, and as far back as four weeks."""
        judged: dict[ComparedColumn, list[date]] = {one: [] for one in series}
        drifted: set[tuple[ComparedColumn, str, str, date]] = set()
        for n in range(max(LOOK_BACK_DAYS, of_days)):
            if all(len(days) >= of_days for days in judged.values()):
                break
            at = day - timedelta(days=n)
            for one in log.between(at, at, OF_ANSWERS, OF_FEATURES, UNUSABLE):
                of = ComparedColumn.of(one)
                if of in judged and not one.segment and isfinite(one.value):
                    judged[of].append(at)
                if (of in judged or one.name == UNUSABLE) and one.value > 0:
                    drifted.add((of, one.segment, one.segment_value, at))
        return cls(judged, drifted)

    def lasting(
        self, series: ComparedColumn, window: Window, *, segment: str = "", value: str = ""
    ) -> Lasting | None:
        """How often the column drifted in the *window*; None where that is too seldom."""
        days = self.judged.get(series, [])[: window.of_days]
        drifted = sum((series, segment, value, day) in self.drifted for day in days)
        return Lasting(drifted, len(days)) if drifted >= window.breaches else None

    def days_unusable(self, series: ComparedColumn, *, of_days: int) -> int:
        """On how many of so many newest judged days most rows had no usable value."""
        days = self.judged.get(series, [])[:of_days]
        broken = series._replace(name=UNUSABLE)
        return sum((broken, "", "", day) in self.drifted for day in days)

    def of_answers(self, version: str, window: Window) -> list[str]:
        """The answers of a version whose drift lasts, by name."""
        return [
            one.column
            for one in self.judged
            if (one.name, one.version) == (OF_ANSWERS, version) and self.lasting(one, window)
        ]
