"""What a sender is given, and the certainties it may end with."""

import pickle
from dataclasses import replace

import pytest

from monitoring_dagster.act.notify.sender import (
    NotDelivered,
    Posting,
    Refused,
    RefusedForEver,
    Uncertain,
)
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.report.messages import render
from tests.act.notify.shared import LINKS, judge


def test_what_is_refused_for_ever_is_refused_and_neither_is_a_doubt():
    assert issubclass(RefusedForEver, Refused)
    assert not issubclass(Uncertain, Refused)
    assert issubclass(NotDelivered, MonitoringError)


def test_a_variable_that_is_not_set_is_named():
    assert str(Refused.not_set("SMTP_URL")) == "SMTP_URL is not set in the environment"


@pytest.mark.parametrize("kind", [Refused, RefusedForEver, Uncertain])
def test_a_failure_travels(kind):
    assert str(pickle.loads(pickle.dumps(kind("HTTP 503")))) == "HTTP 503"


def test_the_root_of_a_thread_is_the_first_that_arrived(ledger, clock):
    judge(ledger, clock, "income")
    delivery = ledger.deliveries.claim(now=clock())
    first = Posting(delivery, "#ml-alerts", render(delivery.event, LINKS), (), None)
    assert first.root is None
    assert replace(first, earlier=(delivery, delivery)).root is delivery
