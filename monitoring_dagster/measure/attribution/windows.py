"""Two windows of a model's judged days: the newest ones, and the four weeks before them."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure.attribution.mean_metric import MeanMetric, Totals
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes_file import outcomes_from_table
from monitoring_dagster.store.days.known_labels import DECISIONS, OUTCOMES
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor

BEFORE_DAYS = 28  # whole weeks: each weekday as often as any other
_NOW_REACH_DAYS = 14  # in which the newest judged days are looked for
_KEPT_DAYS = 128  # of arrivals

OfDay = Mapping[Group, Totals]


@dataclass(frozen=True)
class Windows:
    """What labels known on *as_of* say of both windows, by judged day and group."""

    metric: MeanMetric
    as_of: date
    before: Mapping[date, OfDay]
    now: Mapping[date, OfDay]
    first_before: date  # of the calendar, whether judged or not
    last_before: date

    @property
    def first(self) -> date:
        return min(self.now)

    @property
    def last(self) -> date:
        return max(self.now)

    @property
    def before_name(self) -> str:
        """The window before, as a baseline is named: its first and last day."""
        return f"{self.first_before} to {self.last_before}"

    def total(self, group: Group, *, before: bool = False) -> Totals:
        """Of all days of a window."""
        found = Totals()
        for of_day in (self.before if before else self.now).values():
            found = found.plus(of_day.get(group, Totals()))
        return found

    def versions(self) -> list[str]:
        """Those with labelled rows in either window, in the order of their numbers."""
        found = {
            group.version
            for of_day in (*self.before.values(), *self.now.values())
            for group, one in of_day.items()
            if not group.segment and one.n > 0
        }
        return sorted(found, key=lambda one: (len(one), one))


def windows_of(monitor: Monitor, day: date, *, as_of: date) -> Windows | None:
    """The windows that end on *day*; None where it has too few labels for a verdict.

    Now: the newest judged days, as many as `performance_drop` looks at (five), of the last
    fourteen. Before: the judged days of the 28 days before the first of them.

    Raises
    ------
    UnusableMetric
    """
    metric = MeanMetric.of(monitor.spec)
    most = monitor.spec.rules.window(FindingKind.PERFORMANCE_DROP).of_days
    since = day - timedelta(days=_NOW_REACH_DAYS - 1 + BEFORE_DAYS)
    judged = _judged_days(monitor, metric, since, day, as_of=as_of)
    if day not in judged:
        return None
    reach = day - timedelta(days=max(_NOW_REACH_DAYS, most))
    newest = [one for one in sorted(judged) if one > reach][-most:]
    last_before = newest[0] - timedelta(days=1)
    first_before = newest[0] - timedelta(days=BEFORE_DAYS)
    return Windows(
        metric, as_of,
        before={one: judged[one] for one in judged if first_before <= one <= last_before},
        now={one: judged[one] for one in newest},
        first_before=first_before, last_before=last_before,
    )  # fmt: skip


def by_day_and_group(
    days: Mapping[date, OfDay], groups: Sequence[Sequence[Group]]
) -> tuple[list[list[float]], list[list[float]]]:
    """Rows, and the sums of their values, shape ``(days, groups)``; what is one of *groups* may be
    several of ours."""
    tables: tuple[list[list[float]], list[list[float]]] = ([], [])
    for of_day in days.values():
        found = []
        for parts in groups:
            one = Totals()
            for group in parts:
                one = one.plus(of_day.get(group, Totals()))
            found.append(one)
        tables[0].append([max(one.n, 0.0) for one in found])
        tables[1].append([one.total if one.n > 0 else 0.0 for one in found])
    return tables


def _judged_days(
    monitor: Monitor, metric: MeanMetric, first: date, last: date, *, as_of: date
) -> dict[date, OfDay]:
    """The days from *first* to *last* with labels enough for a verdict, as known on *as_of*."""
    labels = labels_of(monitor.spec)
    until = {OUTCOMES: min(as_of, last + timedelta(days=labels.accepted_days)), DECISIONS: as_of}
    found: dict[date, dict[Group, Totals]] = {}
    for step, end in until.items():
        for arrival in monitor.results.days(monitor.name, step):
            if not first <= arrival <= end:
                continue
            for (served, group), one in _of_arrivals(monitor, metric, step, arrival).items():
                if first <= served <= last:
                    of_day = found.setdefault(served, {})
                    of_day[group] = of_day.get(group, Totals()).plus(one)
    return {
        day: of_day
        for day, of_day in sorted(found.items())
        if 0 < _labelled(of_day) >= labels.min_coverage * service_of(monitor, day).get("counted", 0)
    }


def _labelled(of_day: OfDay) -> float:
    return sum(one.n for group, one in of_day.items() if not group.segment)


_arrived: dict[Hashable, Mapping[tuple[date, Group], Totals]] = {}


def _of_arrivals(
    monitor: Monitor, metric: MeanMetric, step: str, arrival: date
) -> Mapping[tuple[date, Group], Totals]:
    """What one day's arrivals say, added up once as long as nobody writes them anew: the windows of
    forty days look at them."""
    stamp = monitor.results.stamp(monitor.name, step, arrival)
    if stamp is None:
        return {}
    key = monitor.results, monitor.name, step, arrival, stamp, metric.key
    if key not in _arrived:
        table = monitor.results.read(monitor.name, step, arrival)
        decoded = (
            outcomes_from_table(table, scores=metric.needs_scores) if table is not None else {}
        )
        while len(_arrived) >= _KEPT_DAYS:
            _arrived.pop(next(iter(_arrived)), None)
        _arrived[key] = {place: metric.totals(one) for place, one in decoded.items()}
    return _arrived[key]
