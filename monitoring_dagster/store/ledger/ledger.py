"""What was found and decided, and who has to be told?  One record that survives crashes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid5

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import (
    Incident,
    Notice,
    Reason,
    advance,
    repaired,
    unsent,
)
from monitoring_dagster.decide.rules import HEAL
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.digest import digest_of
from monitoring_dagster.report.events import Announcement, IncidentEvent, most_urgent
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.store.ledger.database import address, reading, storable, tables, writing
from monitoring_dagster.store.ledger.deliveries import Deliveries, add_delivery, next_seq
from monitoring_dagster.store.ledger.label_decisions import LabelDecisions
from monitoring_dagster.store.ledger.turns import (
    Turn,
    latest_turn,
    mark_told,
    note_turn,
    pending_turns,
)

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction

_NAMESPACE = UUID("0f4e6f0e-90a5-5b8c-8f0a-1f0a3a4f7c55")


class PromotedMeanwhile(MonitoringError):
    """Somebody else promoted between the decision and its record."""

    @classmethod
    def of(cls, model: str, *, expected: str | None, found: str) -> Self:
        return cls(
            f"{model} is at version {found}, not {expected} any more: another promotion came"
            " between. Compare with that version and decide again."
        )


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change of the champion."""

    model: str
    version: str
    previous: str | None
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RetrainingDecision:
    """What was decided about one trigger, and from which inputs."""

    model: str
    trigger_id: str
    day: date
    outcome: str
    words: str
    inputs: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Fallback:
    """Whether a model's callers should use the fallback, and who said so."""

    on: bool
    by: str
    at: datetime


