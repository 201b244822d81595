"""The tables of the ledger, and how those of an earlier version become them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, MetaData, Table


# The states of a delivery: the last two are held back by a silence, for now and for good.
PENDING, CLAIMED, SENT, DEAD = "pending", "claimed", "sent", "dead"
SILENCED, DROPPED = "silenced", "dropped"
_FAMILIES = {
    "data": "missing_day empty_day unreadable_data schema_breach low_volume orphan_labels",
    "service": "service_errors slow_service unknown_version version_metadata",
    "labels": "late_labels label_delay label_process revised_quality",
    "own": "own_rule",
}  # of incidents that were of one kind; of any other: behaviour


@dataclass(frozen=True, slots=True)
class Tables:
    """All that we keep. SQLAlchemy is imported when this is first asked for, not before."""

    metadata: MetaData
    findings: Table
    judged: Table
    incidents: Table
    turns: Table
    deliveries: Table
    decisions: Table
    promotions: Table
    fallbacks: Table
    label_decisions: Table
    handlings: Table
    silences: Table
    outages: Table
    weeks: Table
    asked: Table
    changes: Table


def storable(text: str) -> str:
    """Text without what a database refuses: PostgreSQL takes no NUL, nothing a lone surrogate.

    >>> storable("a\\0b"), storable("\\ud800")
    ('a\ufffdb', '?')
    """
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def fields_of(record: Any) -> dict[str, Any]:
    """A record as a row: by name, its fields."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


@cache
def _types() -> tuple[type[Any], type[Any]]:
    """Types of columns of our own: moments, and words that may come from data."""
    from sqlalchemy import DateTime, Text, TypeDecorator

    class Moment(TypeDecorator[datetime]):
        """An aware UTC time, on SQLite too, which forgets the zone."""

        impl = DateTime(timezone=True)
        cache_ok = True

        def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
            return value and value.astimezone(UTC)

        def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
            if value is None or value.tzinfo is not None:
                return value and value.astimezone(UTC)
            return value.replace(tzinfo=UTC)

    class Words(TypeDecorator[str]):
        """Text that may come from data."""

        impl = Text
        cache_ok = True

        def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
            return value and storable(value)

    return Moment, Words


def _column(name: str, kind: Any, **how: Any) -> Column[Any]:
    from sqlalchemy import Column

    return Column(name, kind or _types()[1], **how)


def _key(name: str, kind: Any = None) -> Column[Any]:
    return _column(name, kind, primary_key=True)


def _fact(name: str, kind: Any = None) -> Column[Any]:
    return _column(name, kind, nullable=False)


def _maybe(name: str, kind: Any = None) -> Column[Any]:
    return _column(name, kind, nullable=True)


def _number() -> Column[Any]:
    from sqlalchemy import Integer

    return _column("number", Integer, primary_key=True, autoincrement=True)


