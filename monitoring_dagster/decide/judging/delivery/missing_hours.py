"""Partial days: hours without a row that the same weekday usually has, beyond what is chance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median
from typing import Self

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import SignalLog
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.model import ModelSpec

HOUR_ROWS = "contract.hour_rows"
HOURS = 24
_WEEKS, _FEWEST_WEEKS = 4, 2  # of the same weekday, before the day that is judged
_FEWEST_HOURS = 2  # in a row: the clocks change by one
_LEAST_SHARE = 0.05  # of the day's usual rows; less is no part that is missed
_BEYOND_CHANCE = 14.0  # independent arrivals expected where none came: one in a million

Hours = Sequence[float]  # rows of each hour of the UTC day


def missing_hours(spec: ModelSpec, day: date, log: SignalLog) -> Iterator[Finding]:
    """The finding that *day* was delivered in part, where it was."""
    today = [one.value for one in log.on(day, HOUR_ROWS)]
    if not any(len(run) >= _FEWEST_HOURS for run in _runs_without(today)):
        return  # without a look at the weeks before
    weeks = [log.on(day - timedelta(weeks=n + 1), HOUR_ROWS) for n in range(_WEEKS)]
    before = [[one.value for one in week] for week in weeks]
    gap = gap_in(today, [week for week in before if len(week) == HOURS])
    if gap is not None:
        kind = FindingKind.PARTIAL_DAY
        rule = RULES[kind]
        yield Finding(spec.name, day, kind, "hours", rule.severity, gap.words, rule.asset)


@dataclass(frozen=True, slots=True)
class HourGap:
    """Hours without rows, and how many they would have had."""

    hours: tuple[int, ...]  # that usually have rows, in order
    served: int  # hours of this weekday that usually have rows
    expected: float  # rows in them, on a day like this one otherwise
    usual: float  # rows of the whole day

    @property
    def words(self) -> str:
        """The fact, with the times of the day in UTC."""
        runs: list[list[int]] = []
        for hour in self.hours:
            if runs and hour == runs[-1][1]:
                runs[-1][1] += 1
            else:
                runs.append([hour, hour + 1])
        times = ", ".join(f"{start:02}:00 to {end:02}:00" for start, end in runs)
        return (
            f"rows of {len(self.hours)} of {self.served} hours are missing ({times} UTC), in which"
            f" this weekday usually has {self.expected:,.0f} of {self.usual:,.0f}"
        )


@dataclass(frozen=True, slots=True)
class _Usual:
    """What the same weekday has, by hour."""

    rows: Mapping[int, float]  # the median, of the hours that nearly always have any
    together: float  # rows that come as one, as far as they vary: 1 where each comes by itself

    @classmethod
    def of(cls, before: Sequence[Hours]) -> Self:
        """Of all but one week where there are four, so that a gap lately does not hide this one."""
        needed = len(before) - (len(before) >= _WEEKS)
        rows, spreads = {}, []
        for hour in range(HOURS):
            counts = [week[hour] for week in before]
            if sum(count > 0 for count in counts) >= needed:
                rows[hour] = median(counts)
                spreads.append(_dispersion(counts))
        return cls(rows, max(fmean(spreads), 1.0) if spreads else 1.0)


def gap_in(today: Hours, before: Sequence[Hours]) -> HourGap | None:
    """The hours that are missing *today*, against the same weekdays *before*; None without any.

    Parameters
    ----------
    before
        At least two weeks are needed, each with the rows of 24 hours.

    Returns
    -------
    Runs of hours without a row. Only hours with rows in nearly all weeks count, as many rows as
    today's other hours let expect: a quiet day is quiet in all of them. Counts that vary by more
    than chance are as good as few rows that come together: a run is beyond chance where 14 such
    arrivals are expected in it (zero by exp(-14), one in a million). Rows that came at another time
    instead are not missing.
    """
    if len(today) != HOURS or len(before) < _FEWEST_WEEKS:
        return None
    usual = _Usual.of(before)
    served = [hour for hour in usual.rows if today[hour]]
    if not served:
        return None  # nothing came when it does: it came at another time, or not at all
    level = min(sum(today[hour] for hour in served) / sum(usual.rows[one] for one in served), 1.0)
    expected = {hour: level * rows for hour, rows in usual.rows.items()}
    missing = [
        hour
        for run in _runs_without(today)
        if len(own := [hour for hour in run if hour in expected]) >= _FEWEST_HOURS
        and sum(expected[hour] for hour in own) >= _BEYOND_CHANCE * usual.together
        for hour in own
    ]
    lost = sum(expected[hour] for hour in missing)
    elsewhere = sum(rows for hour, rows in enumerate(today) if hour not in usual.rows)
    if lost < max(_LEAST_SHARE * sum(expected.values()), 2 * elsewhere) or not missing:
        return None
    return HourGap(
        tuple(missing),
        len(usual.rows),
        sum(usual.rows[hour] for hour in missing),
        sum(usual.rows.values()),
    )


def _dispersion(counts: Sequence[float]) -> float:
    """Variance by mean: about 1 where rows come one by one."""
    mean = fmean(counts)
    return sum((count - mean) ** 2 for count in counts) / (len(counts) - 1) / mean


def _runs_without(today: Hours) -> Iterator[range]:
    """Hours in a row that have no row."""
    start = None
    for hour in range(len(today) + 1):
        is_empty = hour < len(today) and not today[hour]
        if is_empty and start is None:
            start = hour
        elif not is_empty and start is not None:
            yield range(start, hour)
            start = None
