"""How are transactions made, and what are the tables?  On SQLite or PostgreSQL, the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

from monitoring_dagster.errors import MonitoringError

if TYPE_CHECKING:
    from sqlalchemy import URL, Column, Connection, Engine, MetaData, Table

    Transaction = Connection


_HERE = "MONITORING_POSTGRES_URL"
_WAITS = {"connect_timeout": 10}  # seconds, for a server that says nothing at all
_PATIENCE = 30  # seconds that one who opens a SQLite file waits for the one who writes


class WrongAddress(MonitoringError):
    """A database URL that names no database of ours; none of them is repeated, nor its password."""

    @classmethod
    def malformed(cls) -> Self:
        return cls(
            f"{_HERE} is no database URL: write postgresql://user:password@host:5432/database"
        )

    @classmethod
    def password(cls) -> Self:
        return cls(f"{_HERE} has more than one @: write %40 for the one in the user or password")

    @classmethod
    def scheme(cls, scheme: str, *, known: Collection[str]) -> Self:
        return cls(
            f"{_HERE} begins with {scheme[:40]}://, which is no database of ours: it takes"
            f" {' or '.join(f'{one}://' for one in known)}"
        )


class LedgerUnavailable(MonitoringError):
    """The database of incidents, messages and decisions does not answer, or cannot be used."""

    @classmethod
    def at(cls, place: URL, error: BaseException) -> Self:
        said = error.strerror if isinstance(error, OSError) else getattr(error, "orig", None)
        reason = str(said or error).strip().partition("\n")[0][:200]
        if place.get_backend_name() != "sqlite":
            where = f"the database at {place.host or 'localhost'}:{place.port or 5432}"
            way_out = f"Start PostgreSQL, or mend {_HERE}"
            return cls(f"{where}/{place.database} cannot be used: {reason}. {way_out}")
        way_out = "Give it a disk that can be written to; a damaged one comes back from a backup"
        if "locked" in reason:
            way_out = "Another process is writing: try again"
        return cls(f"the ledger {place.database} cannot be used: {reason}. {way_out}")


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


@contextmanager
def reading(url: str) -> Iterator[Transaction]:
    """One view of the database at *url*. Raises WrongAddress, LedgerUnavailable."""
    with _in_plain_words(url), engine(url).connect() as connection:
        yield connection


@contextmanager
def writing(url: str, lock: str | None = None) -> Iterator[Transaction]:
    """One transaction that happens whole or not at all.

    On SQLite all writers wait for each other, on PostgreSQL those that name the same *lock*.

    Raises
    ------
    WrongAddress, LedgerUnavailable
    """
    with (
        _in_plain_words(url),
        engine(url).connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        if lock is not None:
            _wait_for(connection, lock)
        yield connection


@contextmanager
def _in_plain_words(url: str) -> Iterator[None]:
    """What the server, the network or the disk refuses; a mistake in what we ask stays one."""
    from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError, OperationalError

    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError) as error:
        raise LedgerUnavailable.at(address(url), error) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError and "denied" not in str(error.orig):
            raise
        raise LedgerUnavailable.at(address(url), error) from error  # a file that is no database


@cache
def engine(url: str) -> Engine:
    """The engine of *url*, with all tables made."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    place = address(url)
    on_sqlite = place.get_backend_name() == "sqlite"
    if on_sqlite and place.database:
        try:
            Path(place.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerUnavailable.at(place, error) from error
    waits = {} if on_sqlite or "connect_timeout" in place.query else _WAITS
    # No connection outlives its transaction: neither a fork nor a restart leaves us a dead one.
    made = create_engine(place, poolclass=NullPool, hide_parameters=True, connect_args=waits)
    if on_sqlite:
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_sqlite)
    with made.connect().execution_options(writes=True) as connection, connection.begin():
        # Two processes may start at once: the second one waits here and finds all tables.
        _wait_for(connection, "tables")
        tables().metadata.create_all(connection)
        _add_columns(connection)
    return made


