"""A rule earns its messages where somebody acts on them; else it is retuned, or taken out."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from monitoring_dagster.decide.people.alert_reviews import (
    Done,
    Proposal,
    ReviewedRule,
    precision,
    reviewed,
    was_acted_on,
)
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import FindingKind, Severity
from tests.incidents import standing

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
END = DAY + timedelta(days=9)
DROP, MISSING = FindingKind.PERFORMANCE_DROP, FindingKind.MISSING_DAY


def over(kind=DROP, *, name="i", quiet_days=3, severity=Severity.P2, since=0, closed=5):
    one = standing(
        "x", name=name, kind=kind, day=DAY + timedelta(days=since), severity=severity, told=True,
        closed=DAY + timedelta(days=since + closed),
    )  # fmt: skip
    parts = {kind: replace(one.parts[kind], quiet_days=quiet_days)}
    return replace(one, parts=parts)


def by_hand(action):
    return Done([Handling("i", Action(action), "ada", NOON)])


@pytest.mark.parametrize(
    ("incident", "done", "acted"),
    [
        pytest.param(over(), Done(), False, id="it passed"),
        pytest.param(over(), by_hand("acknowledge"), True, id="somebody looked at it"),
        pytest.param(over(), by_hand("assign"), True, id="somebody had it"),
        pytest.param(over(), by_hand("resolve"), True, id="somebody ended it"),
        pytest.param(over(), by_hand("snooze"), False, id="somebody put it off"),
        pytest.param(over(name="other"), by_hand("resolve"), False, id="another one was ended"),
        pytest.param(over(), Done(retrainings={DAY}), True, id="a retraining on its first day"),
        pytest.param(
            over(), Done(retrainings={DAY + timedelta(days=5)}), True, id="or on its last"
        ),
        pytest.param(
            over(), Done(retrainings={DAY + timedelta(days=6)}), False, id="not after its end"
        ),
        pytest.param(over(), Done(promotions=[NOON]), True, id="another version took over"),
        pytest.param(
            over(FindingKind.SLOW_SERVICE), Done(promotions=[NOON]), False,
            id="which makes no service faster",
        ),
        pytest.param(over(MISSING, quiet_days=0), Done(), True, id="the day was delivered anew"),
        pytest.param(over(MISSING), Done(), False, id="the next days came, that one did not"),
    ],
)  # fmt: skip
def test_whether_anybody_acted(incident, done, acted):
    assert was_acted_on(incident, done, until=END) is acted


@pytest.mark.parametrize(
    ("ended", "acted_on", "severity", "proposal"),
    [
        (1, 0, "P2", Proposal.KEEP),
        (2, 1, "P2", Proposal.KEEP),
        (3, 1, "P2", Proposal.RETUNE),
        (3, 0, "P2", Proposal.RETUNE),
        (4, 0, "P2", Proposal.REMOVE),
        (4, 0, "P1", Proposal.RETUNE),
        (4, 1, "P2", Proposal.RETUNE),
        (4, 2, "P2", Proposal.KEEP),
    ],
)
def test_what_is_proposed(ended, acted_on, severity, proposal):
    rule = ReviewedRule("m", DROP, Severity(severity), ended + 1, ended, acted_on, 9)
    assert rule.proposal is proposal
    assert bool(rule.way) is (proposal is not Proposal.KEEP)
    assert rule.precision == acted_on / ended


def test_every_rule_names_what_to_change():
    for kind in FindingKind:
        assert "rules." in ReviewedRule("m", kind, Severity.P1, 9, 9, 0, 9).way or kind in (
            FindingKind.LATE_LABELS,
            FindingKind.RETRAINING,
        )


def test_rules_are_reviewed_within_the_days_asked_for():
    noisy = [over(FindingKind.SLOW_SERVICE, name=str(n), since=10 * n) for n in range(4)]
    useful, before = over(), over(MISSING, since=-30)
    running = standing("x", day=DAY, name="r", told=True, seen=DAY + timedelta(days=2))
    found = reviewed(
        [*noisy, useful, before, running],
        by_hand("resolve"),
        first=DAY,
        last=DAY + timedelta(days=40),
    )
    assert [(one.kind, one.incidents, one.ended, one.acted_on, one.days) for one in found] == [
        (FindingKind.SLOW_SERVICE, 4, 4, 0, 4),
        (DROP, 1, 1, 1, 1),
        (FindingKind.FEATURE_DRIFT, 1, 0, 0, 3),
    ]
    assert found[-1].precision is None


def test_precision_counts_what_ended():
    some = [over(), over(name="j"), standing("x", day=DAY, name="open", told=True)]
    assert precision(some, by_hand("resolve"), first=DAY, last=END) == 0.5
    assert precision(some, Done(), first=END, last=END) is None
