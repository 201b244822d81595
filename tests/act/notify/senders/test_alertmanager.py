"""Alertmanager: one alert for an incident, by its labels, and its end."""

import json
from datetime import timedelta

import pytest

from monitoring_dagster.act.notify.senders.alertmanager import Alertmanager, alerts_of
from tests.act.notify.written import EVENTS, INCIDENT, assert_golden, posting


@pytest.fixture
def sink(receivers):
    return f"alertmanager:{receivers.base_url}"


@pytest.mark.parametrize("name", EVENTS)
def test_an_alert_reads_as_it_is_kept(name):
    alerts = alerts_of(posting(name, "alertmanager:https://alertmanager.example.org"))
    text = json.dumps(alerts, indent=2, ensure_ascii=False)
    assert_golden(f"alertmanager_{name}.json", f"{text}\n")


def test_an_incident_is_one_alert_that_ends(receivers, sink):
    for name in ("first", "first", "worse", "resolved"):
        assert Alertmanager().send(posting(name, sink)).ts == INCIDENT
    now = posting("resolved", sink).delivery.created_at
    assert all(ends <= now for ends in receivers.alerts.values())
    assert receivers.refusals == []


def test_a_severity_that_rose_is_another_alert_and_the_former_one_ends(receivers, sink):
    """Routes go by severity, so it is a label; two open alerts would page twice."""
    Alertmanager().send(posting("first", sink))
    Alertmanager().send(posting("worse", sink))
    now = posting("worse", sink).delivery.created_at
    still_open = [dict(labels) for labels, ends in receivers.alerts.items() if ends > now]
    assert [one["severity"] for one in still_open] == ["P1"]
    assert len(receivers.alerts) == 2


def test_an_open_alert_does_not_end_by_itself(receivers, sink):
    first = posting("first", sink)
    Alertmanager().send(first)
    ((_, ends),) = receivers.alerts.items()
    assert ends - first.delivery.created_at > timedelta(days=365)


def test_what_was_done_ends_after_an_hour(receivers, sink):
    Alertmanager().send(posting("announcement", sink))
    ((_, ends),) = receivers.alerts.items()
    assert ends - posting("announcement", sink).delivery.created_at == timedelta(hours=1)


def test_what_may_have_arrived_may_be_sent_again(sink):
    assert Alertmanager().settle(posting("first", sink)) is None
