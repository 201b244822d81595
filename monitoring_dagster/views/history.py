"""How good was every day, as known on any day, by any metric as it is defined now?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from math import isfinite
from typing import Any, Self

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.measure.quality.model_metrics import (
    label_of,
    metric_label,
    metrics_of,
    own_metric,
)
from monitoring_dagster.measure.quality.promises import first_with_promise, promise_of
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.maturity import Maturity, maturity
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.days.known_labels import OUTCOMES, outcomes_by_day
from monitoring_dagster.store.days.profiles import PROFILE, profiles_of, service_of
from monitoring_dagster.store.monitor import Monitor

_NOTHING = Metric(float("nan"), float("nan"), float("nan"), 0)


class UnknownSegment(MonitoringError):
    """A column that the model is not split by."""

    @classmethod
    def named(cls, name: str, *, model: str, known: Sequence[str]) -> Self:
        return cls(f"model {model!r} is not split by {name!r}. {did_you_mean(name, known)}")


@dataclass(frozen=True, slots=True)
class Point:
    """One group of one prediction day, as known on *as_of*."""

    day: date
    group: Group
    metric: str
    value: Metric
    predictions: int
    maturity: Maturity
    judged: bool  # whether the definition is the one that the day is judged by
    promise: float | None = None  # by the same definition; None where there is none
    min_coverage: float = 0.0  # labels per prediction, below which there is no verdict
    first: float | None = None  # what the first champion promised, where another one answered

    @property
    def no_verdict(self) -> str | None:
        """Why the day allows no verdict on quality; None where it does."""
        if not self.predictions:
            return "no predictions"
        known = self.value.n / self.predictions
        if self.maturity is Maturity.PENDING or known < self.min_coverage:
            return f"{known:.0%} of labels known, {self.min_coverage:.0%} needed"
        if not isfinite(self.value.value):
            return f"{self.metric} is not known"
        return None

    @property
    def change(self) -> float | None:
        """From the promise of the same definition: another one's is never compared."""
        if self.promise is None or not isfinite(self.value.value):
            return None
        return self.value.value - self.promise

    @property
    def words(self) -> str:
        """One line for people."""
        value, low, high, n = self.value
        said = f"{value:.4f} ({low:.4f} to {high:.4f})" if n else "unknown"
        compared = "" if self.change is None else f", {self.change:+.4f} from {self.promise:.4f}"
        if compared and self.first is not None:
            compared += f" ({self.value.value - self.first:+.4f} from the first champion)"
        unjudged = "" if self.judged else ", not judged by this definition"
        unjudged += f", no verdict ({self.no_verdict})" if self.no_verdict else ""
        return (
            f"{self.day}  {label_of(self.group)}  {self.metric} {said}{compared};"
            f" {n:,} of {self.predictions:,} labels, {self.maturity}{unjudged}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; what is not a number is None."""
        known = {
            name: number if number is not None and isfinite(number) else None
            for name, number in {
                "value": self.value.value,
                "low": self.value.low,
                "high": self.value.high,
                "promise": self.promise,
                "change": self.change,
                "first_champion": self.first,
            }.items()
        }
        return {
            "day": str(self.day),
            "version": self.group.version,
            "segment": self.group.segment or None,
            "segment_value": self.group.value if self.group.segment else None,
            "metric": self.metric,
            **known,
            "n": self.value.n,
            "predictions": self.predictions,
            "maturity": str(self.maturity),
            "judged": self.judged,
            "no_verdict": self.no_verdict,
        }


def history(
    monitor: Monitor,
    *,
    metric: str | None = None,
    first: date = date.min,
    last: date = date.max,
    as_of: date | None = None,
    segment: str = "",
    advance: Callable[[int], object] = lambda days: None,
) -> list[Point]:
    """Every stored prediction day of the range by one metric, from stored counts alone.

    No raw row is read, so a new cost table fills a year of history in seconds; only metrics that
    need the rows begin when they were declared.

    Parameters
    ----------
    metric
        Its name or label; by default the first judged one. Of a name with several definitions the
        newest is taken, for all days.
    as_of
        Labels that arrived later are as if they had never come; by default all.
    segment
        Each value of this column instead of the whole.
    advance
        Is told the number of days just done.

    Raises
    ------
    UnknownMetric, UnknownSegment, UnusableMetric, NoLabels
    """
    label = metric_label(monitor.spec, metric or monitor.spec.metric)
    if segment and segment not in monitor.spec.segments:
        raise UnknownSegment.named(segment, model=monitor.name, known=monitor.spec.segments)
    arrived = monitor.results.days(monitor.name, OUTCOMES)
    known_on = as_of or max(arrived, default=date.min)
    until = min(last, known_on)
    days = [day for day in monitor.results.days(monitor.name, PROFILE) if first <= day <= until]
    if not days:
        return []
    definition = monitor.spec.definition(label)
    scores = definition is None or definition.value is None  # a cost table needs no scores
    found = outcomes_by_day(
        monitor, days[0], days[-1], as_of=known_on, scores=scores, segment=segment
    )
    points: list[Point] = []
    valid_from = (definition.valid_from if definition else None) or date.min
    promise = cache(lambda group: promise_of(monitor, group, label, valid_from))
    champion = first_with_promise(monitor, known_on) or ""
    for day in days:
        served = _predictions(monitor, day, segment)
        outcomes = found.get(day, {})
        for group in sorted({*served, *outcomes}):
            one = outcomes.get(group, Outcomes(monitor.spec.task))
            point = _point(monitor, day, known_on, group, label, one, served.get(group, 0))
            follows = champion not in ("", group.version)
            bar = promise(group._replace(version=champion)) if follows else None
            points.append(replace(point, promise=promise(group), first=bar))
        advance(1)
    return points


def summary(points: Sequence[Point]) -> str:
    """The newest day with a verdict, and how many newer ones have none."""
    days = {one.day for one in points}
    known = {one.day for one in points if one.no_verdict is None}
    if not known:
        return f"no verdict on any of {len(days)} days"
    newest = max(known)
    later = sum(day > newest for day in days)
    return f"newest day with a verdict: {newest}" + (
        f"; no verdict on {later} later {'day' if later == 1 else 'days'}" if later else ""
    )


def _point(
    monitor: Monitor,
    day: date,
    as_of: date,
    group: Group,
    label: str,
    outcomes: Outcomes,
    predictions: int,
) -> Point:
    spec = monitor.spec
    definition = spec.definition(label)
    if definition is None:
        value = metrics_of(spec, outcomes, own=[]).get(label, _NOTHING)
    else:
        value = own_metric(spec, definition, outcomes)
    known = maturity(
        None,
        predictions=predictions,
        arrived=outcomes.n,
        lag_days=(as_of - day).days,
        mature_after_days=labels_of(spec).mature_after_days,
    )
    judged = definition is None or definition.judged_on(day)
    return Point(
        day,
        group,
        label,
        value,
        predictions,
        known.maturity,
        judged,
        min_coverage=labels_of(spec).min_coverage,
    )


def _predictions(monitor: Monitor, day: date, segment: str) -> Mapping[Group, int]:
    """Counted predictions by group; of the whole without decoding a profile, where one served."""
    versions = service_of(monitor, day).get("versions", {})
    if not segment and len(versions) == 1:
        return {Group(next(iter(versions))): service_of(monitor, day)["counted"]}
    found = profiles_of(monitor, day)
    return {group: one.rows for group, one in found.items() if group.segment == segment}
