"""Trainings that failed: written down, told once for their cause, tried again at a known time."""

from datetime import timedelta

import pytest

from monitoring_dagster.act.retraining.enough_labels import TooFewLabels
from monitoring_dagster.act.retraining.failed_training import (
    FAILED,
    GAVE_UP,
    SENSOR,
    due_at,
    failures_of,
    given_up_on,
    is_recorded,
    record_failure,
    record_lost_run,
    result_id,
)
from monitoring_dagster.act.retraining.training import NoTrainer
from monitoring_dagster.decide.retraining_policy import TRIES
from monitoring_dagster.store.ledger.decided.promotions import PromotedMeanwhile
from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from tests.tiny import DAY, after, at, monitor_of, noon, told

HOUR = timedelta(hours=1)
ATTEMPT = str(DAY)


@pytest.fixture
def monitor(tmp_path):
    return at(monitor_of(tmp_path), noon())


def fail(monitor, error, *, by=SENSOR, attempt=ATTEMPT, run="r1", day=DAY):
    record_failure(monitor, attempt, day, error, by=by, run_id=run)


def decisions(monitor):
    return {one.trigger_id: one for one in monitor.ledger.decisions("tiny")}


def test_a_failed_try_is_told_with_its_next_time(monitor):
    fail(monitor, ValueError("no  room\nleft."))
    (one,) = decisions(monitor).values()
    assert (one.trigger_id, one.outcome) == (f"{DAY}/try 1", FAILED)
    assert one.words == "ValueError: no room left"
    assert told(monitor) == [
        ("Retraining failed",
         "ValueError: no room left. It is tried again at 2026-03-02 13:00 UTC, 7 times in all.")
    ]  # fmt: skip


def test_the_same_cause_is_told_once_and_another_again(monitor):
    for words in ("port 41 at 10:02", "port 42 at 11:02", "disk full"):
        fail(monitor, OSError(words))
    assert {words.partition(".")[0] for _, words in told(monitor)} == {
        "OSError: port 41 at 10:02", "OSError: disk full"
    }  # fmt: skip
    assert len(failures_of(monitor.ledger.decisions("tiny"), ATTEMPT)) == 3


def test_after_the_last_try_it_is_given_up_and_a_person_called(monitor):
    for n in range(TRIES):
        fail(at(monitor, noon() + n * 30 * HOUR), ValueError("no"))
    found = decisions(monitor)
    assert found[result_id(ATTEMPT)].outcome == GAVE_UP
    assert found[f"{DAY}/try {TRIES}"].outcome == FAILED
    *_, (title, words) = told(at(monitor, noon() + TRIES * 30 * HOUR))
    assert title == f"Retraining given up after {TRIES} failed tries"
    assert words.endswith("A person should look; then: monitoring-dagster model retrain tiny.")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TooFewLabels.never_judged("tiny"), id="too few labels"),
        pytest.param(NoTrainer.of("tiny"), id="no trainer"),
        pytest.param(PromotedMeanwhile.of("tiny", expected="1", found="3"), id="another serves"),
    ],
)
def test_what_no_repetition_mends_is_what_came_of_it(monitor, error):
    fail(monitor, error)
    (one,) = decisions(monitor).values()
    assert (one.trigger_id, one.outcome) == (result_id(ATTEMPT), FAILED)
    assert one.words == str(error).rstrip(".")
    assert due_at(monitor.ledger.decisions("tiny"), ATTEMPT) is None


def test_who_tries_it_by_hand_leaves_the_sensor_its_tries(monitor):
    for _ in range(2):
        fail(monitor, ValueError("no"), by="ada")
    fail(monitor, ValueError("no"), by="ada", attempt=f"{DAY}/by hand 1")
    assert set(decisions(monitor)) == {
        f"{DAY}/tried 0", f"{DAY}/tried 1", f"{DAY}/by hand 1/result"
    }  # fmt: skip
    assert failures_of(monitor.ledger.decisions("tiny"), ATTEMPT) == []


@pytest.mark.parametrize(
    ("cancelled", "trigger", "words"),
    [
        (True, f"{DAY}/result", "its run was cancelled in Dagster"),
        (False, f"{DAY}/try 1", "its run ended without a result: killed, or out of memory"),
    ],
)
def test_a_run_that_ended_without_a_word(monitor, cancelled, trigger, words):
    record_lost_run(monitor, DAY, run_id="r9", cancelled=cancelled)
    (one,) = decisions(monitor).values()
    assert (one.trigger_id, one.words) == (trigger, words)
    assert is_recorded(monitor, "r9")
    assert not is_recorded(monitor, "r1")


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(Unspeakable(), "Unspeakable", id="an error that cannot be said"),
        pytest.param(ValueError(), "ValueError", id="one that says nothing"),
        pytest.param(ValueError("x" * 290), "ValueError: " + "x" * 288 + "…", id="a long one"),
    ],
)
def test_the_owners_trainer_may_raise_anything(monitor, error, words):
    fail(monitor, error)
    (one,) = decisions(monitor).values()
    assert one.words == words


def test_a_cause_that_came_back_after_a_success_is_news(monitor):
    fail(monitor, ValueError("no"))
    done = RetrainingDecision("tiny", result_id(ATTEMPT), DAY, "promoted", "", {}, noon())
    monitor.ledger.record_decision(done)
    fail(monitor, ValueError("no"), attempt=str(after(9)), day=after(9))
    assert len(told(monitor)) == 2


def test_each_wait_is_longer_than_the_one_before(monitor):
    waits = []
    for n in range(3):
        fail(at(monitor, noon(after(n))), ValueError("no"))
        waits.append(due_at(monitor.ledger.decisions("tiny"), ATTEMPT) - noon(after(n)))
    assert waits == [HOUR, 6 * HOUR, 24 * HOUR]
    assert due_at(monitor.ledger.decisions("tiny"), "another") is None


def test_when_trainings_were_given_up_after_a_day():
    def one(day, outcome):
        return RetrainingDecision(
            "tiny", f"{day}/result", day, outcome, "", {}, noon(after(1, day))
        )

    made = [one(DAY, GAVE_UP), one(after(1), GAVE_UP), one(after(2), FAILED)]
    assert given_up_on(made, since=DAY) == (after(2),)
    assert given_up_on(made, since=after(-1)) == (after(1), after(2))
