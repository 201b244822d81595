import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.routing import Routing
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.spec import Channels, ModelSpec, Predictions
from monitoring_dagster.spec.channels import Route
from monitoring_dagster.store.ledger.ledger import (
    Ledger,
    Promotion,
)

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
DRIFT, DROP = FindingKind.FEATURE_DRIFT, FindingKind.PERFORMANCE_DROP
SPEC = ModelSpec(
    name="credit",
    owner="team:risk",
    task="binary",
    predictions=Predictions(path="{day}.parquet"),
    channels=Channels(clear_after_days=1),
)


def found(subject="income", *, day=DAY, kind=DRIFT, severity=Severity.P2, step="drift"):
    return Finding("credit", day, kind, subject, severity, f"{subject} is off", step)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def claimed(ledger, *, now=datetime(2100, 1, 1, tzinfo=UTC)):
    """Everything a sender takes once its turn has come, in order, each marked sent at once."""
    taken = []
    while delivery := ledger.deliveries.claim(now=now):
        ledger.deliveries.mark_sent(delivery, channel="C1", ts=str(len(taken)), now=NOON)
        taken.append(delivery)
    return taken


@pytest.mark.parametrize(
    "hostile", ["x\0y", "'); DROP TABLE findings; --", "\ud800", "%s %(a)s :a", "\u202egnp"]
)
def test_values_from_data_are_stored_and_nothing_else_happens(ledger, hostile):
    ledger.record_day(SPEC, DAY, [found(hostile)], now=NOON)
    ledger.record_day(SPEC, DAY, [found(hostile)], now=NOON)
    (stored,) = ledger.findings("credit", DAY, DAY)
    assert stored.subject == hostile.replace("\0", "\ufffd").replace("\ud800", "?")
    ledger.announce(SPEC, replace(note(), words=hostile), key="k", now=NOON)
    ledger.record_promotion(Promotion("credit", "2", "1", hostile, "gate", NOON))
    assert [delivery.event.day for delivery in claimed(ledger)] == [DAY, DAY]


def test_two_processes_that_record_the_same_day_tell_it_once(ledger_url):
    """Both also make the tables: neither may stumble over the other."""
    script = f"""
import sys
from datetime import UTC, date, datetime
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.spec import ModelSpec
spec = ModelSpec.model_validate_json(sys.argv[1])
day = date(2026, 1, 5)
finding = Finding("credit", day, FindingKind.FEATURE_DRIFT, "a", Severity.P2, "off", "drift")
sys.stdin.read(1)
Ledger({ledger_url!r}).record_day(spec, day, [finding], now=datetime.now(UTC))
"""
    command = [sys.executable, "-c", script, SPEC.model_dump_json(exclude_unset=True)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"!")
        racer.stdin.flush()
    for racer in racers:
        _, complaint = racer.communicate(timeout=60)
        assert racer.returncode == 0, complaint.decode()
    ledger = Ledger(ledger_url)
    assert len(ledger.incidents()) == 1
    assert len(claimed(ledger)) == 1


def note():
    return Announcement(
        model="credit",
        registered_model="credit",
        owner="team:risk",
        kind=FindingKind.RETRAINING,
        day=DAY,
        title="version 2 serves",
        words="Its log loss is lower by 0.02 (0.01 to 0.03).",
        version="2",
    )


def test_an_announcement_is_told_once_per_key(ledger):
    assert ledger.announce(SPEC, note(), key="promotion/2", now=NOON)
    assert not ledger.announce(SPEC, note(), key="promotion/2", now=NOON)
    (delivery,) = claimed(ledger)
    assert delivery.event == note()


def test_a_ledger_travels_and_keeps_its_password_to_itself():
    ledger = Ledger("postgresql://me:hunter2@db/ml")
    assert pickle.loads(pickle.dumps(ledger)) == ledger
    assert "hunter2" not in repr(ledger) + repr(ledger.deliveries)


def test_importing_the_ledger_does_not_import_sqlalchemy():
    script = (
        "import sys, monitoring_dagster.store.ledger.ledger, monitoring_dagster.act.notify.alerts;"
        "sys.exit(bool({'sqlalchemy', 'slack_sdk'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_weeks_digest_goes_to_the_receivers_of_the_model_once_and_in_business_hours(ledger_url):
    """No route takes it: it is about several incidents."""
    ledger = Ledger(ledger_url, Routing((Route(slack="#everything"),)))
    evening, morning = NOON + timedelta(hours=9), NOON + timedelta(hours=21)
    assert ledger.last_week("credit") is None
    done = [ledger.announce_week(SPEC, DAY, note(), now=evening) for _ in range(2)]
    assert done == [True, False]
    assert ledger.last_week("credit") == DAY
    assert claimed(ledger, now=evening) == []
    assert [one.destination for one in claimed(ledger, now=morning)] == ["slack:#ml-alerts"]


def test_a_week_without_a_digest_is_told_all_the_same(ledger):
    assert not ledger.announce_week(SPEC, DAY, None, now=NOON)
    assert not ledger.announce_week(SPEC, DAY, note(), now=NOON)
    assert claimed(ledger) == []
