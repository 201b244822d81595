"""Findings, events and links that tests of messages share."""

from datetime import UTC, date, datetime

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.report.events import Announcement, IncidentEvent
from monitoring_dagster.report.links import Links

DAY = date(2026, 1, 7)
LINKS = Links(
    dagster_url="http://127.0.0.1:3000",
    mlflow_url="http://127.0.0.1:5000/",
    runbook_url="https://wiki.example.org/runbooks",
)


def found(subject="income", words="PSI 0.31, more than 0.2", severity=Severity.P2):
    return Finding("credit", DAY, FindingKind.FEATURE_DRIFT, subject, severity, words, "drift")


def event(*findings, reason=Reason.FIRST, kind=FindingKind.FEATURE_DRIFT, total=None):
    return IncidentEvent(
        reason=reason,
        model="credit",
        registered_model="credit_risk",
        owner="team:risk",
        kind=kind,
        severity=Severity.P2,
        opened_on=date(2026, 1, 5),
        day=DAY,
        findings=findings,
        total=len(findings) if total is None else total,
        at=datetime(2026, 1, 8, 6, tzinfo=UTC),
    )


NOTE = Announcement(
    model="credit",
    registered_model="credit_risk",
    owner="team:risk",
    kind=FindingKind.RETRAINING,
    day=DAY,
    title="version 2 serves",
    words="Its log loss is lower by 0.02 (0.01 to 0.03).",
    version="2",
)
