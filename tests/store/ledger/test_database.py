"""The ledger's database: its address, its tables, and what it says when it cannot be used."""

import sqlite3
from datetime import UTC, date, datetime
from threading import Timer

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError as SqlError
from sqlalchemy.exc import ProgrammingError

from monitoring_dagster.store.ledger.database import (
    LedgerUnavailable,
    WrongAddress,
    address,
    reading,
    writing,
)
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.ledger.schema import tables

DAY = date(2026, 1, 5)
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("postgresql://me:hunter2@db/ml", "postgresql+psycopg2://me:***@db/ml",
                     id="the driver is named and the password hidden"),
        pytest.param("postgres://me@db:1/ml", "postgresql+psycopg2://me@db:1/ml",
                     id="as Heroku writes it"),
        pytest.param("postgresql+psycopg://db/ml", "postgresql+psycopg2://db/ml",
                     id="another driver: the one that is there"),
        pytest.param("postgresql://me:a%40b@db/ml", "postgresql+psycopg2://me:***@db/ml",
                     id="an @ in the password, written %40"),
        pytest.param("postgresql://db/ml?application_name=a@b", 
                     "postgresql+psycopg2://db/ml?application_name=a%40b",
                     id="an @ in the query"),
        pytest.param("sqlite:////tmp/a.db", "sqlite:////tmp/a.db", id="a file"),
    ],
)  # fmt: skip
def test_an_address_names_its_driver_and_hides_its_password(url, shown):
    assert str(address(url)) == shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param(f"me:{SECRET}@db/ml", "is no database URL: write postgresql://user:password@",
                     id="no scheme"),
        pytest.param("", "is no database URL", id="empty"),
        pytest.param(f"postgresql://me:{SECRET}@db:port/ml", "is no database URL", id="no port"),
        pytest.param(f"postgresql://me:{SECRET}@x@db/ml", "more than one @: write %40", id="two @"),
        pytest.param(f"mysql://me:{SECRET}@db/ml", 
                     "begins with mysql://, which is no database of ours: it takes postgresql://"
                     " or sqlite://", id="another database"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_its_password(url, words):
    with pytest.raises(WrongAddress) as caught:
        address(url)
    assert str(caught.value).startswith("MONITORING_POSTGRES_URL ")
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_what_is_known_can_be_narrowed():
    with pytest.raises(WrongAddress, match=r"begins with sqlite://.* it takes postgresql://$"):
        address("sqlite:///a.db", known=["postgresql"])


def promote(connection, version="1", *, at=datetime(2026, 1, 5, 12, tzinfo=UTC)):
    row = {"model": "m", "version": version, "reason": "", "by": "", "at": at}
    connection.execute(tables().promotions.insert(), row)


def versions(url):
    with reading(url) as connection:
        return [row.version for row in connection.execute(tables().promotions.select())]


def test_a_transaction_happens_whole_or_not_at_all(ledger_url):
    def die():
        with writing(ledger_url, "promotions") as connection:
            promote(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        die()
    assert versions(ledger_url) == []
    with writing(ledger_url, "promotions") as connection:
        promote(connection)
    assert versions(ledger_url) == ["1"]


def test_a_mistake_in_what_we_ask_stays_one(postgres_url):
    """It is ours, and no fault of the database."""
    with pytest.raises(ProgrammingError), reading(postgres_url) as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_a_folder_that_is_not_there_is_made(tmp_path):
    assert versions(f"sqlite:///{tmp_path}/new/ledger.db") == []
    assert (tmp_path / "new" / "ledger.db").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(lambda path: path.write_bytes(b"no database " * 100),
                     "file is not a database", id="another file"),
        pytest.param(lambda path: path.mkdir(), "unable to open database file", id="a folder"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_the_way_out(tmp_path, spoil, words):
    path = tmp_path / "ledger.db"
    spoil(path)
    with pytest.raises(LedgerUnavailable) as caught:
        versions(f"sqlite:///{path}")
    assert str(caught.value).startswith(f"the ledger {path} cannot be used: {words}")
    assert str(caught.value).endswith("a damaged one comes back from a backup")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "ledger.db"
    with pytest.raises(
        LedgerUnavailable, match=rf"the ledger {path} cannot be used: (Not a dir|File e)"
    ):
        versions(f"sqlite:///{path}")


def test_a_server_that_is_down_is_named_without_its_password():
    with pytest.raises(LedgerUnavailable) as caught:
        versions(f"postgresql://me:{SECRET}@127.0.0.1:1/ml")
    words = str(caught.value)
    assert words.startswith("the database at 127.0.0.1:1/ml cannot be used: ")
    assert words.endswith("Start PostgreSQL, or mend MONITORING_POSTGRES_URL")
    assert "\n" not in words
    assert SECRET not in words


def test_a_database_that_another_process_writes_says_to_try_again():
    error = SqlError("BEGIN", {}, sqlite3.OperationalError("database is locked"))
    said = str(LedgerUnavailable.at(address("sqlite:////a/ledger.db"), error))
    assert said == (
        "the ledger /a/ledger.db cannot be used: database is locked."
        " Another process is writing: try again"
    )


def test_who_comes_while_another_one_makes_the_file_waits(tmp_path):
    """SQLite itself refuses this at once, as it would have the file be a write-ahead one."""
    path = tmp_path / "ledger.db"
    maker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    end = Timer(0.3, maker.rollback)
    end.start()
    assert Ledger(f"sqlite:///{path}").incidents() == []
    end.join()
    maker.close()
