"""Signal: one number about one model in one window, with all that a rule may ask of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import isfinite, nan
from typing import Protocol, Self

from monitoring_dagster.errors import escaped

_IN_FULL = 10_000.0  # from here on a number is told without decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One number about one model in one window. What is unknown is NaN, never 0."""

    name: str  # area.quantity, such as service.error_rate
    start: datetime  # the window, half open, aware UTC
    end: datetime
    value: float
    subject: str = ""  # column, metric, stage or source; empty: the model
    version: str = ""  # empty: all versions
    segment: str = ""  # the column that splits; empty: all rows
    segment_value: str = ""
    known_on: date | None = None  # with the labels up to this day; None: no label is in it
    low: float = nan  # 95 % interval
    high: float = nan
    n: int = 0  # rows that it rests on
    good: float = nan  # of a share that adds up over windows: rows that count ...
    total: float = nan  # ... of so many
    baseline: float = nan
    baseline_name: str = ""
    baseline_low: float = nan  # 95 % interval, where the baseline was itself measured
    baseline_high: float = nan
    baseline_n: int = 0
    spread: float = nan  # of bias: the label's standard deviation, which a tolerance may be of
    p_value: float = nan  # of the step's own test, corrected for all that it looked at
    effect: float = nan
    reason: str = ""  # in words, for people
    severity: str = ""  # how urgent its step takes it to be; empty: as the rule has it

    @classmethod
    def on(cls, day: date, name: str, value: float, **fields: object) -> Self:
        """A number about one UTC day."""
        return cls.over(day, day, name, value, **fields)

    @classmethod
    def over(cls, first: date, last: date, name: str, value: float, **fields: object) -> Self:
        """A number about the UTC days from *first* to *last*, both included."""
        start, end = _midnight(first), _midnight(last + timedelta(days=1))
        return cls(name=name, start=start, end=end, value=value, **fields)  # type: ignore[arg-type]

    @classmethod
    def stating(cls, day: date, name: str, subject: str, reason: str, **fields: object) -> Self:
        """A statement of a step, that a rule holds on *day*: there is one only where it does."""
        return cls.on(day, name, 1.0, subject=subject, reason=reason, **fields)

    @property
    def about(self) -> str:
        """What it is about beside the model, for people; empty for the model as a whole."""
        parts = [self.subject] if self.subject else []
        parts += [f"version {self.version}"] if self.version else []
        parts += [f"{self.segment}={self.segment_value}"] if self.segment else []
        parts += [f"against {self.baseline_name}"] if self.baseline_name else []
        return escaped(", ".join(parts))

    @property
    def words(self) -> str:
        """One line for people.

        >>> Signal.on(date(2026, 3, 2), "service.error_rate", 0.25, n=8, version="2").words
        'service.error_rate (version 2): 0.25, 8 rows'
        """
        about = f" ({self.about})" if self.about else ""
        parts = [f"{self.name}{about}: {readable(self.value)}"]
        if isfinite(self.low) and isfinite(self.high):
            parts[0] += f" ({readable(self.low)} to {readable(self.high)})"
        parts += [f"{self.n:,} rows"]
        parts += [f"baseline {readable(self.baseline)}"] if isfinite(self.baseline) else []
        parts += [f"of {self.day}"] if self.known_on not in (None, self.day) else []
        return ", ".join(parts)

    @property
    def day(self) -> date:
        """The UTC day on which its window begins."""
        return self.start.date()

    @property
    def window_days(self) -> int:
        """How many UTC days its window has."""
        return (self.end - self.start).days


def readable(value: float, *, sign: str = "") -> str:
    """A number as people read it: four digits that count, and thousands in full.

    >>> readable(41.89768), readable(0.0270001), readable(1_234_567.8), readable(0.02, sign="+")
    ('41.9', '0.027', '1,234,568', '+0.02')
    """
    return f"{value:{sign},.0f}" if abs(value) >= _IN_FULL else f"{value:{sign}.4g}"


class SignalLog(Protocol):
    """Signals by the day for which they were written; those of a week by its first day."""

    def on(self, day: date, *names: str) -> Sequence[Signal]:
        """Those of *names*, or all, in the order of writing."""

    def between(self, first: date, last: date, *names: str) -> Sequence[Signal]:
        """The same of the days from *first* to *last*, both included, day by day."""


class LoadedSignals:
    """A log in memory: for whoever looks at many days, or at days that nobody stored."""

    def __init__(self, by_day: Mapping[date, Iterable[Signal]]) -> None:
        self._by_day: dict[date, dict[str, list[Signal]]] = {}
        for day, signals in by_day.items():
            of_day = self._by_day.setdefault(day, {})
            for one in signals:
                of_day.setdefault(one.name, []).append(one)

    def on(self, day: date, *names: str) -> Sequence[Signal]:
        """Those of *names*, or all, name by name."""
        of_day = self._by_day.get(day, {})
        return [one for name in names or of_day for one in of_day.get(name, ())]

    def between(self, first: date, last: date, *names: str) -> Sequence[Signal]:
        """The same of the days from *first* to *last*, both included, day by day."""
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [one for day in days for one in self.on(day, *names)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