@dataclass(frozen=True)
class Ledger:
    """The one place where findings, incidents, deliveries and decisions are kept.

    Every method is one transaction and may be repeated: the second time changes nothing.

    Parameters
    ----------
    url
        ``sqlite:///path`` or ``postgresql://user:password@host/database``. The tables are made on
        first use. A pickle holds the URL, a repr does not show its password.
    """

    url: str = field(repr=False)

    def __repr__(self) -> str:
        return f"Ledger({str(address(self.url))!r})"

    @property
    def deliveries(self) -> Deliveries:
        """The messages that are on their way or have arrived."""
        return Deliveries(self.url)

    @property
    def label_decisions(self) -> LabelDecisions:
        """What people decided about single labels."""
        return LabelDecisions(self.url)

    def findings(
        self, model: str, first: date, last: date, kind: FindingKind | None = None
    ) -> list[Finding]:
        """The findings of *model* from *first* to *last*, both included, by day and urgency."""
        table = tables().findings
        query = table.select().where(table.c.model == model, table.c.day.between(first, last))
        if kind is not None:
            query = query.where(table.c.kind == kind)
        with reading(self.url) as connection:
            rows = connection.execute(query).mappings().all()
        return sorted(
            (_finding(dict(row)) for row in rows),
            key=lambda f: (f.day, f.severity, f.kind, f.subject),
        )

    def record_day(
        self,
        spec: ModelSpec,
        day: date,
        findings: Sequence[Finding],
        *,
        now: datetime,
        judged: Collection[FindingKind] = tuple(FindingKind),
        is_new: bool = False,
        run_id: str | None = None,
        history_at: datetime | None = None,
    ) -> list[Incident]:
        """Store a judged day: its findings, what they do to the incidents, and the messages.

        Parameters
        ----------
        findings
            All findings of *day* of the kinds in *judged*; they replace the stored ones.
        judged
            The kinds that *day* says something about. A kind left out, for instance performance
            while labels are missing, is neither found nor cleared.
        is_new
            Whether *day* is judged for the first time: where it failed when its turn came and later
            days were judged meanwhile, it is news all the same.
        run_id
            The MLflow run that made the version which served: messages link it.
        history_at
            Now, where *day* is long over: incidents move as ever, and instead of messages about
            single ones ``announce_history`` tells what they did.

        Returns
        -------
        The incidents of these kinds that are open, or were closed by this day.

        A day before the last judged one of its kind is stored and not told, but where it is new and
        no incident of its kind has been judged since; and it may end an incident: where no day
        since that began has a finding of its kind any more, since those that were missing or
        breached the contract were delivered anew.
        """
        findings = _storable(findings)
        kinds = frozenset(judged) | {finding.kind for finding in findings}
        stored = tables().findings
        touched = []
        judging = _Judging(spec, day, now, run_id, history_at)
        with writing(self.url, spec.name) as connection:
            connection.execute(
                stored.delete().where(
                    stored.c.model == spec.name, stored.c.day == day, stored.c.kind.in_(kinds)
                )
            )
            _insert_findings(connection, findings)
            incidents = _latest_incidents(connection, spec.name)
            last_days = _mark_judged(connection, spec.name, kinds, day)
            for kind in sorted(kinds):
                incident = incidents.get(kind)
                of_kind = [finding for finding in findings if finding.kind is kind]
                if is_new or day >= last_days.get(kind, day):
                    incident = _advance(connection, judging, incident, of_kind)
                if incident is not None and _is_repaired(connection, incident, day):
                    after, reason = repaired(incident, day=day)
                    incident = _record(connection, judging, incident, after, reason, ())
                if incident is not None and incident.closed_on in (None, day):
                    touched.append(incident)
        return touched

    def incidents(self, model: str | None = None) -> list[Incident]:
        """All incidents, oldest first."""
        table = tables().incidents
        query = table.select().order_by(table.c.opened_on, table.c.model, table.c.kind)
        if model is not None:
            query = query.where(table.c.model == model)
        with reading(self.url) as connection:
            return [_incident(dict(row)) for row in connection.execute(query).mappings()]

    def open_incidents(self, model: str | None = None) -> list[Incident]:
        """The incidents that are open now, oldest first."""
        return [incident for incident in self.incidents(model) if incident.closed_on is None]

    def announce(
        self, spec: ModelSpec, announcement: Announcement, *, key: str, now: datetime
    ) -> bool:
        """Tell *announcement* once in a thread of its own; False if *key* was told before."""
        thread = str(uuid5(_NAMESPACE, f"{spec.name}/{key}"))
        with writing(self.url, spec.name) as connection:
            return add_delivery(
                connection,
                thread,
                0,
                destination=spec.channels.slack,
                event=replace(
                    announcement,
                    title=storable(announcement.title),
                    words=storable(announcement.words),
                ),
                now=now,
            )

    def announce_history(
        self,
        spec: ModelSpec,
        days: Collection[date] = (),
        *,
        now: datetime,
        quiet_since: datetime | None = None,
    ) -> bool:
        """Tell once what incidents did in *days* long over, and in others that were not told yet.

        Parameters
        ----------
        quiet_since
            Say nothing while turns were noted after this moment: a run may be under way.

        Returns
        -------
        Whether there was anything that nobody had been told.
        """
        table = tables().incidents
        with writing(self.url, spec.name) as connection:
            turns = pending_turns(connection, spec.name)
            if not turns or (quiet_since is not None and turns[-1].noted_at > quiet_since):
                return False
            query = table.select().where(table.c.id.in_({one.incident for one in turns}))
            rows = connection.execute(query).mappings().all()
            incidents = [_incident(dict(row)) for row in rows]
            last = {one.id: _last_findings(connection, one) for one in incidents}
            thread = str(uuid5(_NAMESPACE, f"{spec.name}/history/{turns[0].number}"))
            digest = digest_of(
                incidents,
                model=spec.name,
                registered_model=spec.mlflow_name,
                owner=spec.owner,
                opened=len({one.incident for one in turns if one.turn is Turn.OPENED}),
                days={*days, *(one.day for one in turns)},
                causes={id_: found[0] for id_, found in last.items() if found},
                at=now,
            )
            channel = spec.channels.slack
            add_delivery(connection, thread, 0, destination=channel, event=digest, now=now)
            mark_told(connection, spec.name, thread)
        return True

    def record_decision(self, decision: RetrainingDecision) -> bool:
        """Store a retraining decision; False if its trigger was decided before."""
        table = tables().decisions
        key = (table.c.model == decision.model, table.c.trigger_id == decision.trigger_id)
        with writing(self.url, decision.model) as connection:
            if connection.execute(table.select().where(*key)).first():
                return False
            connection.execute(table.insert(), _fields(decision))
        return True

    def decisions(self, model: str) -> list[RetrainingDecision]:
        """The retraining decisions of *model*, oldest first."""
        table = tables().decisions
        query = (
            table.select().where(table.c.model == model).order_by(table.c.at, table.c.trigger_id)
        )
        with reading(self.url) as connection:
            return [RetrainingDecision(**row) for row in connection.execute(query).mappings()]

    def record_promotion(self, promotion: Promotion) -> None:
        """Store a change of the champion, provided that ``previous`` is still the last one.

        The first promotion of a model may name any ``previous``: the ledger begins with it.

        Raises
        ------
        PromotedMeanwhile
            Another promotion came between.
        """
        table = tables().promotions
        query = table.select().where(table.c.model == promotion.model)
        with writing(self.url, promotion.model) as connection:
            last = (
                connection.execute(query.order_by(table.c.number.desc()).limit(1))
                .mappings()
                .one_or_none()
            )
            step = (promotion.previous, promotion.version)
            if last is not None and (last["previous"], last["version"]) == step:
                return
            if last is not None and last["version"] != promotion.previous:
                raise PromotedMeanwhile.of(
                    promotion.model, expected=promotion.previous, found=last["version"]
                )
            connection.execute(table.insert(), _fields(promotion))

    def promotions(self, model: str) -> list[Promotion]:
        """The promotions of *model*, oldest first; the last one is the truth."""
        table = tables().promotions
        query = table.select().where(table.c.model == model).order_by(table.c.number)
        with reading(self.url) as connection:
            rows = connection.execute(query).mappings().all()
        return [Promotion(**{k: v for k, v in row.items() if k != "number"}) for row in rows]

    def set_fallback(self, model: str, *, on: bool, by: str, now: datetime) -> None:
        """Say whether the callers of *model* should use the fallback."""
        table = tables().fallbacks
        with writing(self.url, model) as connection:
            connection.execute(table.delete().where(table.c.model == model))
            connection.execute(table.insert(), {"model": model, "on": on, "by": by, "at": now})

    def fallback(self, model: str) -> Fallback | None:
        """The last word on the fallback of *model*, or None if nobody has said any."""
        table = tables().fallbacks
        with reading(self.url) as connection:
            row = connection.execute(table.select().where(table.c.model == model)).one_or_none()
        return None if row is None else Fallback(row.on, row.by, row.at)


