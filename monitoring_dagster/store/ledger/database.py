"""Transactions of the ledger, on SQLite or PostgreSQL, the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.store.ledger.schema import migrate, tables

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

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
            wait_for(connection, lock)
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
        wait_for(connection, "tables")
        tables().metadata.create_all(connection)
        migrate(connection)
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


def wait_for(connection: Connection, lock: str) -> None:
    """Let others who name the same *lock* wait until this transaction is over, and wait for them.

    SQLite has one writer at a time in any case.
    """
    if connection.dialect.name == "postgresql":
        digest = blake2b(f"monitoring/{lock}".encode(), digest_size=8).digest()
        number = int.from_bytes(digest, signed=True)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({number})")
