"""Which labels arrived on this day, and which predictions were they about?"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from monitoring_dagster.decisions.findings import Finding, FindingKind, Severity
from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.integrations.labels import join_labels
from monitoring_dagster.integrations.results import ResultStore, Stamp
from monitoring_dagster.integrations.rows import MissingDay, UnreadableFile
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.step import Check, StepReport, Tone
from monitoring_dagster.spec import Labels
from monitoring_dagster.stats.outcomes import (
    Outcomes,
    UnusableOutcome,
    outcomes_by_group,
    outcomes_from_table,
    outcomes_to_table,
)
from monitoring_dagster.stats.profile import Group
from monitoring_dagster.stats.values import WrongType

STEP = "outcomes"
ACCOUNT = "account"  # metadata key: what became of every label row
_MAX_ORPHAN_SHARE = _MAX_INVALID_SHARE = 0.05


def run(monitor: Monitor, day: date) -> StepReport:
    """Join the labels that arrived on *day* and store counts by prediction day."""
    account: dict[str, Any] = {"rows": 0}
    found: dict[tuple[date, Group], Outcomes] = {}
    try:
        joined, counted = join_labels(monitor.spec, day, root=monitor.root)
        found = outcomes_by_group(
            joined, task=monitor.spec.task, segments=tuple(monitor.spec.segments)
        )
        account = asdict(counted)
    except (MissingDay, UnreadableFile, UnknownColumn, UnusableOutcome, WrongType) as error:
        account["error"] = str(error)
        account["missing"] = isinstance(error, MissingDay)
    monitor.results.write(
        monitor.name, STEP, day, outcomes_to_table(found), metadata={ACCOUNT: json.dumps(account)}
    )
    return _report(monitor, day, account)


def known_outcomes(
    monitor: Monitor, day: date, *, as_of: date, labels: Labels
) -> dict[Group, Outcomes]:
    """All labels of one prediction day that had arrived by the end of *as_of*."""
    total: dict[Group, Outcomes] = {}
    for lag in range(labels.mature_after_days + 1):
        arrival = day + timedelta(days=lag)
        if arrival > as_of:
            break
        for (served, group), part in _stored(monitor, arrival).items():
            if served == day:
                total[group] = total[group] + part if group in total else part
    return total


def account_of(monitor: Monitor, day: date) -> dict[str, Any]:
    """What became of every label row that arrived on *day*."""
    account: dict[str, Any] = json.loads(
        (monitor.results.metadata(monitor.name, STEP, day) or {}).get(ACCOUNT, "{}")
    )
    return account


def findings_of(monitor: Monitor, day: date) -> list[Finding]:
    """Labels that did not come, cannot be read, or belong to nothing."""
    account = account_of(monitor, day)
    found: list[Finding] = []

    def add(kind: FindingKind, subject: str, severity: Severity, words: str) -> None:
        found.append(Finding(monitor.name, day, kind, subject, severity, words, STEP))

    if "error" in account:
        kind = FindingKind.LATE_LABELS if account["missing"] else FindingKind.UNREADABLE_DATA
        add(kind, "labels", Severity.P2, account["error"])
    elif account.get("rows"):
        orphans = account["orphan"]
        if orphans > _MAX_ORPHAN_SHARE * account["rows"]:
            add(FindingKind.ORPHAN_LABELS, "labels", Severity.P2,
                f"{orphans:,} of {account['rows']:,} labels belong to no prediction of the last"
                f" days (limit {_MAX_ORPHAN_SHARE:.0%})")  # fmt: skip
        invalid = account["invalid"]
        if invalid > _MAX_INVALID_SHARE * account["rows"]:
            add(FindingKind.UNREADABLE_DATA, "labels", Severity.P2,
                f"{invalid:,} of {account['rows']:,} labels have no request id or no value"
                f" (limit {_MAX_INVALID_SHARE:.0%})")  # fmt: skip
    return found


def _stored(monitor: Monitor, arrival: date) -> Mapping[tuple[date, Group], Outcomes]:
    stamp = monitor.results.stamp(monitor.name, STEP, arrival)
    return _decoded(monitor.results, monitor.name, arrival, stamp) if stamp else {}


@lru_cache(maxsize=128)
def _decoded(
    results: ResultStore, model: str, arrival: date, _stamp: Stamp
) -> Mapping[tuple[date, Group], Outcomes]:
    """One arrival day, decoded once as long as nobody writes it anew: many days look at it."""
    table: pa.Table | None = results.read(model, STEP, arrival)
    return outcomes_from_table(table) if table is not None else {}


def _report(monitor: Monitor, day: date, account: dict[str, Any]) -> StepReport:
    found = findings_of(monitor, day)
    numbers = {name: value for name, value in account.items()
               if isinstance(value, int | float) and not isinstance(value, bool)}  # fmt: skip
    words = "; ".join(one.words for one in found) or (
        f"{account.get('joined', 0):,} of {account['rows']:,} labels joined"
    )
    return StepReport(
        numbers=numbers,
        checks={"labels": Check(passed=not found, words=words, tone=Tone.WARN)},
    )
