"""Diagnosis of a judged day, from its findings, its signals, and what was changed before it."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from monitoring_dagster.decide.diagnosis.causes import Diagnosis
from monitoring_dagster.decide.diagnosis.clues import LOOK_BACK_DAYS, READ, Change, Observed
from monitoring_dagster.decide.diagnosis.diagnose import diagnose
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import SignalLog
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor


def diagnosis_on(
    monitor: Monitor, day: date, findings: Sequence[Finding], log: SignalLog, traffic: Traffic
) -> Diagnosis:
    """Why *day* is as its *findings* say; most days there are none, and nothing is looked at."""
    signals = log.on(day, *READ)
    if not signals and not any(is_told(one.severity) for one in findings):
        return Diagnosis(day)
    first, last = day - timedelta(days=LOOK_BACK_DAYS), day - timedelta(days=1)
    return diagnose(
        Observed(
            day=day,
            findings=findings,
            signals=signals,
            traffic=traffic,
            earlier=monitor.ledger.findings(monitor.name, first, last),
            changes=sorted(changes_until(monitor, day), key=lambda one: one.day),
        )
    )


def changes_until(monitor: Monitor, day: date) -> Iterator[Change]:
    """Versions that came to serve, and promotions, in the two weeks up to *day*."""
    first = day - timedelta(days=LOOK_BACK_DAYS)
    before: set[str] = set()
    for number in range(-LOOK_BACK_DAYS, LOOK_BACK_DAYS + 1):  # who served before is not new
        on = first + timedelta(days=number)
        served = {one for one in service_of(monitor, on).get("versions", {}) if one}
        if on >= first and before:
            for version in sorted(served - before):
                yield Change(on, f"version {version} began to serve", version)
        before |= served
    for one in monitor.ledger.promotions(monitor.name):
        if one.previous is not None and first <= one.at.date() <= day:
            words = f"version {one.version} in place of {one.previous} (by {one.by}): {one.reason}"
            yield Change(one.at.date(), words, one.version)
