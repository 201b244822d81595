"""What people do in PagerDuty is done here once, and what we did there ourselves is not."""

import json
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from monitoring_dagster.act.notify import pagerduty_answers
from monitoring_dagster.act.notify.pagerduty_answers import PAUSE, TO_ASK, acts_in, take_answers
from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import Reason
from tests.act.notify.shared import drained, judge, spec, with_slack
from tests.fake_pagerduty import SERVICE, TOKEN, FakePagerDuty, user
from tests.faults import Fault

KEY = "6d1f1f2e-3a56-5d7e-9d0e-2f6f4b7e8a11"
AT, MOMENT = "2026-01-06T13:00:00+01:00", datetime(2026, 1, 6, 12, tzinfo=UTC)
PAGED = {"slack": "#ml-alerts", "pagerduty": "PAGERDUTY_RISK"}


def theirs(status="acknowledged", **more):
    """An incident as the REST API shows it."""
    return {
        "id": "Q1",
        "status": status,
        "incident_key": KEY,
        "created_at": "2026-01-06T11:00:00Z",
        "service": SERVICE,
        "acknowledgements": [{"at": AT, "acknowledger": user("Ada Lovelace")}],
        "last_status_change_at": AT,
        "last_status_change_by": user("Ada Lovelace"),
        **more,
    }


def acts(*incidents):
    return [(str(one.action), one.by) for one in acts_in({"incidents": [*incidents]}, KEY)]


# The reading of an answer


@pytest.mark.parametrize(
    ("status", "action"),
    [("acknowledged", "acknowledge"), ("resolved", "resolve"), ("triggered", None), ("new", None)],
)
def test_a_status_that_a_person_set_is_an_act(status, action):
    assert acts(theirs(status)) == ([(action, "Ada Lovelace")] if action else [])


def test_an_act_has_its_own_time_and_a_key_that_no_time_zone_changes():
    (one,) = acts_in({"incidents": [theirs()]}, KEY)
    assert one.at == MOMENT
    assert one.key == "pagerduty/Q1/acknowledged/2026-01-06T12:00:00+00:00"
    there = [{"at": "2026-01-06T12:00:00Z", "acknowledger": user("Ada Lovelace")}]
    assert acts_in({"incidents": [theirs(acknowledgements=there)]}, KEY) == [one]


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(SERVICE, id="a service"),
        pytest.param({**SERVICE, "type": "generic_events_api_inbound_integration_reference"},
                     id="an integration"),
        pytest.param({"summary": "ada"}, id="nobody knows what"),
        pytest.param(None, id="nobody"),
        pytest.param("ada", id="a word"),
    ],
)  # fmt: skip
def test_what_no_person_did_is_no_act(who):
    assert acts(theirs(acknowledgements=[{"at": AT, "acknowledger": who}])) == []
    assert acts(theirs("resolved", last_status_change_by=who)) == []


def test_of_several_people_each_is_told_the_first_first():
    later = {"at": "2026-01-06T14:00:00+01:00", "acknowledger": user("bob")}
    first = {"at": AT, "acknowledger": user("ada")}
    both = theirs(acknowledgements=[later, {"at": AT, "acknowledger": SERVICE}, first])
    assert acts(both) == [("acknowledge", "ada"), ("acknowledge", "bob")]


