"""How right were the last month's estimates, as far as labels tell by now?"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import isfinite, nan
from typing import Any, NamedTuple

from monitoring_dagster.decide.judging.tolerance import room_of
from monitoring_dagster.measure.quality.model_metrics import metric_label, metrics_of
from monitoring_dagster.measure.quality.promises import promise_of, spread_of
from monitoring_dagster.spec.metrics import Tolerance
from monitoring_dagster.spec.model import ModelSpec, labels_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.estimation.estimate_accuracy import (
    Checked,
    EstimateAccuracy,
    estimate_accuracy,
)
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.days.estimated import estimates_of
from monitoring_dagster.store.days.known_labels import OUTCOMES, outcomes_by_day
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor

_DAYS = 28
_USUAL = Tolerance(relative=0.05)  # where no rule judges the metric
_NEVER = date(1970, 1, 1)


class Slice(NamedTuple):
    """The rows of all versions, or of one value of a segment."""

    segment: str = ""
    value: str = ""

    @property
    def words(self) -> str:
        return f"{self.segment} is {self.value}" if self.segment else "all rows"


def accuracies(
    monitor: Monitor, metric: str, *, as_of: date | None = None
) -> dict[Slice, EstimateAccuracy]:
    """How the estimates of one metric did on the newest 28 days with labels enough, by slice.

    As known on *as_of*, by default now; the whole first, versions one after the other.

    Raises
    ------
    UnknownMetric, NoLabels
    """
    spec, metric = monitor.spec, metric_label(monitor.spec, metric)
    arrived = monitor.results.days(monitor.name, OUTCOMES)
    if as_of is None:
        as_of = max(arrived, default=_NEVER)
    first = as_of - timedelta(days=_DAYS + labels_of(spec, None).mature_after_days)
    outcomes = outcomes_by_day(monitor, first, as_of, as_of=as_of)
    known = [day for day in sorted(outcomes) if _enough(monitor, day, outcomes[day])][-_DAYS:]
    checked: dict[Slice, list[Checked]] = {Slice(): []}
    version = ""
    for day in known:
        for group, metrics in estimates_of(monitor, day).items():
            promise = promise_of(monitor, group, metric, day)
            one = outcomes[day].get(group)
            if metric not in metrics or promise is None or one is None:
                continue
            realised = metrics_of(spec, one, own=[]).get(metric)
            if realised is None:
                continue  # the score of no labelled row is known
            estimate, version = metrics[metric], group.version
            checked.setdefault(Slice(group.segment, group.value), []).append(
                Checked(estimate.value, estimate.low, estimate.high, realised.value, promise)
            )
    spread = spread_of(monitor, version) if metric == "bias" and version else nan
    return {
        part: estimate_accuracy(
            checked[part],
            metric=metric,
            tolerance=_tolerated(spec, part, metric, checked[part], spread=spread),
        )
        for part in sorted(checked)
    }


def _tolerated(
    spec: ModelSpec, part: Slice, metric: str, checked: Sequence[Checked], *, spread: float
) -> float:
    """How much worse than its newest promise the metric may get: 5 % where no rule says it."""
    rules = spec.tolerances_where(*part) if part.segment else spec.tolerances
    if not checked:
        return 0.0
    return room_of(rules.get(metric, _USUAL), metric, checked[-1].reference, spread=spread)


def accuracy_of(monitor: Monitor, metric: str, *, as_of: date) -> EstimateAccuracy:
    """The same for the whole."""
    return accuracies(monitor, metric, as_of=as_of)[Slice()]


def to_dict(part: Slice, record: EstimateAccuracy) -> dict[str, Any]:
    """Plain values, as `--json` prints them; what is not a number is None."""

    def known(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: known(one) for name, one in value.items()}
        return None if isinstance(value, float) and not isfinite(value) else value

    plain = {
        name: value._asdict() if isinstance(value, Metric) else value
        for name in record.__slots__
        for value in [getattr(record, name)]
    }
    return {**part._asdict(), **{name: known(value) for name, value in plain.items()}}


def _enough(monitor: Monitor, day: date, outcomes: Mapping[Group, Outcomes]) -> bool:
    labelled = sum(one.n for group, one in outcomes.items() if not group.segment)
    counted = service_of(monitor, day).get("counted", 0)
    return labelled > 0 and labelled >= labels_of(monitor.spec).min_coverage * counted
