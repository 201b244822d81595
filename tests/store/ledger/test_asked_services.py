"""A service is asked once in a while by whoever comes first, and its failure is news once."""

from datetime import timedelta

import pytest

from monitoring_dagster.store.ledger.ledger import Ledger
from tests.store.ledger.test_ledger import NOON

PAUSE = timedelta(seconds=60)


@pytest.fixture
def asked(ledger_url):
    return Ledger(ledger_url).asked_services


@pytest.mark.parametrize(
    ("seconds", "may"),
    [
        pytest.param(0, False, id="at the same moment"),
        pytest.param(59, False, id="within the pause"),
        pytest.param(60, True, id="at its end"),
        pytest.param(-1, True, id="by a clock that was put back"),
    ],
)
def test_a_service_is_asked_once_in_a_while(asked, seconds, may):
    assert asked.begin("pagerduty", now=NOON, pause=PAUSE)
    again = NOON + timedelta(seconds=seconds)
    assert asked.begin("pagerduty", now=again, pause=PAUSE) is may
    assert asked.begin("another", now=NOON, pause=PAUSE), "each for itself"


def test_who_asks_ends_the_turn_of_all_others(asked):
    for minutes in (0, 1, 2):
        now = NOON + timedelta(minutes=minutes)
        turns = [asked.begin("pagerduty", now=now, pause=PAUSE) for _ in range(3)]
        assert turns == [True, False, False]


def test_a_failure_and_its_end_are_news_once(asked):
    asked.begin("pagerduty", now=NOON, pause=PAUSE)
    reasons = [None, "HTTP 401", "HTTP 401", "HTTP 503", None, None]
    news = [asked.note("pagerduty", one) for one in reasons]
    assert news == [False, True, False, True, True, False]
    asked.begin("pagerduty", now=NOON + PAUSE, pause=PAUSE)
    assert not asked.note("pagerduty", None), "a turn forgets no reason"
