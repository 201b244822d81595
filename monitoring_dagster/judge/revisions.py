"""Which verdicts on quality do labels change that came after them?"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.quality.known_quality import Evaluation, breaches, evaluate
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.known_labels import BY_DAY, DECIDED, account_of
from monitoring_dagster.store.days.step_findings import VERDICT, stored_findings
from monitoring_dagster.store.monitor import Monitor

_TOLD_WITHIN_DAYS = 14  # of the end of a day's wait


def revision_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """The days whose wait was over, and whose verdict is another one with the labels of *day*."""
    wait = labels_of(monitor.spec).mature_after_days
    account = account_of(monitor, day)
    changed = {*account.get(BY_DAY, {}), *account.get(DECIDED, {})}
    traffic = traffic_on(monitor, day)
    for served in sorted(map(date.fromisoformat, changed)):
        if (day - served).days <= wait:
            continue  # still waited for: its verdict is no verdict yet
        before, now = (
            evaluate(monitor, served, as_of=as_of) for as_of in (day - timedelta(days=1), day)
        )
        was, is_now = _said(monitor, before), _said(monitor, now)
        for version, metric in sorted(was.keys() ^ is_now.keys()):
            subject = traffic.subject(metric, version)
            told = _was_told(monitor, served, subject, until=day)
            calm = f"{metric} of version {version} is not worse than tolerated any more"
            said = is_now.get((version, metric), calm)
            severity = Severity.P2 if told or (version, metric) in is_now else Severity.P3
            yield Signal.stating(
                served,
                "revision.revised_quality",
                f"{subject} of {served}",
                f"{_cause(account, served)} the verdict on {served}"
                f"{', which was notified' if told else ''}: {said}",
                severity=severity,
                version=version,
                known_on=day,
            )


def _said(monitor: Monitor, evaluation: Evaluation) -> dict[tuple[str, str], str]:
    """What was worse than tolerated, by version and metric."""
    return {
        (version, metric): words
        for version, found in breaches(monitor, evaluation).items()
        for metric, words in found.items()
    }


def _cause(account: Mapping[str, Any], served: date) -> str:
    if str(served) not in account.get(BY_DAY, {}):
        return "labels that were discarded or restored change"
    return "labels that came late change"


def _was_told(monitor: Monitor, served: date, subject: str, *, until: date) -> bool:
    """Whether people were told of a drop on the days on which *served* was looked at."""
    wait = labels_of(monitor.spec).mature_after_days
    last = min(until, served + timedelta(days=wait + _TOLD_WITHIN_DAYS))
    days = (served + timedelta(days=n) for n in range((last - served).days))
    return any(
        one.kind is FindingKind.PERFORMANCE_DROP and one.subject == subject
        for day in days
        for one in stored_findings(monitor, VERDICT, day)
    )
