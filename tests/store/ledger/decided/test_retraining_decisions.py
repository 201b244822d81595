"""Decisions about retraining: one a trigger."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from monitoring_dagster.store.ledger.ledger import Ledger

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def test_a_trigger_is_decided_once(ledger):
    decision = RetrainingDecision(
        "credit", "2026-W02", DAY, "refused", "cool-down until 2026-01-12", {"rows": 12}, NOON
    )
    assert ledger.record_decision(decision)
    assert not ledger.record_decision(replace(decision, outcome="started"))
    assert ledger.decisions("credit") == [decision]
    assert ledger.decisions("other") == []
