"""Models that fail together are one thread; each of them ends where it was told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from monitoring_dagster.decide.fleet import FLEET
from monitoring_dagster.decide.routing import Routing
from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.report.links import Links
from monitoring_dagster.report.messages import render, to_text
from monitoring_dagster.spec import Channels
from monitoring_dagster.spec.channels import Route
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.store.ledger.test_ledger import DAY, NOON, SPEC, claimed, found

MISSING = FindingKind.MISSING_DAY
LINKS = Links("http://127.0.0.1:3000", "http://127.0.0.1:5000")


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def spec(name):
    channels = Channels(slack=f"#{name}", clear_after_days=1)
    return SPEC.model_copy(update={"name": name, "channels": channels})


def judge(ledger, day_number, bad="", fine="", kind=MISSING, severity=Severity.P1):
    day = DAY + timedelta(days=day_number)
    for name in [*bad, *fine]:
        one = found("file", day=day, kind=kind, severity=severity)
        findings = [] if name in fine else [type(one)(**{**_fields(one), "model": name})]
        ledger.record_day(spec(name), day, findings, now=NOON + timedelta(days=day_number))


def _fields(finding):
    return {name: getattr(finding, name) for name in finding.__dataclass_fields__}


def told(ledger):
    return [(one.event.model, one.destination, one.event.reason) for one in claimed(ledger)]


def test_the_third_model_makes_it_one_problem_and_from_then_on_it_is_told_once(ledger):
    judge(ledger, -1, fine="abcde")
    judge(ledger, 0, bad="abcd", fine="e")
    assert sorted(told(ledger)) == [
        ("a", "slack:#a", Reason.FIRST),
        ("b", "slack:#b", Reason.FIRST),
        *((FLEET, f"slack:#{name}", Reason.FIRST) for name in "abc"),
    ]
    judge(ledger, 1, bad="d", fine="abce")
    ends = told(ledger)
    assert sorted(ends) == [("a", "slack:#a", Reason.RESOLVED), ("b", "slack:#b", Reason.RESOLVED)]
    judge(ledger, 2, fine="abcde")
    assert {(model, reason) for model, _, reason in told(ledger)} == {(FLEET, Reason.RESOLVED)}
    assert ledger.open_incidents() == []


def test_its_message_counts_the_models_and_names_them(ledger):
    judge(ledger, -1, fine="abcde")
    judge(ledger, 0, bad="abc")
    fleet = next(one for one in claimed(ledger) if one.event.model == FLEET)
    text = to_text(render(fleet.event, LINKS))
    assert text.startswith(
        "P1 fleet-wide: missing day, 3 of 5 models: a, b, c\nFirst seen: 3 findings on 5 January."
    )
    assert "assets/a/contract" in text


def test_other_families_and_quiet_ones_are_each_models_own(ledger):
    judge(ledger, 0, bad="ab")
    judge(ledger, 0, bad="c", kind=FindingKind.SERVICE_ERRORS)
    judge(ledger, 0, bad="d", severity=Severity.P3)
    assert {one.model for one in ledger.open_incidents()} == {"a", "b", "c"}


def test_the_owners_own_rules_are_never_a_fleet(ledger):
    judge(ledger, 0, bad="abc", kind=FindingKind.OWN_RULE)
    assert {one.model for one in ledger.open_incidents()} == set("abc")


def test_history_makes_no_fleet(ledger):
    for name in "abc":
        one = found("file", kind=MISSING)
        finding = type(one)(**{**_fields(one), "model": name})
        later = NOON + timedelta(days=90)
        ledger.record_day(spec(name), DAY, [finding], now=NOON, history_at=later)
    assert {one.model for one in ledger.open_incidents()} == set("abc")


def test_models_that_are_judged_at_once_make_one_fleet(ledger):
    judge(ledger, -1, fine="abcdef")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: judge(ledger, 0, bad=name), "abcdef"))
    assert len([one for one in ledger.open_incidents() if one.model == FLEET]) == 1
    assert sum(reason is Reason.FIRST for model, _, reason in told(ledger) if model != FLEET) == 2


def test_a_fleet_wide_message_takes_a_route_and_says_by_when(ledger_url):
    """It goes there, too, where single ones were told before it was one problem."""
    page = Route(match=[f"model={FLEET}", "family=data"], pagerduty="PAGERDUTY_PLATFORM")
    ledger = Ledger(ledger_url, Routing((page,)))
    judge(ledger, -1, fine="abc")
    judge(ledger, 0, bad="abc")
    fleet = [one for one in claimed(ledger) if one.event.model == FLEET]
    assert sorted(one.destination for one in fleet) == [
        "pagerduty:PAGERDUTY_PLATFORM", "slack:#a", "slack:#b"
    ]  # fmt: skip
    assert {one.event.due for one in fleet} == {NOON + timedelta(hours=1)}


def test_a_fleet_wide_message_of_p2_waits_for_business_hours(ledger):
    judge(ledger, 3, fine="abc")
    judge(ledger, 4, bad="abc", kind=FindingKind.LATE_LABELS, severity=Severity.P2)
    saturday, monday = NOON + timedelta(days=4), NOON + timedelta(days=5, hours=21)
    assert claimed(ledger, now=saturday) == []
    assert FLEET in {one.event.model for one in claimed(ledger, now=monday)}