def _storable(findings: Sequence[Finding]) -> list[Finding]:
    """The findings as they will be read again; of several about one subject the most urgent."""
    unique: dict[tuple[str, str, str], Finding] = {}
    for finding in sorted(findings, key=lambda f: f.severity):
        clean = replace(finding, subject=storable(finding.subject), words=storable(finding.words))
        unique.setdefault((clean.step, clean.kind, clean.subject), clean)
    return list(unique.values())


def _insert_findings(connection: Transaction, findings: Sequence[Finding]) -> None:
    if findings:
        connection.execute(tables().findings.insert(), [_fields(f) for f in findings])


def _latest_incidents(connection: Transaction, model: str) -> dict[FindingKind, Incident]:
    table = tables().incidents
    query = table.select().where(table.c.model == model).order_by(table.c.opened_on)
    incidents = (_incident(dict(row)) for row in connection.execute(query).mappings())
    return {incident.kind: incident for incident in incidents}


def _mark_judged(
    connection: Transaction, model: str, kinds: Collection[FindingKind], day: date
) -> dict[FindingKind, date]:
    """Note that *day* was judged; returns the last day of each kind before that."""
    table = tables().judged
    rows = connection.execute(table.select().where(table.c.model == model))
    last_days = {FindingKind(row.kind): row.last_day for row in rows}
    later = [kind for kind in kinds if day > last_days.get(kind, date.min)]
    connection.execute(table.delete().where(table.c.model == model, table.c.kind.in_(later)))
    if later:
        new = [{"model": model, "kind": kind, "last_day": day} for kind in later]
        connection.execute(table.insert(), new)
    return last_days


@dataclass(frozen=True, slots=True)
class _Judging:
    """The day that is recorded, and who hears of it."""

    spec: ModelSpec
    day: date
    now: datetime
    run_id: str | None
    history_at: datetime | None


def _advance(
    connection: Transaction,
    judging: _Judging,
    before: Incident | None,
    findings: Sequence[Finding],
) -> Incident | None:
    """Store where the incident stands after the day, and the message about it if there is one."""
    channels = judging.spec.channels
    after, reason = advance(
        before,
        findings,
        day=judging.day,
        remind_every_days=channels.remind_every_days,
        clear_after_days=channels.clear_after_days,
    )
    if after is None or after == before:
        return after
    return _record(connection, judging, before, after, reason, findings)


def _is_repaired(connection: Transaction, incident: Incident, day: date) -> bool:
    """Whether the run of *day* took the last finding away that an open incident consists of."""
    is_about = incident.opened_on <= day <= incident.last_seen
    if incident.closed_on is not None or incident.kind not in HEAL or not is_about:
        return False
    table = tables().findings
    query = table.select().where(
        table.c.model == incident.model,
        table.c.kind == incident.kind,
        table.c.day.between(incident.opened_on, incident.judged_on),
    )
    return connection.execute(query.limit(1)).first() is None


