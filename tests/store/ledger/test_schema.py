"""The tables of the ledger: what their columns hold, and how those of an earlier version grow."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.ledger.schema import storable, tables
from tests.store.ledger.test_database import promote

DAY = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("value", "stored"),
    [("plain \u00fc\u2028", "plain \u00fc\u2028"), ("a\0b", "a\ufffdb"), ("\ud800", "?"), ("", "")],
)
def test_text_is_stored_without_what_a_database_refuses(value, stored):
    assert storable(value) == stored


def test_a_moment_comes_back_in_utc_from_wherever_it_was_told(ledger_url):
    tokyo = timezone(timedelta(hours=9))
    with writing(ledger_url) as connection:
        promote(connection, at=datetime(2026, 1, 6, 6, 30, 0, 5, tzinfo=tokyo))
    with reading(ledger_url) as connection:
        (row,) = connection.execute(tables().promotions.select())
    assert row.at == datetime(2026, 1, 5, 21, 30, 0, 5, tzinfo=UTC)
    assert row.at.utcoffset() == timedelta()


def test_of_one_model_and_kind_one_incident_is_open(ledger_url):
    def opened(connection, name, **more):
        row = {"id": name, "model": "m", "kind": "k", "severity": "P1", "opened_on": DAY,
               "last_seen": DAY, "judged_on": DAY, "quiet_days": 0, "firing": [], "seen": [],
               "told": [], **more}  # fmt: skip
        connection.execute(tables().incidents.insert(), row)

    with writing(ledger_url) as connection:
        opened(connection, "a", closed_on=DAY)
        opened(connection, "b")
    with pytest.raises(IntegrityError), writing(ledger_url) as connection:
        opened(connection, "c")


def test_a_ledger_of_an_earlier_version_gets_its_new_columns(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    old = create_engine(url)
    with old.begin() as connection:
        connection.execute(
            text("CREATE TABLE findings (model TEXT, day DATE, step TEXT, kind TEXT, subject TEXT,"
                 " severity TEXT, words TEXT)")
        )  # fmt: skip
        connection.execute(
            text("INSERT INTO findings VALUES"
                 " ('credit', '2026-01-05', 'drift', 'feature_drift', 'a', 'P2', 'off')")
        )  # fmt: skip
    (finding,) = Ledger(url).findings("credit", DAY, DAY)
    assert (finding.words, finding.evidence_day) == ("off", DAY)
    assert "about" in {one["name"] for one in inspect(old).get_columns("findings")}
    old.dispose()
