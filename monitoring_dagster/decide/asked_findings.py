"""Findings as the owner asked for them."""

from collections.abc import Mapping, Sequence

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import Severity
from monitoring_dagster.spec.rules.alert_settings import Alert


def as_asked(findings: Sequence[Finding], alerts: Mapping[str, Alert]) -> list[Finding]:
    """*findings* as the owner asked for them: without the rules that are off, and as urgent."""
    enabled = [one for one in findings if alerts.get(one.kind, Alert()).enabled]
    asked = [alerts.get(one.kind, Alert()).severity for one in enabled]
    return [
        finding if severity is None else finding.with_severity(Severity(severity))
        for finding, severity in zip(enabled, asked, strict=True)
    ]