@pytest.mark.parametrize(
    ("incidents", "found"),
    [
        pytest.param(
            [theirs("resolved"), theirs("triggered", id="Q2", created_at="2026-01-07T00:00:00Z")],
            [], id="the newest of a service counts",
        ),
        pytest.param(
            [theirs("triggered"), theirs(id="Q2", service={"id": "PANOTHER"})],
            [("acknowledge", "Ada Lovelace")], id="of each service",
        ),
        pytest.param([theirs(incident_key="another")], [], id="of another key"),
        pytest.param(
            [theirs(incident_key=None)], [("acknowledge", "Ada Lovelace")], id="keyed by its alerts"
        ),
        pytest.param(
            [theirs("resolved", resolve_reason={"type": "merge_resolve_reason"})], [],
            id="merged into another one",
        ),
        pytest.param(
            [theirs("resolved", resolve_reason=None)], [("resolve", "Ada Lovelace")], id="for good"
        ),
    ],
)  # fmt: skip
def test_the_newest_incident_with_our_key_counts(incidents, found):
    assert acts(*incidents) == found
    assert acts(*incidents[::-1]) == found, "in any order"


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("Größe Ünal", "Größe Ünal"),
        ("\x1b[2Jada\n\u202egnp\x00", "[2Jada gnp"),
        ("<!channel> <b>", "<!channel> <b>"),
        ("a" * 200, "a" * 79 + "…"),
        ("\ud800", "-"),
        ("", "somebody in PagerDuty"),
        (None, "somebody in PagerDuty"),
        (7, "somebody in PagerDuty"),
    ],
)
def test_a_name_is_one_clean_line(name, by):
    assert acts(theirs("resolved", last_status_change_by=user(name))) == [("resolve", by)]


@pytest.mark.parametrize(
    "more",
    [
        {"id": None},
        {"id": "Q1/../\n"},
        {"id": "Q" * 400},
        {"created_at": "soon"},
        {"created_at": None},
        {"acknowledgements": None},
        {"acknowledgements": {"at": AT}},
        {"acknowledgements": ["ada", None, 7, []]},
        {"acknowledgements": [{"at": "2026-01-06T12:00:00", "acknowledger": user("ada")}]},
        {"acknowledgements": [{"at": "0001-01-01T00:00:00+23:59", "acknowledger": user("ada")}]},
        {"acknowledgements": [{"at": 1e300, "acknowledger": user("ada")}]},
        {"status": ["acknowledged"]},
    ],
)
def test_an_incident_that_is_not_as_it_should_be_is_left_out_alone(more):
    other = theirs(id="Q2", service={"id": "PANOTHER"})
    assert acts(theirs(**more), other) == [("acknowledge", "Ada Lovelace")]
    assert acts(None, 7, "x", [theirs()], other) == [("acknowledge", "Ada Lovelace")]


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"incidents": None}, {"incidents": {}}])
def test_what_is_no_list_of_incidents_is_refused(answer):
    with pytest.raises(Refused, match="no list of incidents"):
        acts_in(answer, KEY)


# PagerDuty on loopback


@pytest.fixture
def pagerduty(clock):
    with FakePagerDuty(clock=clock) as server:
        yield server


@pytest.fixture
def paged(ledger, clock, tmp_path, slack, pagerduty):
    """The id of an open incident that stands in Slack and in PagerDuty."""
    slack.one_a_second = False
    environment = pagerduty.environment | with_slack(slack)
    judge(ledger, clock, "income", model=spec(**PAGED))
    assert drained(ledger, clock, tmp_path, environment).sent == 2
    clock.sleep(5)
    return ledger.open_incidents()[0].id


@pytest.fixture
def turn(ledger, clock, tmp_path, slack, pagerduty):
    """One turn of the notifier, a minute after the one before: what was new, and it is sent."""

    def taken(**more):
        environment = pagerduty.environment | with_slack(slack) | more
        clock.moment += PAUSE
        found = take_answers(ledger, environment=environment, clock=clock, now=clock())
        drained(ledger, clock, tmp_path, environment)
        return found

    return taken


def handled(ledger, incident):
    return [(str(one.action), one.by) for one in ledger.handlings.of(incident)]


def replies(ledger, incident, kind="slack"):
    """Why the thread went on in a channel, and by whom."""
    thread = [one for one in ledger.deliveries.all_of(incident) if one.seq]
    return [
        (one.event.reason, one.event.by, one.state)
        for one in thread
        if one.destination.startswith(kind)
    ]