def _record(
    connection: Transaction,
    judging: _Judging,
    before: Incident | None,
    after: Incident,
    reason: Reason | None,
    findings: Sequence[Finding],
) -> Incident:
    """Store where the incident stands, and the message about it if there is a *reason* for one."""
    if judging.history_at is not None:
        return _record_history(connection, judging, judging.history_at, before, after, reason)
    _save_incident(connection, after)
    if reason is not None:
        _notify(connection, judging, after, reason, findings)
    elif after.closed_on is not None and after.told is None:
        _end_in_digest(connection, judging, after)
    return after


def _record_history(
    connection: Transaction,
    judging: _Judging,
    at: datetime,
    before: Incident | None,
    after: Incident,
    reason: Reason | None,
) -> Incident:
    """Store where the incident stands after a day long over; what it did waits for the digest."""
    ends_thread = reason is Reason.RESOLVED
    if not ends_thread:
        after = unsent(before, after)
    if after == before:
        return after
    _save_incident(connection, after)
    latest = latest_turn(connection, after.id)
    was_noted = latest is not None and latest.turn is Turn.OPENED
    turn = None
    if ends_thread:
        _notify(connection, judging, after, Reason.RESOLVED, (), quietly=True)
        turn = Turn.CLOSED
    elif after.closed_on is not None and was_noted:
        turn = Turn.CLOSED
    elif reason is Reason.FIRST:
        turn = Turn.OPENED
    if turn is not None:
        note_turn(connection, after.model, after.id, turn, day=judging.day, at=at)
    return after


def _end_in_digest(connection: Transaction, judging: _Judging, incident: Incident) -> None:
    """Tell the end of an incident that no message but a digest told, in the digest's thread."""
    latest = latest_turn(connection, incident.id)
    if latest is None or latest.turn is not Turn.OPENED or latest.digest is None:
        return  # the digest that is still to come tells the end, too
    note_turn(
        connection, incident.model, incident.id, Turn.CLOSED,
        day=judging.day, at=judging.now, digest=latest.digest,
    )  # fmt: skip
    add_delivery(
        connection,
        latest.digest,
        next_seq(connection, latest.digest),
        destination=judging.spec.channels.slack,
        event=_event(connection, judging, incident, Reason.RESOLVED, ()),
        now=judging.now,
    )


def _notify(
    connection: Transaction,
    judging: _Judging,
    incident: Incident,
    reason: Reason,
    findings: Sequence[Finding],
    *,
    quietly: bool = False,
) -> None:
    assert incident.told is not None, "who gives a reason says what was told"
    event = _event(connection, judging, incident, reason, findings)
    add_delivery(
        connection,
        incident.id,
        incident.told.seq,
        destination=judging.spec.channels.slack,
        event=replace(event, quietly=quietly),
        now=judging.now,
    )


def _save_incident(connection: Transaction, incident: Incident) -> None:
    table = tables().incidents
    told = incident.told
    values = _fields(incident) | {
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


def _event(
    connection: Transaction,
    judging: _Judging,
    incident: Incident,
    reason: Reason,
    findings: Sequence[Finding],
) -> IncidentEvent:
    spec = judging.spec
    last = findings or _last_findings(connection, incident)
    return IncidentEvent(
        reason=reason,
        model=spec.name,
        registered_model=spec.mlflow_name,
        owner=spec.owner,
        kind=incident.kind,
        severity=incident.severity,
        opened_on=incident.opened_on,
        day=judging.day,
        findings=most_urgent(findings),
        total=len(findings),
        run_id=judging.run_id,
        at=judging.now,
        evidence=max((one.evidence_day for one in last), default=incident.last_seen),
    )


def _last_findings(connection: Transaction, incident: Incident) -> list[Finding]:
    """What was found on the last day on which the incident had a finding, the most urgent first."""
    table = tables().findings
    query = table.select().where(
        table.c.model == incident.model,
        table.c.kind == incident.kind,
        table.c.day == incident.last_seen,
    )
    return list(most_urgent([_finding(dict(row)) for row in connection.execute(query).mappings()]))


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _finding(row: Mapping[str, Any]) -> Finding:
    words = {"kind": FindingKind(row["kind"]), "severity": Severity(row["severity"])}
    return Finding(**{**row, **words})


def _incident(row: Mapping[str, Any]) -> Incident:
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
