"""Findings, incidents and what people did about them as rows of the ledger, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from monitoring_dagster.decide.findings import Finding, weight
from monitoring_dagster.decide.incidents import REOPENING, Incident, Notice, Part, is_told
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import Family, FindingKind, Severity
from monitoring_dagster.store.ledger.schema import fields_of, storable, tables

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction

_DAYS_OF_PART = ("since", "last_seen", "judged_on")


def storable_findings(findings: Sequence[Finding]) -> list[Finding]:
    """The findings as they will be read again; of several about one subject the most urgent."""
    unique: dict[tuple[str, str, str], Finding] = {}
    for finding in sorted(findings, key=lambda f: f.severity):
        clean = replace(
            finding,
            subject=storable(finding.subject),
            words=storable(finding.words),
            brief=storable(finding.brief),
        )
        unique.setdefault((clean.step, clean.kind, clean.subject), clean)
    return list(unique.values())


def insert_findings(connection: Transaction, findings: Sequence[Finding]) -> None:
    if findings:
        connection.execute(tables().findings.insert(), [fields_of(f) for f in findings])


def latest_incidents(connection: Transaction, model: str) -> dict[Family, Incident]:
    table = tables().incidents
    query = table.select().where(table.c.model == model).order_by(table.c.opened_on)
    incidents = (incident_of(dict(row)) for row in connection.execute(query).mappings())
    return {incident.family: incident for incident in incidents}


def thread_of(connection: Transaction, model: str, family: Family, day: date) -> str | None:
    """The incident that what happens on *day* belongs to: an open one that people were told of, or
    one that is hardly over."""
    latest = latest_incidents(connection, model).get(family)
    if latest is None or latest.told is None:
        return None
    is_over = latest.closed_on is not None and day - latest.closed_on > REOPENING
    return None if is_over else latest.id


def save_incident(connection: Transaction, incident: Incident) -> None:
    table = tables().incidents
    told = incident.told
    values = fields_of(incident) | {
        "parts": {str(kind): plain_part(one) for kind, one in sorted(incident.parts.items())},
        "told": told
        and {
            "known": sorted(told.known),
            "severity": told.severity,
            "day": told.day.isoformat(),
        },
    }
    connection.execute(table.delete().where(table.c.id == incident.id))
    connection.execute(table.insert(), values)


def plain_part(part: Part) -> dict[str, Any]:
    """A part as JSON holds it."""
    days = {name: getattr(part, name).isoformat() for name in _DAYS_OF_PART}
    return fields_of(part) | days | {"firing": sorted(part.firing)}


def last_findings(
    connection: Transaction, incident: Incident, *, firing: bool = False
) -> list[Finding]:
    """What each rule of the incident found last, the weightiest first.

    With *firing* only what still held when it was judged last.
    """
    parts = incident.active.items()
    found = [
        one
        for kind, part in parts
        if part.firing or not firing
        for one in found_on(connection, incident.model, part.last_seen, kind)
        if is_told(one.severity)
    ]
    return sorted(found, key=lambda one: (*weight(one.kind, one.severity), one.subject))


def found_on(connection: Transaction, model: str, day: date, kind: FindingKind) -> list[Finding]:
    table = tables().findings
    query = table.select().where(table.c.model == model, table.c.kind == kind, table.c.day == day)
    return [finding_of(dict(row)) for row in connection.execute(query).mappings()]


def finding_of(row: Mapping[str, Any]) -> Finding:
    words = {"kind": FindingKind(row["kind"]), "severity": Severity(row["severity"])}
    return Finding(
        **{**row, **words, "brief": row["brief"] or "", "trend": tuple(row["trend"] or ())}
    )


def incident_of(row: Mapping[str, Any]) -> Incident:
    told = row["told"] and Notice(
        known=frozenset(row["told"]["known"]),
        severity=Severity(row["told"]["severity"]),
        day=date.fromisoformat(row["told"]["day"]),
    )
    return Incident(
        **{
            **row,
            "family": Family(row["family"]),
            "severity": Severity(row["severity"]),
            "parts": {FindingKind(kind): _part(one) for kind, one in row["parts"].items()},
            "told": told,
        }
    )


def _part(plain: Mapping[str, Any]) -> Part:
    days = {name: date.fromisoformat(plain[name]) for name in _DAYS_OF_PART}
    severity, firing = Severity(plain["severity"]), frozenset(plain["firing"])
    return Part(**{**plain, **days, "severity": severity, "firing": firing})


def handlings_of(connection: Transaction, incident: str) -> list[Handling]:
    """What people did about one incident, oldest first."""
    table = tables().handlings
    query = table.select().where(table.c.incident == incident).order_by(table.c.number)
    return [handling_of(dict(row)) for row in connection.execute(query).mappings()]


def handling_of(row: Mapping[str, Any]) -> Handling:
    fields = {name: value for name, value in row.items() if name != "number"}
    return Handling(**{**fields, "action": Action(row["action"])})
