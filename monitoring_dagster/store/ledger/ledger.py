"""What was found and decided, and who has to be told?  One record that survives crashes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID, uuid5

from monitoring_dagster.decide.diagnosis.causes import Diagnosis
from monitoring_dagster.decide.diagnosis.changes import Change
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.routing import Routing
from monitoring_dagster.decide.rules import FAMILIES, RULES
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.report.digest import digest_of
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.store.ledger.asked_services import AskedServices
from monitoring_dagster.store.ledger.database import address, reading, writing
from monitoring_dagster.store.ledger.decided.label_decisions import LabelDecisions
from monitoring_dagster.store.ledger.decided.noted_changes import changes_of, note_change
from monitoring_dagster.store.ledger.decided.promotions import (
    Fallback,
    Promotion,
    fallback_of,
    promotions_of,
    record_promotion,
    set_fallback,
)
from monitoring_dagster.store.ledger.decided.retraining_decisions import (
    RetrainingDecision,
    decisions_of,
    record_decision,
)
from monitoring_dagster.store.ledger.deliveries import Deliveries, add_deliveries, next_seq
from monitoring_dagster.store.ledger.fleet_rows import is_said_by_fleet
from monitoring_dagster.store.ledger.handlings import Handlings
from monitoring_dagster.store.ledger.incident_rows import (
    finding_of,
    incident_of,
    insert_findings,
    last_findings,
    storable_findings,
    thread_of,
)
from monitoring_dagster.store.ledger.judged_days import (
    Judging,
    mark_judged,
    move_incidents,
    receivers_of,
)
from monitoring_dagster.store.ledger.schema import storable, tables
from monitoring_dagster.store.ledger.silenced_messages import Silences
from monitoring_dagster.store.ledger.turns import (
    Turn,
    last_week,
    mark_told,
    mark_week,
    pending_turns,
)

_NAMESPACE = UUID("0f4e6f0e-90a5-5b8c-8f0a-1f0a3a4f7c55")


@dataclass(frozen=True)
class Ledger:
    """The one place where findings, incidents, deliveries and decisions are kept.

    Every method is one transaction and may be repeated: the second time changes nothing.

    Parameters
    ----------
    url
        ``sqlite:///path`` or ``postgresql://user:password@host/database``. The tables are made on
        first use. A pickle holds the URL, a repr does not show its password.
    routing
        Who receives messages by the project's word, and when people work.
    """

    url: str = field(repr=False)
    routing: Routing = field(default_factory=Routing)

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

    @property
    def handlings(self) -> Handlings:
        """What people did about incidents."""
        return Handlings(self.url)

    @property
    def silences(self) -> Silences:
        """What is held back, until when and by whom."""
        return Silences(self.url, self.routing.hours)

    @property
    def asked_services(self) -> AskedServices:
        """The services that are asked by the clock."""
        return AskedServices(self.url)

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
            (finding_of(dict(row)) for row in rows),
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
        diagnosis: Diagnosis | None = None,
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
        diagnosis
            Of the day: messages say the likely cause of their incident.
        history_at
            Now, where *day* is long over: incidents move as ever, and instead of messages about
            single ones ``announce_history`` tells what they did.

        Returns
        -------
        The incidents of these kinds' families that are open, or were closed by this day.

        A day before the last judged one of its kind is stored and not told, but where it is new and
        no incident has seen its kind since; and it may end an incident: where no day since that
        began has a finding of its kinds any more, since those that were missing or breached the
        contract were delivered anew.
        """
        findings = storable_findings(findings)
        kinds = frozenset(judged) | {finding.kind for finding in findings}
        stored = tables().findings
        with writing(self.url, spec.name) as connection:
            judging = Judging(
                model=spec.name,
                registered_model=spec.mlflow_name,
                owner=spec.owner,
                channels=spec.channels,
                day=day,
                now=now,
                run_id=run_id,
                diagnosis=diagnosis,
                history_at=history_at,
                is_said_elsewhere=lambda one, reason: is_said_by_fleet(
                    connection,
                    one,
                    reason,
                    day=day,
                    now=now,
                    channels=spec.channels,
                    routing=self.routing,
                ),
                routing=self.routing,
            )
            connection.execute(
                stored.delete().where(
                    stored.c.model == spec.name, stored.c.day == day, stored.c.kind.in_(kinds)
                )
            )
            insert_findings(connection, findings)
            last_days = mark_judged(connection, spec.name, kinds, day)
            current = {kind for kind in kinds if is_new or day >= last_days.get(kind, day)}
            moved = move_incidents(connection, judging, findings, current)
        return [
            one for one in moved if FAMILIES[one.family] & kinds and one.closed_on in (None, day)
        ]

    def incidents(self, model: str | None = None) -> list[Incident]:
        """All incidents, oldest first."""
        table = tables().incidents
        query = table.select().order_by(table.c.opened_on, table.c.model, table.c.family)
        if model is not None:
            query = query.where(table.c.model == model)
        with reading(self.url) as connection:
            return [incident_of(dict(row)) for row in connection.execute(query).mappings()]

    def open_incidents(self, model: str | None = None) -> list[Incident]:
        """The incidents that are open now, oldest first."""
        return [incident for incident in self.incidents(model) if incident.closed_on is None]

    def announce(
        self, spec: ModelSpec, announcement: Announcement, *, key: str, now: datetime
    ) -> bool:
        """Tell *announcement* once; False if *key* was told before.

        What became of a retraining stands in the thread of the incident that led to it, if there is
        one; all else in a thread of its own.
        """
        name = str(uuid5(_NAMESPACE, f"{spec.name}/{key}"))
        receivers = receivers_of(announcement, spec.channels, self.routing, now=now)
        with writing(self.url, spec.name) as connection:
            incident = None
            if announcement.kind is FindingKind.RETRAINING:
                family = RULES[announcement.kind].family
                incident = thread_of(connection, spec.name, family, announcement.day)
            if incident is not None and next_seq(connection, name):
                return False  # told in a thread of its own, before this one began
            thread = incident or name
            return add_deliveries(
                connection,
                thread,
                next_seq(connection, thread) if incident else 0,
                destinations=receivers.destinations,
                not_before=receivers.at,
                key=name,
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
            incidents = [incident_of(dict(row)) for row in rows]
            last = {one.id: last_findings(connection, one) for one in incidents}
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
            receivers = spec.channels.destinations
            add_deliveries(connection, thread, 0, destinations=receivers, event=digest, now=now)
            mark_told(connection, spec.name, thread)
        return True

    def last_week(self, model: str) -> date | None:
        """The Monday of the latest week in which the digest of the one before was told."""
        with reading(self.url) as connection:
            return last_week(connection, model)

    def announce_week(
        self, spec: ModelSpec, monday: date, digest: Announcement | None, *, now: datetime
    ) -> bool:
        """Tell a week's *digest*, if there is any, once and in business hours; False if nobody is
        told: there is none, or the week of *monday* has one."""
        thread = str(uuid5(_NAMESPACE, f"{spec.name}/week/{monday}"))
        opening = self.routing.hours.opening(now)
        with writing(self.url, spec.name) as connection:
            if not mark_week(connection, spec.name, monday, at=now) or digest is None:
                return False
            return add_deliveries(
                connection, thread, 0, destinations=spec.channels.destinations, event=digest,
                now=now, not_before=lambda _: opening,
            )  # fmt: skip

    def record_decision(self, decision: RetrainingDecision) -> bool:
        """Store a retraining decision; False if its trigger was decided before."""
        return record_decision(self.url, decision)

    def decisions(self, model: str) -> list[RetrainingDecision]:
        """The retraining decisions of *model*, oldest first."""
        return decisions_of(self.url, model)

    def record_promotion(self, promotion: Promotion) -> None:
        """Store a change of the champion. Raises PromotedMeanwhile: another one came between."""
        record_promotion(self.url, promotion)

    def promotions(self, model: str) -> list[Promotion]:
        """The promotions of *model*, oldest first; the last one is the truth."""
        return promotions_of(self.url, model)

    def note_change(self, model: str, change: Change) -> bool:
        """Store that something of *model* was changed; False where that was noted before."""
        return note_change(self.url, model, change)

    def changes(self, model: str, first: datetime, last: datetime) -> list[Change]:
        """What was noted of *model* from *first* to *last*, both included, oldest first."""
        return changes_of(self.url, model, first, last)

    def set_fallback(self, model: str, *, on: bool, by: str, now: datetime) -> None:
        """Say whether the callers of *model* should use the fallback."""
        set_fallback(self.url, model, on=on, by=by, now=now)

    def fallback(self, model: str) -> Fallback | None:
        """The last word on the fallback of *model*, or None if nobody has said any."""
        return fallback_of(self.url, model)
