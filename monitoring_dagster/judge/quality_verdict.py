"""Verdict on quality, as it is expected and as labels show it, at the end of a day."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.quality_rules import expected_breaches, expected_drops, quality_drops
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.decide.tolerance import metric_of
from monitoring_dagster.decide.traffic import Traffic
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.estimates.track_record import track_record
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.estimation.estimate_record import Trust
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.monitor import Monitor

_ACCURACY = "estimate_accuracy"


def accuracy_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """How right the estimates were of each metric that is expected to be worse on *day*."""
    if monitor.spec.labels is None:
        return
    today = expected_breaches(monitor.spec, _estimates(monitor, day, day)).get(day, {})
    for metric in dict.fromkeys(metric for worse in today.values() for metric in worse):
        record = track_record(monitor, metric, as_of=day)
        yield Signal.on(
            day,
            f"{_ACCURACY}.{metric}",
            record.coverage.value,
            low=record.coverage.low,
            high=record.coverage.high,
            n=record.days,
            known_on=day,
            reason=record.words,
            severity=Severity.P3 if record.trust is Trust.LOW else "",
        )


def quality_findings(monitor: Monitor, day: date, of_verdict: Sequence[Signal]) -> list[Finding]:
    """What is wrong with quality, by stored estimates and by the signals *of_verdict*, which the
    verdict of *day* is about to store."""
    estimates = _estimates(monitor, first_estimated(monitor.spec, day, of_verdict), day)
    return findings_by(monitor.spec, day, traffic_on(monitor, day), of_verdict, estimates)


def first_estimated(spec: ModelSpec, day: date, of_verdict: Sequence[Signal]) -> date:
    """The first day whose estimates the rules on quality read."""
    of_days = spec.rules.window(FindingKind.EXPECTED_DROP).of_days
    known = [one.day for one in of_verdict if one.name.startswith("quality.")]
    return min([day - timedelta(days=of_days - 1), *known])


def findings_by(
    spec: ModelSpec,
    day: date,
    traffic: Traffic,
    of_verdict: Sequence[Signal],
    estimates: Sequence[Signal],
) -> list[Finding]:
    """The same from signals alone."""
    known = [one for one in of_verdict if one.name.startswith("quality.")]
    pooled = [one for one in of_verdict if one.name.startswith("pooled.")]
    accuracy = {metric_of(one): one for one in of_verdict if one.name.startswith(_ACCURACY)}
    return [
        *expected_drops(spec, day, traffic, estimates, accuracy),
        *quality_drops(spec, day, traffic, known, pooled, estimates),
    ]


def _estimates(monitor: Monitor, first: date, last: date) -> list[Signal]:
    names = [f"estimate.{metric}" for metric in monitor.spec.tolerances]
    return signals(monitor, *names, first=first, last=last)
