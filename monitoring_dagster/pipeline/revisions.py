"""Which verdicts on quality do labels change that came after them?"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from monitoring_dagster.decisions.findings import Finding, FindingKind, Severity
from monitoring_dagster.integrations.labels import labels_of
from monitoring_dagster.pipeline.evaluation import STEP, breaches, evaluate
from monitoring_dagster.pipeline.findings import stored_findings
from monitoring_dagster.pipeline.label_decisions import DECIDED
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.outcomes import BY_DAY, account_of

_VERDICT = "verdict"  # the step that stores what was told
_TOLD_WITHIN_DAYS = 14  # of the end of a day's wait


def findings_of(monitor: Monitor, day: date) -> Iterator[Finding]:
    """The days whose wait was over, and whose verdict is another one with the labels of *day*."""
    wait = labels_of(monitor.spec).mature_after_days
    account = account_of(monitor, day)
    changed = {*account.get(BY_DAY, {}), *account.get(DECIDED, {})}
    for served in sorted(map(date.fromisoformat, changed)):
        if (day - served).days <= wait:
            continue  # still waited for: its verdict is no verdict yet
        before, now = (
            evaluate(monitor, served, as_of=as_of) for as_of in (day - timedelta(days=1), day)
        )
        was, is_now = breaches(monitor, before), breaches(monitor, now)
        for metric in sorted(was.keys() ^ is_now.keys()):
            told = _was_told(monitor, served, metric, until=day)
            said = is_now.get(metric, f"{metric} is not worse than tolerated any more")
            yield Finding(
                model=monitor.name,
                day=day,
                kind=FindingKind.REVISED_QUALITY,
                subject=f"{metric} of {served}",
                severity=Severity.P2 if told or metric in is_now else Severity.P3,
                words=f"{_cause(account, served)} the verdict on {served}"
                f"{', which was told' if told else ''}: {said}",
                step=STEP,
            )


def _cause(account: Mapping[str, Any], served: date) -> str:
    if str(served) not in account.get(BY_DAY, {}):
        return "labels that were discarded or restored change"
    return "labels that came late change"


def _was_told(monitor: Monitor, served: date, metric: str, *, until: date) -> bool:
    """Whether people were told of a drop on the days on which *served* was looked at."""
    wait = labels_of(monitor.spec).mature_after_days
    last = min(until, served + timedelta(days=wait + _TOLD_WITHIN_DAYS))
    days = (served + timedelta(days=n) for n in range((last - served).days))
    return any(
        one.kind is FindingKind.PERFORMANCE_DROP and one.subject == metric
        for day in days
        for one in stored_findings(monitor, _VERDICT, day)
    )
