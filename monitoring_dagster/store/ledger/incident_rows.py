"""Findings, incidents and what people did about them as rows of the ledger, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.handling import Action, Handling
from monitoring_dagster.decide.incidents import Incident, Notice
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import most_urgent
from monitoring_dagster.store.ledger.schema import fields_of, storable, tables

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction


def storable_findings(findings: Sequence[Finding]) -> list[Finding]:
    """The findings as they will be read again; of several about one subject the most urgent."""
    unique: dict[tuple[str, str, str], Finding] = {}
    for finding in sorted(findings, key=lambda f: f.severity):
        clean = replace(finding, subject=storable(finding.subject), words=storable(finding.words))
        unique.setdefault((clean.step, clean.kind, clean.subject), clean)
    return list(unique.values())


def insert_findings(connection: Transaction, findings: Sequence[Finding]) -> None:
    if findings:
        connection.execute(tables().findings.insert(), [fields_of(f) for f in findings])


def latest_incidents(connection: Transaction, model: str) -> dict[FindingKind, Incident]:
    table = tables().incidents
    query = table.select().where(table.c.model == model).order_by(table.c.opened_on)
    incidents = (incident_of(dict(row)) for row in connection.execute(query).mappings())
    return {incident.kind: incident for incident in incidents}


def save_incident(connection: Transaction, incident: Incident) -> None:
    table = tables().incidents
    told = incident.told
    values = fields_of(incident) | {
        "firing": sorted(incident.firing),
        "seen": sorted(incident.seen),
        "told": told
        and {
            "known": sorted(told.known),
            "severity": told.severity,
            "day": told.day.isoformat(),
            "seq": told.seq,
        },
    }
    connection.execute(table.delete().where(table.c.id == incident.id))
    connection.execute(table.insert(), values)


def last_findings(connection: Transaction, incident: Incident) -> list[Finding]:
    """What was found on the last day on which the incident had a finding, the most urgent first."""
    table = tables().findings
    query = table.select().where(
        table.c.model == incident.model,
        table.c.kind == incident.kind,
        table.c.day == incident.last_seen,
    )
    return list(
        most_urgent([finding_of(dict(row)) for row in connection.execute(query).mappings()])
    )


def finding_of(row: Mapping[str, Any]) -> Finding:
    words = {"kind": FindingKind(row["kind"]), "severity": Severity(row["severity"])}
    return Finding(**{**row, **words})


def incident_of(row: Mapping[str, Any]) -> Incident:
    told = row["told"] and Notice(
        known=frozenset(row["told"]["known"]),
        severity=Severity(row["told"]["severity"]),
        day=date.fromisoformat(row["told"]["day"]),
        seq=row["told"]["seq"],
    )
    return Incident(
        **{
            **row,
            "kind": FindingKind(row["kind"]),
            "severity": Severity(row["severity"]),
            "firing": frozenset(row["firing"]),
            "seen": frozenset(row["seen"]),
            "told": told,
        }
    )


def handlings_of(connection: Transaction, incident: str) -> list[Handling]:
    """What people did about one incident, oldest first."""
    table = tables().handlings
    query = table.select().where(table.c.incident == incident).order_by(table.c.number)
    return [
        Handling(
            incident=row["incident"],
            action=Action(row["action"]),
            by=row["by"],
            at=row["at"],
            until=row["until"],
            comment=row["comment"],
            key=row["key"],
        )
        for row in connection.execute(query).mappings()
    ]
