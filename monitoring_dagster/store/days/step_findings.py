"""Findings of a day as its verdict stored them."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import pyarrow as pa

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.results import ResultStore, Stamp

VERDICT = "verdict"  # the step that judges a day by the findings of all others
POOLED_OVER = "pooled_over"  # metadata key: of how many days it stored the sum, by rule
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("severity", pa.string()),
        ("words", pa.string()),
    ]
)


def findings_table(found: Sequence[Finding]) -> pa.Table:
    """One row a finding; model, day and step are where the table lies."""
    records = [
        {"kind": one.kind, "subject": one.subject, "severity": one.severity, "words": one.words}
        for one in found
    ]
    return pa.Table.from_pylist(records, schema=SCHEMA)


def stored_findings(monitor: Monitor, step: str, day: date) -> list[Finding]:
    """What the step found on that day; nothing where it has not run."""
    stamp = monitor.results.stamp(monitor.name, step, day)
    return [*_read(monitor.results, monitor.name, step, day, stamp)] if stamp else []


@lru_cache(maxsize=512)
def _read(
    results: ResultStore, model: str, step: str, day: date, _stamp: Stamp
) -> tuple[Finding, ...]:
    """The same, read once as long as nobody writes it anew: verdicts look back at weeks."""
    table = results.read(model, step, day)
    return tuple(
        Finding(
            model=model,
            day=day,
            kind=FindingKind(row["kind"]),
            subject=row["subject"],
            severity=Severity(row["severity"]),
            words=row["words"],
            step=step,
        )
        for row in (table.to_pylist() if table is not None else ())
    )
