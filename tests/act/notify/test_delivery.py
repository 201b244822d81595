"""What waits in the ledger of a project goes where its environment says."""

import pytest

from monitoring_dagster.act.notify import delivery
from monitoring_dagster.act.notify.alerts import announce
from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.kinds import FindingKind
from tests.tiny import DAY, FakeMlflow, at, monitor_of, noon, with_mlflow


@pytest.fixture
def monitor(tmp_path):
    return with_mlflow(at(monitor_of(tmp_path), noon()), FakeMlflow("1"))


def test_what_waits_is_sent_to_where_the_house_says(monitor, monkeypatch):
    seen = []
    monkeypatch.setattr(delivery, "drain", lambda ledger, **how: seen.append((ledger, how)))
    send(monitor.house, environment={"SMTP_URL": "smtp://h"})
    ((ledger, how),) = seen
    assert ledger == monitor.ledger
    assert (how["environment"], how["outbox"]) == ({"SMTP_URL": "smtp://h"}, monitor.house.outbox)
    assert how["links"] == monitor.house.links


def test_what_people_did_in_pagerduty_is_asked_for_before_anything_is_sent(monitor, monkeypatch):
    order, given = [], {"PAGERDUTY_API_TOKEN": "t"}
    monkeypatch.setattr(delivery, "take_answers", lambda ledger, **how: order.append((ledger, how)))
    monkeypatch.setattr(delivery, "drain", lambda *_, **__: order.append("drain"))
    send(monitor.house, environment=given)
    (ledger, how), then = order
    assert (ledger, how["environment"], then) == (monitor.ledger, given, "drain")
    assert how["now"] == monitor.house.now()
    assert how["clock"]().tzinfo is not None


def test_without_a_token_it_lands_in_the_outbox(monitor):
    announce(monitor, FindingKind.RETRAINING, key="k", day=DAY, title="t", words="w", at=noon())
    assert send(monitor.house, environment={}).sent == 1
    assert "t" in (monitor.house.outbox / "messages.jsonl").read_text()
    assert send(monitor.house, environment={}).sent == 0