def test_an_acknowledgement_in_pagerduty_is_one_here(ledger, paged, pagerduty, slack, turn):
    assert turn() == 0
    pagerduty.acknowledge(paged, "Ada <b>")
    assert turn() == 1
    assert handled(ledger, paged) == [("acknowledge", "Ada <b>")]
    assert replies(ledger, paged) == [(Reason.ACKNOWLEDGED, "Ada <b>", "sent")]
    assert "Acknowledged by Ada &lt;b&gt;" in json.dumps(slack.roots[0].blocks)


def test_the_same_answer_changes_nothing_and_nothing_goes_round(ledger, paged, pagerduty, turn):
    """PagerDuty hears of its own acknowledgement, which acknowledges it there once more."""
    pagerduty.acknowledge(paged, "ada")
    assert [turn() for _ in range(5)] == [1, 0, 0, 0, 0]
    assert handled(ledger, paged) == [("acknowledge", "ada")]
    assert [one["event_action"] for one in pagerduty.events] == ["trigger", "acknowledge"]
    assert len(pagerduty.incidents[0]["acknowledgements"]) == 2


def test_what_is_resolved_in_pagerduty_is_closed_here(ledger, paged, pagerduty, turn):
    pagerduty.resolve(paged, "ada")
    assert turn() == 1
    assert ledger.open_incidents() == []
    assert replies(ledger, paged) == [(Reason.RESOLVED, "ada", "sent")]
    assert [turn() for _ in range(3)] == [0, 0, 0]
    assert len(pagerduty.asked) == 1, "what is closed is asked about no more"
    assert len(pagerduty.incidents) == 1


@pytest.mark.parametrize("action", ["acknowledge", "assign", "snooze"])
def test_what_was_handled_here_does_not_come_back(ledger, clock, paged, pagerduty, turn, action):
    until = clock() + timedelta(hours=1) if action == "snooze" else None
    mine = Handling(paged, Action(action), "grace", clock(), until)
    ledger.handlings.record("credit", mine)
    assert [turn() for _ in range(3)] == [0, 0, 0]
    assert pagerduty.incidents[0]["status"] == "acknowledged"
    assert handled(ledger, paged) == [(action, "grace")]


def test_what_was_resolved_here_does_not_end_it_when_it_is_open_again(
    ledger, clock, paged, pagerduty, turn
):
    ledger.handlings.record("credit", Handling(paged, Action.RESOLVE, "grace", clock()))
    turn()
    assert pagerduty.incidents[0]["last_status_change_by"] == SERVICE
    judge(ledger, clock, "income", "", "income", model=spec(**PAGED))
    turn()
    assert [turn(), turn()] == [0, 0]
    assert len(ledger.open_incidents()) == 1
    assert [one["status"] for one in pagerduty.incidents] == ["resolved", "triggered"]


def test_what_ended_it_there_before_it_was_open_again_is_past(
    ledger, clock, paged, pagerduty, turn
):
    """It was closed here when it was resolved there, so nobody asked; PagerDuty does not take the
    message that it is open again."""
    judge(ledger, clock, "income", "", model=spec(**PAGED))
    pagerduty.resolve(paged, "ada")
    clock.moment += timedelta(days=1)
    judge(ledger, clock, "income", "", "income", model=spec(**PAGED))
    assert take_answers(
        ledger, environment=pagerduty.environment, clock=clock, now=clock()
    ) == 0  # fmt: skip
    assert len(pagerduty.asked) == 1
    assert len(ledger.open_incidents()) == 1
    turn()
    pagerduty.resolve(paged, "bob")
    assert turn() == 1
    assert handled(ledger, paged) == [("resolve", "bob")]


def test_who_does_something_here_later_is_not_overruled(ledger, clock, paged, pagerduty, turn):
    pagerduty.acknowledge(paged, "ada")
    clock.sleep(1)
    given = Handling(paged, Action.ASSIGN, "grace", clock(), assignee="bob")
    ledger.handlings.record("credit", given)
    assert [turn(), turn()] == [0, 0]
    pagerduty.acknowledge(paged, "bob")
    assert turn() == 1
    assert handled(ledger, paged) == [("assign", "grace"), ("acknowledge", "bob")]
    clock.sleep(1)
    pagerduty.resolve(paged, "bob")
    late = Handling(paged, Action.SNOOZE, "grace", clock(), clock() + timedelta(hours=1))
    ledger.handlings.record("credit", late)
    assert turn() == 1, "over is over"
    assert ledger.open_incidents() == []


