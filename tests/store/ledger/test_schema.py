"""The tables of the ledger: what their columns hold, and how those of an earlier version grow."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from monitoring_dagster.decide.people.handling import Action
from monitoring_dagster.report.events import EVENT
from monitoring_dagster.store.ledger.database import address, engine, reading, writing
from monitoring_dagster.store.ledger.deliveries import add_deliveries
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.ledger.schema import fields_of, storable, tables
from tests.report.example import NOTE
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


def test_of_one_model_and_family_one_incident_is_open(ledger_url):
    def opened(connection, name, **more):
        row = {"id": name, "model": "m", "family": "data", "severity": "P1", "opened_on": DAY,
               "last_seen": DAY, "judged_on": DAY, "parts": {}, "told": [], **more}  # fmt: skip
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


FORMER = """CREATE TABLE deliveries (id TEXT NOT NULL, incident TEXT NOT NULL, seq INTEGER NOT NULL,
destination TEXT NOT NULL, event JSON NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
created_at {moment} NOT NULL, claimed_at {moment}, sent_at {moment}, channel TEXT, ts TEXT,
last_error TEXT, PRIMARY KEY (id), UNIQUE (incident, seq))"""
THREAD = "0f4e6f0e-90a5-5b8c-8f0a-1f0a3a4f7c55"


def test_deliveries_of_an_earlier_version_go_on_in_slack(ledger_url):
    """The thread stays where it began, though its channel was another one when it went on."""
    place = address(ledger_url)
    moment = "DATETIME" if place.get_backend_name() == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    old = create_engine(place)
    event = EVENT.dump_json(NOTE).decode()
    with old.begin() as connection:
        connection.execute(text(FORMER.format(moment=moment)))
        for seq, channel, state in ((0, "#ml-alerts", "sent"), (1, "#moved", "pending")):
            connection.execute(
                text("INSERT INTO deliveries (id, incident, seq, destination, event, state,"
                     " attempts, created_at, channel, ts) VALUES (:id, :incident, :seq, :place,"
                     " :event, :state, 1, '2026-01-05 12:00:00', 'C1', '1.5')"),
                {"id": str(seq), "incident": THREAD, "seq": seq, "place": channel, "event": event,
                 "state": state},
            )  # fmt: skip
    old.dispose()
    for _ in range(2):
        engine.cache_clear()  # as another process would open it
        queue = Ledger(ledger_url).deliveries
        (sent,) = queue.thread(THREAD, "slack:#ml-alerts")
        assert (sent.id, sent.channel, sent.ts, sent.event) == ("0", "C1", "1.5", NOTE)
    assert sent.not_before is None, "what was written before goes out at any hour"
    reply = queue.claim(now=datetime(2026, 1, 6, tzinfo=UTC))
    assert (reply.id, reply.destination, reply.attempts) == ("1", "slack:#ml-alerts", 2)
    with writing(ledger_url) as connection:
        again = {"incident": THREAD, "seq": 1, "now": sent.created_at, "event": NOTE}
        assert not add_deliveries(connection, destinations=["slack:#ml-alerts"], **again)
        again["seq"] = 2
        assert add_deliveries(connection, destinations=["email:a@example.org"], **again)


HANDLED = """CREATE TABLE handlings (number {number}, incident TEXT NOT NULL, action TEXT NOT NULL,
"by" TEXT NOT NULL, at {moment} NOT NULL, "until" {moment}, comment TEXT NOT NULL, key TEXT)"""


def test_what_people_did_in_an_earlier_version_is_kept_and_incidents_can_be_assigned(ledger_url):
    place = address(ledger_url)
    on_sqlite = place.get_backend_name() == "sqlite"
    types = {
        "moment": "DATETIME" if on_sqlite else "TIMESTAMP WITH TIME ZONE",
        "number": "INTEGER PRIMARY KEY" if on_sqlite else "SERIAL PRIMARY KEY",
    }
    old = create_engine(place)
    with old.begin() as connection:
        connection.execute(text(HANDLED.format(**types)))
        connection.execute(
            text("INSERT INTO handlings (incident, action, \"by\", at, comment, key) VALUES"
                 " (:incident, 'acknowledge', 'ada', '2026-01-05 12:00:00', 'looking', 'click')"),
            {"incident": THREAD},
        )  # fmt: skip
    old.dispose()
    for _ in range(2):
        engine.cache_clear()  # as another process would open it
        (before,) = Ledger(ledger_url).handlings.of(THREAD)
        assert (before.words, before.assignee) == ("acknowledged by ada: looking", None)
    with writing(ledger_url) as connection:
        given = replace(before, action=Action.ASSIGN, assignee="bob")
        connection.execute(tables().handlings.insert(), fields_of(given))
    assert Ledger(ledger_url).handlings.of(THREAD) == [before, given]


OF_KIND = """CREATE TABLE incidents (id TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL,
severity TEXT NOT NULL, opened_on DATE NOT NULL, last_seen DATE NOT NULL, judged_on DATE NOT NULL,
quiet_days INTEGER NOT NULL, firing JSON NOT NULL, seen JSON NOT NULL, closed_on DATE,
told JSON NOT NULL, PRIMARY KEY (id))"""
UNIQUE = """CREATE UNIQUE INDEX one_open_incident ON incidents (model, kind)
WHERE closed_on IS NULL"""


def test_incidents_of_an_earlier_version_become_those_of_their_family(ledger_url):
    """Of several open ones the oldest goes on with what the others found."""
    old = create_engine(address(ledger_url))
    with old.begin() as connection:
        connection.execute(text(OF_KIND))
        connection.execute(text(UNIQUE))
        for name, kind, severity, opened, closed in (
            ("a", "feature_drift", "P2", 1, 2),
            ("b", "feature_drift", "P2", 3, None),
            ("c", "performance_drop", "P1", 4, None),
            ("d", "schema_breach", "P1", 4, None),
        ):
            connection.execute(
                text("INSERT INTO incidents VALUES (:id, 'credit', :kind, :severity, :opened,"
                     " :seen, :seen, 0, :firing, :firing, :closed, :told)"),
                {"id": name, "kind": kind, "severity": severity,
                 "opened": DAY + timedelta(days=opened), "seen": DAY + timedelta(days=5),
                 "firing": f'["credit/{kind}/x"]',
                 "closed": closed and DAY + timedelta(days=closed),
                 "told": f'{{"known": ["credit/{kind}/x"], "severity": "{severity}",'
                         ' "day": "2026-01-08", "seq": 3}'},
            )  # fmt: skip
    old.dispose()
    for _ in range(2):
        engine.cache_clear()
        ledger = Ledger(ledger_url)
        found = {one.id: one for one in ledger.incidents("credit")}
        assert {one.id for one in ledger.open_incidents()} == {"b", "d"}
    oldest = found["b"]
    assert (oldest.family, oldest.severity, oldest.kind) == ("behaviour", "P1", "performance_drop")
    assert set(oldest.active) == {"feature_drift", "performance_drop"}
    assert oldest.told.known == {"credit/feature_drift/x"}
    assert (found["c"].closed_on, found["a"].closed_on) == (date(2026, 1, 10), date(2026, 1, 7))
    assert found["d"].firing == {"credit/schema_breach/x"}