def address(url: str, *, known: Collection[str] = ("postgresql", "sqlite")) -> URL:
    """The URL with its driver named; its ``str`` hides the password.

    Raises
    ------
    WrongAddress

    >>> str(address("postgresql://me:secret@db/ml"))
    'postgresql+psycopg2://me:***@db/ml'
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        place = make_url(url)
    except (ArgumentError, ValueError):  # their words repeat the URL with its password
        raise WrongAddress.malformed() from None
    scheme = place.drivername.partition("+")[0]
    if scheme == "postgres":
        scheme = "postgresql"
    if scheme not in known:
        raise WrongAddress.scheme(scheme, known=known)
    if scheme == "sqlite":
        return place
    if url.partition("?")[0].count("@") > 1:
        raise WrongAddress.password()
    # SQLAlchemy 2.1 would take psycopg 3; what Dagster brings along is psycopg2.
    return place.set(drivername="postgresql+psycopg2")


def storable(text: str) -> str:
    """Text without what a database refuses: PostgreSQL takes no NUL, nothing a lone surrogate.

    >>> storable("a\\0b"), storable("\\ud800")
    ('a\ufffdb', '?')
    """
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


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
    """At most one of them is open per model and kind."""
    from sqlalchemy import JSON, Date, Index, Integer, Table

    incidents = Table(
        "incidents",
        metadata,
        *(_key("id"), _fact("model"), _fact("kind"), _fact("severity")),
        *(_fact("opened_on", Date), _fact("last_seen", Date), _fact("judged_on", Date)),
        *(_fact("quiet_days", Integer), _fact("firing", JSON), _fact("seen", JSON)),
        *(_maybe("closed_on", Date), _fact("told", JSON)),
    )
    still_open = incidents.c.closed_on.is_(None)
    Index(
        "one_open_incident",
        *(incidents.c.model, incidents.c.kind),
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    return incidents


@cache
def tables() -> Tables:
    """The tables, as they are made where they do not exist."""
    from sqlalchemy import JSON, Boolean, Date, Integer, MetaData, Table, UniqueConstraint

    moment, metadata = _types()[0], MetaData()

    def table(name: str, *parts: Any) -> Table:
        return Table(name, metadata, *parts)

    findings = table(
        "findings",
        *(_key("model"), _key("day", Date), _key("step"), _key("kind"), _key("subject")),
        *(_fact("severity"), _fact("words"), _maybe("about", Date)),
    )
    turns = table(
        "turns",
        _number(),
        *(_fact("model"), _fact("incident"), _fact("turn"), _fact("day", Date)),
        *(_fact("noted_at", moment), _maybe("digest")),
    )
    deliveries = table(
        "deliveries",
        *(_key("id"), _fact("incident"), _fact("seq", Integer), _fact("destination")),
        *(_fact("event", JSON), _fact("state"), _fact("attempts", Integer)),
        *(_fact("created_at", moment), _maybe("claimed_at", moment), _maybe("sent_at", moment)),
        *(_maybe("channel"), _maybe("ts"), _maybe("last_error")),
        UniqueConstraint("incident", "seq"),
    )
    decisions = table(
        "decisions",
        *(_key("model"), _key("trigger_id"), _fact("day", Date), _fact("outcome")),
        *(_fact("words"), _fact("inputs", JSON), _fact("at", moment)),
    )
    promotions = table(
        "promotions",
        _number(),
        *(_fact("model"), _fact("version"), _maybe("previous"), _fact("reason")),
        *(_fact("by"), _fact("at", moment)),
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
    return Tables(
        metadata, findings, judged, _incidents(metadata), turns, deliveries, decisions, promotions,
        fallbacks, label_decisions,
    )  # fmt: skip


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


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    import sqlite3

    connection.isolation_level = None  # we say BEGIN ourselves, see below
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE * 1000}")
    # Making a new file a write-ahead one fails at once, whatever the timeout, while another process
    # makes its first transaction there: https://www.sqlite.org/c3ref/busy_handler.html
    give_up = monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > give_up:
                raise
            sleep(0.02)


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