def test_an_incident_that_went_to_slack_alone_is_not_asked_about(ledger, clock, pagerduty, turn):
    judge(ledger, clock, "income")
    assert [turn(), turn()] == [0, 0]
    assert pagerduty.asked == []


def test_an_act_is_known_again_though_its_clock_is_ahead(ledger, clock, paged, pagerduty, turn):
    pagerduty.clock = lambda: clock() + timedelta(hours=1)
    pagerduty.acknowledge(paged, "ada")
    assert turn() == 1
    later = Handling(paged, Action.SNOOZE, "grace", clock(), clock() + timedelta(hours=1))
    ledger.handlings.record("credit", later)
    assert [turn(), turn()] == [0, 0]
    assert handled(ledger, paged) == [("acknowledge", "ada"), ("snooze", "grace")]


@pytest.mark.parametrize("token", ["", None])
def test_without_a_token_nobody_is_asked(ledger, clock, paged, pagerduty, token):
    environment = pagerduty.environment | {"PAGERDUTY_API_TOKEN": token}
    pagerduty.acknowledge(paged, "ada")
    assert take_answers(ledger, environment=environment, clock=clock, now=clock()) == 0
    assert (pagerduty.asked, handled(ledger, paged)) == ([], [])


def test_what_never_went_to_pagerduty_is_not_asked_about(ledger, clock, tmp_path, pagerduty, turn):
    judge(ledger, clock, "income", model=spec("on_page", **PAGED))
    drained(ledger, clock, tmp_path, {})  # no secret is set: it stands on the local page
    judge(ledger, clock, "income", model=spec("waiting", **PAGED))
    assert turn() == 0
    assert pagerduty.asked == []
    turn()
    (waited,) = ledger.incidents("waiting")
    assert [one["incident_key"] for one in pagerduty.asked] == [waited.id]


def test_pagerduty_is_asked_once_a_minute_whoever_asks(ledger, clock, paged, pagerduty):
    def ask():
        take_answers(ledger, environment=pagerduty.environment, clock=clock, now=clock())
        return len(pagerduty.asked)

    clock.moment += PAUSE
    assert [ask(), ask()] == [1, 1]
    clock.moment += PAUSE - timedelta(seconds=1)
    assert ask() == 1
    clock.moment += timedelta(seconds=1)
    assert ask() == 2


def test_a_turn_ends_in_time_and_the_next_one_begins_with_others(
    ledger, clock, tmp_path, pagerduty, turn
):
    """Three models have it at once: two incidents, and the fleet-wide one of all."""
    for number in range(3):
        judge(ledger, clock, "income", model=spec(f"m{number}", **PAGED))
    turn()
    turn()
    assert len({one["incident_key"] for one in pagerduty.asked}) == 3
    pagerduty.asked.clear()
    pagerduty.fault = lambda path: clock.sleep(TO_ASK.total_seconds()) if "inc" in path else None
    for number in range(1, 4):
        turn()
        assert len(pagerduty.asked) == number, "one was all that there was time for"
        clock.moment -= TO_ASK
    assert len({one["incident_key"] for one in pagerduty.asked}) == 3


FAILURES = [
    pytest.param({"status": 401}, None, "HTTP 401", id="a wrong token"),
    pytest.param({"status": 403}, None, "HTTP 403", id="no right to read"),
    pytest.param({"status": 429}, None, "HTTP 429", id="too often"),
    pytest.param({"status": 503}, None, "HTTP 503", id="out of order"),
    pytest.param({"status": 302}, None, "HTTP 302", id="a redirect"),
    pytest.param({}, Fault.TRUNCATED_AFTER, "the answer is no JSON", id="cut off"),
    pytest.param({"body": "<html>"}, None, "the answer is no JSON", id="a page"),
    pytest.param({"body": "[" * 100_000}, None, "the answer is no JSON", id="deep"),
    pytest.param({"body": " " * 300_000}, None, "the answer is too long", id="long"),
    pytest.param({"body": "[]"}, None, "the answer is no list of incidents", id="another list"),
    pytest.param({}, Fault.RESET_BEFORE, "ConnectionError", id="cut off at once"),
    pytest.param({}, Fault.HANG_AFTER, "ReadTimeout", id="no answer"),
]