def _incidents(metadata: MetaData) -> Table:
    """At most one of them is open per model and family."""
    from sqlalchemy import JSON, Date, Index, Table

    incidents = Table(
        "incidents",
        metadata,
        *(_key("id"), _fact("model"), _fact("family"), _fact("severity")),
        *(_fact("opened_on", Date), _fact("last_seen", Date), _fact("judged_on", Date)),
        *(_fact("parts", JSON), _maybe("closed_on", Date), _fact("told", JSON)),
    )
    still_open = incidents.c.closed_on.is_(None)
    Index(
        "one_open_incident_of_family",
        *(incidents.c.model, incidents.c.family),
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    return incidents


def _deliveries(metadata: MetaData) -> Table:
    """One row for each message and destination; the next to send is found without a sort."""
    from sqlalchemy import JSON, Index, Integer, Table, UniqueConstraint

    moment = _types()[0]
    deliveries = Table(
        "deliveries",
        metadata,
        *(_key("id"), _fact("incident"), _fact("seq", Integer), _fact("destination")),
        *(_fact("event", JSON), _fact("state"), _fact("attempts", Integer)),
        *(_fact("created_at", moment), _maybe("claimed_at", moment), _maybe("sent_at", moment)),
        *(_maybe("channel"), _maybe("ts"), _maybe("last_error"), _maybe("silenced")),
        *(_maybe("key"), _maybe("not_before", moment)),
        UniqueConstraint("incident", "destination", "seq"),
    )
    columns = deliveries.c
    Index("deliveries_by_key", columns.key)
    Index("next_deliveries", columns.state, columns.created_at, columns.incident, columns.seq)
    return deliveries


def _promotions(metadata: MetaData) -> Table:
    """What the gate found of a version is kept with the promotion that it decided."""
    from sqlalchemy import JSON, Table

    return Table(
        "promotions",
        metadata,
        _number(),
        *(_fact("model"), _fact("version"), _maybe("previous"), _fact("reason")),
        *(_fact("by"), _fact("at", _types()[0]), _maybe("paired", JSON)),
    )


def _changes(metadata: MetaData) -> Table:
    """What people and deployment scripts noted."""
    from sqlalchemy import Table

    return Table(
        "changes",
        metadata,
        _number(),
        *(_fact("model"), _fact("at", _types()[0]), _fact("kind"), _fact("words")),
        *(_fact("version"), _fact("by")),
    )


@cache
def tables() -> Tables:
    """The tables, as they are made where they do not exist."""
    from sqlalchemy import JSON, Boolean, Date, MetaData, Table

    moment, metadata = _types()[0], MetaData()

    def table(name: str, *parts: Any) -> Table:
        return Table(name, metadata, *parts)

    findings = table(
        "findings",
        *(_key("model"), _key("day", Date), _key("step"), _key("kind"), _key("subject")),
        *(_fact("severity"), _fact("words"), _maybe("about", Date)),
        *(_maybe("brief"), _maybe("trend", JSON)),
    )
    turns = table(
        "turns",
        _number(),
        *(_fact("model"), _fact("incident"), _fact("turn"), _fact("day", Date)),
        *(_fact("noted_at", moment), _maybe("digest")),
    )
    decisions = table(
        "decisions",
        *(_key("model"), _key("trigger_id"), _fact("day", Date), _fact("outcome")),
        *(_fact("words"), _fact("inputs", JSON), _fact("at", moment)),
    )
    judged = table("judged", _key("model"), _key("kind"), _fact("last_day", Date))
    fallbacks = table(
        "fallbacks", _key("model"), _fact("on", Boolean), _fact("by"), _fact("at", moment)
    )
    label_decisions = table(
        "label_decisions",
        _number(),
        *(_fact("model"), _fact("request_id"), _fact("served_on", Date), _fact("decision")),
        *(_fact("reason"), _fact("by"), _fact("at", moment)),
    )
    handlings = table(
        "handlings",
        _number(),
        *(_fact("incident"), _fact("action"), _fact("by"), _fact("at", moment)),
        *(_maybe("until", moment), _fact("comment"), _maybe("key"), _maybe("assignee")),
    )
    silences = table(
        "silences",
        _number(),
        *(_fact("matchers", JSON), _fact("starts_at", moment), _fact("ends_at", moment)),
        *(_fact("by"), _fact("comment")),
    )
    outages = table("outages", _key("destination"), _fact("since", moment), _fact("words"))
    weeks = table("weeks", _key("model"), _key("monday", Date), _fact("at", moment))
    asked = table("asked", _key("service"), _fact("at", moment), _maybe("failure"))
    return Tables(
        metadata, findings, judged, _incidents(metadata), turns, _deliveries(metadata), decisions,
        _promotions(metadata), fallbacks, label_decisions, handlings, silences, outages, weeks,
        asked, _changes(metadata),
    )  # fmt: skip


def migrate(connection: Connection) -> None:
    """Bring tables that an earlier version made up to those of `tables`, in one transaction."""
    _name_kinds(connection)
    _join_families(connection)
    _add_columns(connection)
    for table in tables().metadata.sorted_tables:
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _name_kinds(connection: Connection) -> None:
    """Destinations that were names of Slack channels say so, and one message may have several.

    A thread went on where it began, whatever its later messages were addressed to.
    """
    from sqlalchemy import inspect, text

    uniques = inspect(connection).get_unique_constraints("deliveries")
    old = next((one for one in uniques if one["column_names"] == ["incident", "seq"]), None)
    if old is None:
        return
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.quote(str(old["name"]))
        connection.exec_driver_sql(f"ALTER TABLE deliveries DROP CONSTRAINT {name}")
        connection.exec_driver_sql("ALTER TABLE deliveries ADD UNIQUE (incident, destination, seq)")
    else:
        _rebuild_deliveries(connection)
    of_root = (
        "SELECT root.destination FROM deliveries AS root"
        " WHERE root.incident = deliveries.incident AND root.seq = 0"
    )
    for value in (f"COALESCE(({of_root}), destination)", "'slack:' || destination"):
        connection.execute(text(f"UPDATE deliveries SET destination = {value}"))


def _join_families(connection: Connection) -> None:
    """Incidents of one kind become incidents of its family: of several open ones the oldest takes
    the others' findings along, and those end without a message."""
    from sqlalchemy import MetaData, Table, inspect

    if "kind" not in {one["name"] for one in inspect(connection).get_columns("incidents")}:
        return
    former = Table("incidents", MetaData(), autoload_with=connection)
    rows = connection.execute(former.select().order_by(former.c.opened_on)).mappings().all()
    former.drop(connection)
    table = tables().incidents
    table.create(connection)
    of_family: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        family = next(
            (one for one, kinds in _FAMILIES.items() if row["kind"] in kinds), "behaviour"
        )
        part = {
            "severity": row["severity"],
            "since": str(row["opened_on"]),
            "last_seen": str(row["last_seen"]),
            "judged_on": str(row["judged_on"]),
            "quiet_days": row["quiet_days"],
            "firing": row["firing"],
            "is_over": row["closed_on"] is not None,
        }
        told = row["told"] and {name: row["told"][name] for name in ("known", "severity", "day")}
        named = {name: row[name] for name in (one.name for one in table.columns) if name in row}
        new = {**named, "family": family, "told": told, "parts": {row["kind"]: part}}
        oldest = of_family.setdefault((row["model"], family), new) if not row["closed_on"] else new
        if oldest is not new:
            oldest["parts"] = new["parts"] | oldest["parts"]
            oldest["severity"] = min(oldest["severity"], new["severity"])
            for name in ("last_seen", "judged_on"):
                oldest[name] = max(oldest[name], new[name])
            new["closed_on"] = new["judged_on"]
        if new["closed_on"]:
            connection.execute(table.insert(), new)
    for new in of_family.values():
        connection.execute(table.insert(), new)


def _rebuild_deliveries(connection: Connection) -> None:
    """SQLite changes no constraint of a table: it is made anew, and its rows are copied."""
    from sqlalchemy import inspect

    connection.exec_driver_sql("ALTER TABLE deliveries RENAME TO former_deliveries")
    tables().deliveries.create(connection)
    names = [column["name"] for column in inspect(connection).get_columns("former_deliveries")]
    known = ", ".join(f'"{name}"' for name in names if name in tables().deliveries.c)
    connection.exec_driver_sql(
        f"INSERT INTO deliveries ({known}) SELECT {known} FROM former_deliveries"
    )
    connection.exec_driver_sql("DROP TABLE former_deliveries")


def _add_columns(connection: Connection) -> None:
    """Give tables that an earlier version made the columns that came since; none is required."""
    from sqlalchemy import inspect

    look = inspect(connection)
    for table in tables().metadata.sorted_tables:
        existing = {column["name"] for column in look.get_columns(table.name)}
        for column in table.columns:
            if column.name not in existing:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(
                    f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}'
                )
