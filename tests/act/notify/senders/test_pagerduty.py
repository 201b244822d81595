"""PagerDuty: one incident of theirs for one of ours, by its key."""

import json

import pytest

from monitoring_dagster.act.notify.sender import Refused, RefusedForEver, Uncertain
from monitoring_dagster.act.notify.senders.pagerduty import PagerDuty, event_of
from tests.act.notify.written import EVENTS, INCIDENT, assert_golden, posting
from tests.fake_receivers import ROUTING_KEY
from tests.faults import Fault

RISK = "pagerduty:PAGERDUTY_RISK"


@pytest.fixture
def pagerduty(receivers):
    return PagerDuty(receivers.environment, f"{receivers.base_url}/")


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_reads_as_it_is_kept(name):
    path, event = event_of(posting(name, RISK))
    text = json.dumps({path: event}, indent=2, ensure_ascii=False)
    assert_golden(f"pagerduty_{name}.json", f"{text}\n")


def test_an_incident_is_triggered_again_and_resolved_under_one_key(pagerduty, receivers):
    for name in ("first", "worse", "worse", "acknowledged", "assigned", "resolved"):
        receipt = pagerduty.send(posting(name, RISK))
        assert receipt.ts == INCIDENT
    actions = [one["event_action"] for one in receivers.events]
    assert actions == ["trigger", "trigger", "trigger", "acknowledge", "acknowledge", "resolve"]
    assert receivers.pages == {INCIDENT: "resolve"}
    assert receivers.refusals == []


def test_what_was_done_pages_nobody(pagerduty, receivers):
    pagerduty.send(posting("announcement", RISK))
    assert (receivers.events, len(receivers.changes)) == ([], 1)


def test_a_key_that_is_not_theirs_is_refused_for_ever(receivers):
    wrong = PagerDuty({"PAGERDUTY_RISK": "canary"}, f"{receivers.base_url}/")
    with pytest.raises(RefusedForEver, match="HTTP 400"):
        wrong.send(posting("first", RISK))
    assert "canary" not in repr(wrong)


@pytest.mark.parametrize("fault", [Fault.HTML_503_AFTER, Fault.RATE_LIMITED_BEFORE])
def test_what_may_have_arrived_may_be_sent_again(pagerduty, receivers, fault):
    receivers.fault = lambda path: fault
    with pytest.raises(Uncertain):
        pagerduty.send(posting("first", RISK))
    assert pagerduty.settle(posting("first", RISK)) is None


def test_nobody_listens_is_a_certain_refusal():
    with pytest.raises(Refused, match="NewConnectionError"):
        PagerDuty({"PAGERDUTY_RISK": ROUTING_KEY}, "http://127.0.0.1:9/").send(
            posting("first", RISK)
        )