@pytest.mark.parametrize(("state", "fault", "reason"), FAILURES)
def test_a_failure_is_logged_once_and_stops_nothing(
    ledger, clock, paged, pagerduty, slack, turn, monkeypatch, caplog, capfd, tmp_path,
    state, fault, reason,
):  # fmt: skip
    monkeypatch.setattr(pagerduty_answers, "TIMEOUT_SECONDS", 0.5 if fault else 30)
    caplog.set_level(logging.DEBUG)
    pagerduty.hang_seconds = 1
    for name, value in state.items():
        setattr(pagerduty, name, value)
    pagerduty.fault = lambda path: fault if path == "/incidents" else None
    pagerduty.acknowledge(paged, "ada")
    judge(ledger, clock, "income", "income age", model=spec(**PAGED))
    assert [turn(), turn()] == [0, 0]
    assert [one for one, _, _ in replies(ledger, paged)] == [Reason.WORSE], "all else went out"
    assert pagerduty.requests["/incidents"] == 2, "one failure ends a turn"
    pagerduty.status, pagerduty.body, pagerduty.fault = 200, None, lambda _: None
    assert turn() == 1, "nothing was lost"
    said = [one.getMessage() for one in caplog.records if "PagerDuty " in one.getMessage()]
    assert said == [
        f"PagerDuty does not say what people did there: {reason}",
        "PagerDuty says again what people did there",
    ]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN not in "".join([caplog.text, *capfd.readouterr()])
    assert TOKEN.encode() not in written


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"PAGERDUTY_REST_URL": "http://10.0.0.7/canary"}, "PAGERDUTY_REST_URL is no address"),
        ({"PAGERDUTY_REST_URL": "http://127.0.0.1:9"}, "ConnectionError"),
        ({"PAGERDUTY_API_TOKEN": "canary\nX-Evil: 1"}, "InvalidHeader"),
        ({"PAGERDUTY_API_TOKEN": "canary\u2603"}, "UnicodeEncodeError"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    ledger, paged, turn, caplog, environment, reason
):
    caplog.set_level(logging.DEBUG)
    assert turn(**environment) == 0
    assert f"what people did there: {reason}" in caplog.text
    assert "canary" not in caplog.text


def test_a_body_that_drips_is_not_waited_for(ledger, paged, pagerduty, turn, monkeypatch, caplog):
    """Each byte comes in time, the whole of them never."""
    monkeypatch.setattr(pagerduty_answers, "TIMEOUT_SECONDS", 0.4)
    dripping = pagerduty.server.RequestHandlerClass

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with suppress(OSError):  # nobody listens any more
            for _ in range(60):
                self.wfile.write(b" ")
                time.sleep(0.1)
        self.close_connection = True

    monkeypatch.setattr(dripping, "do_GET", drip)
    began = time.monotonic()
    assert turn() == 0
    assert time.monotonic() - began < 4, "of six"
    assert "what people did there: ReadTimeout" in caplog.text


@pytest.mark.parametrize("name", ["<!channel> *x*", "'; DROP TABLE handlings; --", "\u202e\x00", 7])
def test_a_hostile_name_is_a_name(ledger, clock, paged, pagerduty, slack, turn, name):
    pagerduty.acknowledge(paged, name)
    assert turn() == 1
    ((_, by),) = handled(ledger, paged)
    assert by.isprintable()
    assert "<!channel>" not in json.dumps(slack.roots[0].blocks)
    assert turn() == 0
