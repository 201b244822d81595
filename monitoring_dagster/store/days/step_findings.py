"""Findings as they lie in a step's result, between the step that made them and the verdict."""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.monitor import Monitor

VERDICT = "verdict"  # the step that judges a day by the findings of all others
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
    table = monitor.results.read(monitor.name, step, day)
    if table is None:
        return []
    return [
        Finding(
            model=monitor.name,
            day=day,
            kind=FindingKind(row["kind"]),
            subject=row["subject"],
            severity=Severity(row["severity"]),
            words=row["words"],
            step=step,
        )
        for row in table.to_pylist()
    ]
