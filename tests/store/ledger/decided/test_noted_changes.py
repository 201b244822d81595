"""What somebody noted is kept once, and comes back in the order of its time."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring_dagster.decide.diagnosis.changes import Change, ChangeKind
from monitoring_dagster.store.ledger.ledger import Ledger

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def change(words="scikit-learn 1.9", *, hours=0, version=""):
    return Change(NOON + timedelta(hours=hours), ChangeKind.LIBRARIES, words, version, "ada")


def test_changes_come_back_as_they_were_noted_oldest_first(ledger):
    later, first = change(hours=3, version="3"), change("numpy 3")
    assert ledger.note_change("credit", later)
    assert ledger.note_change("credit", first)
    assert ledger.changes("credit", NOON, NOON + timedelta(days=1)) == [first, later]


def test_a_script_that_tries_again_notes_nothing_twice(ledger):
    assert ledger.note_change("credit", change())
    assert not ledger.note_change("credit", change())
    assert len(ledger.changes("credit", NOON, NOON)) == 1


def test_another_model_and_another_time_are_other_changes(ledger):
    ledger.note_change("credit", change())
    assert ledger.changes("churn", NOON, NOON) == []
    assert ledger.changes("credit", NOON + timedelta(seconds=1), NOON + timedelta(days=1)) == []


def test_words_that_a_database_refuses_are_kept_as_far_as_they_go(ledger):
    ledger.note_change("credit", change("a\0b"))
    assert [one.words for one in ledger.changes("credit", NOON, NOON)] == ["a\ufffdb"]
