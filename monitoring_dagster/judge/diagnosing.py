"""Diagnosis of a judged day, from its findings, its signals, and what was changed before it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from monitoring_dagster.decide.diagnosis.causes import Diagnosis
from monitoring_dagster.decide.diagnosis.changes import Change, ChangeKind
from monitoring_dagster.decide.diagnosis.clues import LOOK_BACK_DAYS, MIX, READ, Observed
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
    has_moved = any(one.name == MIX and one.low > 0 for one in signals)
    if not has_moved and not any(is_told(one.severity) for one in findings):
        return Diagnosis(day)
    first, last = day - timedelta(days=LOOK_BACK_DAYS), day - timedelta(days=1)
    return diagnose(
        Observed(
            day=day,
            findings=findings,
            signals=signals,
            traffic=traffic,
            earlier=monitor.ledger.findings(monitor.name, first, last),
            changes=changes_until(monitor, day),
        )
    )


def changes_until(monitor: Monitor, day: date) -> list[Change]:
    """Versions that came to serve, promotions, and what was noted, in the two weeks up to *day*,
    oldest first."""
    first = day - timedelta(days=LOOK_BACK_DAYS)
    noted = monitor.ledger.changes(
        monitor.name, _midnight(first), _midnight(day + timedelta(days=1))
    )
    found = [*_of_versions(monitor, first, day), *_promotions(monitor, first, day), *noted]
    return sorted(found, key=lambda one: one.at)


def _of_versions(monitor: Monitor, first: date, day: date) -> Iterator[Change]:
    before: set[str] = set()
    for number in range(-LOOK_BACK_DAYS, LOOK_BACK_DAYS + 1):  # who served before is not new
        on = first + timedelta(days=number)
        served = {one for one in service_of(monitor, on).get("versions", {}) if one}
        if on >= first and before:
            for version in sorted(served - before):
                words = f"version {version} began to serve"
                yield Change(_midnight(on), ChangeKind.DEPLOYMENT, words, version)
        before |= served


def _promotions(monitor: Monitor, first: date, day: date) -> Iterator[Change]:
    former: set[str] = set()  # who comes back to one of them rolls back
    for one in monitor.ledger.promotions(monitor.name):
        kind = ChangeKind.ROLLBACK if one.version in former else ChangeKind.PROMOTION
        former |= {one.version, one.previous or one.version}
        if one.previous is not None and first <= one.at.date() <= day:
            words = f"version {one.version} in place of {one.previous}: {one.reason}"
            yield Change(one.at, kind, words, one.version, one.by)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
