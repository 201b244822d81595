"""How are transactions made, and what are the tables?  On SQLite or PostgreSQL, the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine, MetaData, Table

    Transaction = Connection


@dataclass(frozen=True, slots=True)
class Tables:
    """All that we keep. SQLAlchemy is imported when this is first asked for, not before."""

    metadata: MetaData
    findings: Table
    judged: Table
    incidents: Table
    deliveries: Table
    decisions: Table
    promotions: Table
    fallbacks: Table
    label_decisions: Table


@contextmanager
def reading(url: str) -> Iterator[Transaction]:
    """One view of the database at *url*."""
    with engine(url).connect() as connection:
        yield connection


@contextmanager
def writing(url: str, lock: str | None = None) -> Iterator[Transaction]:
    """One transaction that happens whole or not at all.

    On SQLite all writers wait for each other, on PostgreSQL those that name the same *lock*.
    """
    with (
        engine(url).connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        if lock is not None:
            _wait_for(connection, lock)
        yield connection


@cache
def engine(url: str) -> Engine:
    """The engine of *url*, with all tables made."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    place = address(url)
    on_sqlite = place.get_backend_name() == "sqlite"
    if on_sqlite and place.database:
        Path(place.database).parent.mkdir(parents=True, exist_ok=True)
    # No connection outlives its transaction: neither a fork nor a restart leaves us a dead one.
    made = create_engine(place, poolclass=NullPool, hide_parameters=True)
    if on_sqlite:
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_sqlite)
    with made.connect().execution_options(writes=True) as connection, connection.begin():
        # Two processes may start at once: the second one waits here and finds all tables.
        _wait_for(connection, "tables")
        tables().metadata.create_all(connection)
    return made


def address(url: str) -> URL:
    """The URL with its driver named; its ``str`` hides the password.

    >>> str(address("postgresql://me:secret@db/ml"))
    'postgresql+psycopg2://me:***@db/ml'
    """
    from sqlalchemy import make_url

    place = make_url(url)
    if place.drivername in {"postgres", "postgresql"}:
        # SQLAlchemy 2.1 would take psycopg 3; what Dagster brings along is psycopg2.
        return place.set(drivername="postgresql+psycopg2")
    return place


def storable(text: str) -> str:
    """Text without what a database refuses: PostgreSQL takes no NUL, nothing a lone surrogate.

    >>> storable("a\\0b"), storable("\\ud800")
    ('a\ufffdb', '?')
    """
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@cache
def tables() -> Tables:
    """The tables; those of incidents hold at most one open incident per model and kind."""
    from sqlalchemy import (
        JSON,
        Boolean,
        Column,
        Date,
        DateTime,
        Index,
        Integer,
        MetaData,
        Table,
        Text,
        TypeDecorator,
        UniqueConstraint,
    )

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

    def key(name: str, kind: Any = Words) -> Column[Any]:
        return Column(name, kind, primary_key=True)

    def fact(name: str, kind: Any = Words) -> Column[Any]:
        return Column(name, kind, nullable=False)

    def maybe(name: str, kind: Any = Words) -> Column[Any]:
        return Column(name, kind, nullable=True)

    all_of_it = MetaData()

    def table(name: str, *parts: Any) -> Table:
        return Table(name, all_of_it, *parts)

    findings = table(
        "findings",
        *(key("model"), key("day", Date), key("step"), key("kind"), key("subject")),
        *(fact("severity"), fact("words")),
    )
    incidents = table(
        "incidents",
        *(key("id"), fact("model"), fact("kind"), fact("severity")),
        *(fact("opened_on", Date), fact("last_seen", Date), fact("judged_on", Date)),
        *(fact("quiet_days", Integer), fact("firing", JSON), fact("seen", JSON)),
        *(maybe("closed_on", Date), fact("told", JSON)),
    )
    still_open = incidents.c.closed_on.is_(None)
    Index(
        "one_open_incident",
        *(incidents.c.model, incidents.c.kind),
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    deliveries = table(
        "deliveries",
        *(key("id"), fact("incident"), fact("seq", Integer), fact("destination")),
        *(fact("event", JSON), fact("state"), fact("attempts", Integer)),
        *(fact("created_at", Moment), maybe("claimed_at", Moment), maybe("sent_at", Moment)),
        *(maybe("channel"), maybe("ts"), maybe("last_error")),
        UniqueConstraint("incident", "seq"),
    )
    decisions = table(
        "decisions",
        *(key("model"), key("trigger_id"), fact("day", Date), fact("outcome")),
        *(fact("words"), fact("inputs", JSON), fact("at", Moment)),
    )
    promotions = table(
        "promotions",
        Column("number", Integer, primary_key=True, autoincrement=True),
        *(fact("model"), fact("version"), maybe("previous"), fact("reason")),
        *(fact("by"), fact("at", Moment)),
    )
    judged = table("judged", key("model"), key("kind"), fact("last_day", Date))
    fallbacks = table(
        "fallbacks", key("model"), fact("on", Boolean), fact("by"), fact("at", Moment)
    )
    label_decisions = table(
        "label_decisions",
        Column("number", Integer, primary_key=True, autoincrement=True),
        *(fact("model"), fact("request_id"), fact("served_on", Date), fact("decision")),
        *(fact("reason"), fact("by"), fact("at", Moment)),
    )
    return Tables(
        all_of_it,
        findings,
        judged,
        incidents,
        deliveries,
        decisions,
        promotions,
        fallbacks,
        label_decisions,
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another one writes;
    # taking the write lock at the start makes it wait instead.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _wait_for(connection: Connection, lock: str) -> None:
    if connection.dialect.name == "postgresql":
        digest = blake2b(f"monitoring/{lock}".encode(), digest_size=8).digest()
        number = int.from_bytes(digest, signed=True)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({number})")
