"""How right estimates were, and what was worse than tolerated, as the verdict of a day knew it."""

from collections.abc import Iterator
from datetime import date

from monitoring_dagster.decide.judging.quality.breached_days import expected_breaches
from monitoring_dagster.decide.judging.quality.quality_rules import ESTIMATE_ACCURACY
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.estimates.accuracy_of_estimates import accuracy_of
from monitoring_dagster.stats.estimation.estimate_accuracy import Trust
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.monitor import Monitor


def accuracy_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """How right the estimates were of each metric that is expected to be worse on *day*."""
    if monitor.spec.labels is None:
        return
    names = [f"estimate.{metric}" for metric in monitor.spec.tolerances]
    estimates = signals(monitor, *names, first=day, last=day)
    today = expected_breaches(monitor.spec, estimates).get(day, {})
    for metric in dict.fromkeys(metric for worse in today.values() for metric in worse):
        record = accuracy_of(monitor, metric, as_of=day)
        yield Signal.on(
            day,
            f"{ESTIMATE_ACCURACY}.{metric}",
            record.coverage.value,
            low=record.coverage.low,
            high=record.coverage.high,
            n=record.days,
            known_on=day,
            reason=record.words,
            severity=Severity.P3 if record.trust is Trust.LOW else "",
        )
