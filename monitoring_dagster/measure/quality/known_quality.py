"""Quality of a prediction day, as known on any later one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite

from monitoring_dagster.decide.judging.quality.breached_days import breaches_of
from monitoring_dagster.decide.judging.traffic import FEWEST_ROWS
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.quality.model_metrics import metrics_of
from monitoring_dagster.measure.quality.quality_signals import quality_signals
from monitoring_dagster.measure.quality.quality_variation import variations
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.maturity import ArrivalCurve, Maturity, maturity
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.days.known_labels import known_outcomes
from monitoring_dagster.store.days.profiles import profiles_of
from monitoring_dagster.store.monitor import Monitor

EVALUATION = "evaluation"  # the step that stores it


@dataclass(frozen=True)
class Evaluation:
    """One prediction day as known at the end of *as_of*."""

    day: date
    as_of: date
    maturity: Maturity
    reason: str  # why it is as mature as it is
    coverage: float  # labelled rows per counted prediction
    min_coverage: float
    outcomes: Mapping[Group, Outcomes]
    metrics: Mapping[Group, Mapping[str, Metric]]
    predictions: Mapping[Group, int]

    @property
    def judged(self) -> bool:
        """Whether a version has labels enough for a verdict; else the day is INSUFFICIENT."""
        return any(self.judges(version) for version in self.versions)

    @property
    def versions(self) -> list[str]:
        """The versions whose rows were counted."""
        return sorted(group.version for group in self.predictions if not group.segment)

    def judges(self, version: str) -> bool:
        """Whether one version has labels enough for a verdict of its own.

        Beside other versions it needs 30 of them: a share of few rows tells nothing.
        """
        labelled, predicted = self.labelled(version), self.predictions.get(Group(version), 0)
        least = FEWEST_ROWS if len(self.versions) > 1 else 1
        return (
            self.maturity is not Maturity.PENDING
            and labelled >= least
            and labelled >= self.min_coverage * predicted > 0
        )

    def labelled(self, version: str) -> int:
        """Rows of one version whose label is known."""
        found = self.outcomes.get(Group(version))
        return 0 if found is None else found.n

    @property
    def state(self) -> str:
        """How much is known, in words."""
        enough = "" if self.judged else f", INSUFFICIENT below {self.min_coverage:.0%}"
        return f"{self.maturity}, {self.coverage:.0%} of the labels{enough}"


def evaluate(
    monitor: Monitor,
    day: date,
    *,
    as_of: date,
    source: str | None = None,
    curve: ArrivalCurve | None = None,
) -> Evaluation:
    """The day's quality as known on *as_of*: the same answer whenever it is asked.

    *source* asks one of `further_labels` instead; *curve* lets a day mature before the wait is
    over.

    Raises
    ------
    UnusableMetric
        A metric of the owner's cannot be computed.
    """
    spec = monitor.spec
    labels = labels_of(spec, source)
    found = known_outcomes(monitor, day, as_of=as_of, source=source)
    served = {group: one.rows for group, one in profiles_of(monitor, day).items()}
    labelled = sum(one.n for group, one in found.items() if not group.segment)
    predicted = sum(rows for group, rows in served.items() if not group.segment)
    known = maturity(
        curve,
        predictions=predicted,
        arrived=labelled,
        lag_days=(as_of - day).days,
        mature_after_days=labels.mature_after_days,
    )
    return Evaluation(
        day=day,
        as_of=as_of,
        maturity=known.maturity,
        reason=known.reason,
        coverage=min(labelled / predicted, 1.0) if predicted else 0.0,
        min_coverage=labels.min_coverage,
        outcomes=found,
        metrics={group: metrics_of(spec, one) for group, one in sorted(found.items())},
        predictions=served,
    )


def judgeable(monitor: Monitor, day: date) -> dict[str, int]:
    """Counted rows of each version that could get a verdict on *day*, once its labels come."""
    profiles = profiles_of(monitor, day)
    rows = {group.version: one.rows for group, one in profiles.items() if not group.segment}
    if len(rows) < 2:
        return {version: n for version, n in rows.items() if n}
    return {version: n for version, n in rows.items() if n >= FEWEST_ROWS}


def breaches(monitor: Monitor, evaluation: Evaluation) -> dict[str, dict[str, str]]:
    """Metrics whose day is breached, as the verdict has it, in words, by version: a version that
    is fine has an empty entry, one without a verdict has none."""
    known, variation = judged_signals(monitor, evaluation)
    worse = breaches_of(monitor.spec, known, variation).get(evaluation.day, {})
    return {
        version: worse.get(version, {})
        for version in evaluation.versions
        if evaluation.judges(version)
    }


def judged_signals(monitor: Monitor, evaluation: Evaluation) -> tuple[list[Signal], list[Signal]]:
    """The judged metrics of all rows of each version, beside their baselines; and how much each
    varies between the days of the version's reference, where that is known."""
    judged = {
        group: {name: metrics[name] for name in monitor.spec.tolerances if name in metrics}
        for group, metrics in evaluation.metrics.items()
        if not group.segment
    }
    known = list(quality_signals(monitor, judged, area="quality", day=evaluation.day))
    compared = sorted({one.version for one in known if isfinite(one.baseline)})
    return known, [one for name in compared for one in variations(monitor, name, evaluation.day)]
