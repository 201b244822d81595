"""A quarter on one page: rules, what was done about them, and messages a week."""

from datetime import date, timedelta

import pytest

from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.views.incident_review import NoQuarter, quarter, review
from tests.store.ledger.test_ledger import DAY, NOON, SPEC, claimed, found

SLOW, DROP = FindingKind.SLOW_SERVICE, FindingKind.PERFORMANCE_DROP


@pytest.fixture
def ledger(tmp_path):
    """Four slow days that nobody cared for, ten days apart, and a drop that somebody ended."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    for number in range(40):
        day = DAY + timedelta(days=number)
        findings = [found("p99", day=day, kind=SLOW)] if number % 10 == 0 else []
        findings += [found("auc", day=day, kind=DROP, severity=Severity.P1)] if number == 5 else []
        ledger.record_day(SPEC, day, findings, now=NOON + timedelta(days=number))
        for one in ledger.open_incidents():
            if one.kind is DROP:
                ended = Handling(one.id, Action.RESOLVE, "ada", NOON + timedelta(days=number))
                ledger.handlings.record("credit", ended)
    claimed(ledger)
    return ledger


def test_the_least_useful_rule_comes_first_with_what_to_change(ledger):
    found_ = review(ledger, first=DAY, last=DAY + timedelta(days=69))
    assert found_.lines == [
        "2026-01-05 to 2026-03-15: 10 messages, 1.0 a week",
        "credit slow_service (P2): 4 incidents on 4 days, 0 of 4 that ended were acted on: remove"
        " (rules.alerts.slow_service.severity: P3 (it stays on record) or enabled: false)",
        "credit performance_drop (P1): 1 incident on 1 day, 1 of 1 that ended were acted on: keep",
    ]
    assert found_.to_dict()["rules"][0]["precision"] == 0


def test_another_model_and_another_quarter_have_nothing(ledger):
    assert len(review(ledger, first=DAY, last=DAY, model="churn").rules) == 0
    later = review(ledger, first=date(2026, 7, 1), last=date(2026, 9, 30))
    assert later.lines == ["2026-07-01 to 2026-09-30: 0 messages, 0.0 a week"]


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2024-q2", "2024-04-01", "2024-06-30"),
        ("2026-Q3", "2026-07-01", "2026-09-30"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
    ],
)
def test_a_quarter_has_its_days(written, first, last):
    assert tuple(map(str, quarter(written))) == (first, last)


@pytest.mark.parametrize("written", ["2026", "2026-Q5", "26-Q1", "Q1-2026", "", "\u0662026-Q1"])
def test_what_is_no_quarter_is_refused(written):
    with pytest.raises(NoQuarter, match="such as 2026-Q3"):
        quarter(written)
