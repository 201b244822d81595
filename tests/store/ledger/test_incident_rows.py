"""Findings as rows of the ledger, and back."""

from datetime import date

import pytest

from monitoring_dagster.kinds import Severity
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.store.ledger.test_ledger import DAY, DROP, NOON, SPEC, found


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def test_findings_come_back_as_they_were(ledger):
    """The most urgent of a day first, the days in order."""
    earlier = date(2026, 1, 4)
    findings = [found("b"), found("a", severity=Severity.P0), found("c", day=earlier)]
    ledger.record_day(SPEC, earlier, findings[2:], now=NOON)
    ledger.record_day(SPEC, DAY, findings[:2], now=NOON)
    assert ledger.findings("credit", date(2026, 1, 1), DAY) == [
        findings[2],
        findings[1],
        findings[0],
    ]
    assert ledger.findings("credit", DAY, DAY, DROP) == []
