"""What people decided about labels is kept for good, whole, and once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from monitoring_dagster.store.ledger.decided.label_decisions import (
    Decision,
    LabelDecision,
    LabelDecisions,
    UnstorableRequest,
    discarded_on,
)
from monitoring_dagster.store.ledger.ledger import Ledger

SERVED = date(2026, 1, 1)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
DISCARD, KEEP = Decision.DISCARD, Decision.KEEP


def said(request_id="a", decision=DISCARD, *, at=NOON, reason="a typo", model="credit"):
    return LabelDecision(model, request_id, SERVED, decision, reason, "ada", at)


@pytest.fixture
def decisions(ledger_url):
    return Ledger(ledger_url).label_decisions


def test_decisions_come_back_as_they_were_oldest_first(decisions):
    """Of one model alone, with times in UTC."""
    there = datetime(2026, 1, 6, 14, tzinfo=timezone(timedelta(hours=2)))
    told = [said("b"), said("a"), replace(said("b", KEEP), at=there)]
    for one in told:
        assert decisions.record([one]) == 1
    decisions.record([said("c", model="other")])
    assert decisions.of("credit") == told
    assert [one.at.utcoffset() for one in decisions.of("credit")] == [timedelta(0)] * 3
    assert decisions.of("credit") == LabelDecisions(decisions.url).of("credit")


def test_the_same_again_is_no_new_decision(decisions):
    """However late; another reason is one, and so is the first one once it was undone."""
    assert decisions.record([said("a"), said("b"), said("a")]) == 2
    assert decisions.record([said("a", at=NOON + timedelta(days=9)), said("c")]) == 1
    assert decisions.record([said("a", reason="a forgery")]) == 1
    assert decisions.record([said("a", KEEP)]) == 1
    assert decisions.record([said("a")]) == 1
    assert decisions.record([]) == 0
    assert len(decisions.of("credit")) == 6


@pytest.mark.parametrize(
    "hostile", ["'); DROP TABLE label_decisions; --", "%s %(a)s :a", "\u202egnp", "x" * 5000, ""]
)
def test_hostile_ids_and_reasons_are_values(decisions, hostile):
    """And are found again as they are."""
    for _ in range(2):
        decisions.record([said(hostile, reason=hostile)])
    (stored,) = decisions.of("credit")
    assert (stored.request_id, stored.reason) == (hostile, hostile)


@pytest.mark.parametrize("hostile", ["a\0b", "\ud800"])
def test_an_id_that_no_database_holds_is_refused_with_all_that_came_with_it(decisions, hostile):
    """A changed id would be another request; a changed reason is readable, and the same again."""
    with pytest.raises(UnstorableRequest, match="holds a NUL or half a character"):
        decisions.record([said("a"), said(hostile)])
    assert decisions.of("credit") == []
    assert [decisions.record([said(reason=hostile)]) for _ in range(2)] == [1, 0]


def test_many_at_once_write_each_decision_once(decisions):
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda _: decisions.record([said("a"), said("b")]), range(8)))
    assert sum(new) == len(decisions.of("credit")) == 2


def test_killed_while_it_writes_it_has_written_nothing(decisions):
    """All of a command's decisions or none, and the next one is not kept waiting."""
    program = f"""
import os, signal
from datetime import UTC, date, datetime
from sqlalchemy import event
from monitoring_dagster.store.ledger.database import engine
from monitoring_dagster.store.ledger.decided.label_decisions import *
url = {decisions.url!r}
event.listen(engine(url), "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
LabelDecisions(url).record([
    LabelDecision("credit", one, date(2026, 1, 1), Decision.DISCARD, "a typo", "ada",
                  datetime(2026, 1, 6, tzinfo=UTC)) for one in "ab"
])
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode == -9
    assert decisions.of("credit") == []
    assert decisions.record([said("a")]) == 1


@pytest.mark.parametrize(
    ("told", "by_day"),
    [
        pytest.param([], [set(), set(), set()], id="nothing was decided"),
        pytest.param([(DISCARD, 1)], [set(), {"a"}, {"a"}], id="from its day on"),
        pytest.param([(DISCARD, 1), (KEEP, 2)], [set(), {"a"}, set()], id="until it is kept"),
        pytest.param([(DISCARD, 1), (KEEP, 1)], [set(), set(), set()], id="undone the same day"),
        pytest.param([(KEEP, 0), (DISCARD, 2)], [set(), set(), {"a"}], id="kept, then discarded"),
    ],
)
def test_the_newest_decision_by_the_end_of_a_day_counts(told, by_day):
    """Whatever comes after it, and in whatever time zone it was written down."""
    start = datetime(2026, 1, 6, tzinfo=UTC)
    far = timezone(timedelta(hours=-11))  # where it is the day before
    decisions = [said("a", one, at=(start + timedelta(days=n)).astimezone(far)) for one, n in told]
    found = [discarded_on(decisions, start.date() + timedelta(days=n)) for n in range(3)]
    assert [{id_ for id_, _ in one} for one in found] == by_day
