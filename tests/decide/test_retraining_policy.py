from datetime import UTC, date, datetime, timedelta

import pytest

from monitoring_dagster.decide.diagnosis.causes import CauseKind, LikelyCause, Remedy
from monitoring_dagster.decide.retraining_policy import (
    TRIES,
    Cause,
    Situation,
    decide,
    gate,
    next_due,
    next_try,
)
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec import Retraining
from monitoring_dagster.spec.rules.alert_settings import Window
from monitoring_dagster.stats.quality.comparison import PairedComparison

TODAY = date(2026, 7, 1)
POLICY = Retraining(trainer="a:b")


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def situation(**changes) -> Situation:
    bad = {ago(n): ("log_loss",) for n in range(2, 5)}
    return Situation(
        **{
            "day": TODAY,
            "breaches": {ago(5): (), ago(6): (), **bad},
            "trained_on": ago(60),
            "attempts": (),
            "labelled_rows": 50_000,
            "open_kinds": frozenset(),
            "window": Window(3, 5),
            **changes,
        }
    )


def test_three_bad_days_of_five_retrain():
    decision = decide(POLICY, situation())
    assert decision.retrain
    assert decision.causes == (Cause.PERFORMANCE,)
    assert "log_loss worse than tolerated on 3 of the last 5 evaluated days" in decision.words


def likely(cause, action):
    return LikelyCause(cause=cause, weight=0.9, action=action, rule="rule", evidence=("it is",))


@pytest.mark.parametrize("action", [Remedy.ROLL_BACK, Remedy.FIX_PIPELINE, Remedy.COLLECT_LABELS])
def test_a_drop_that_no_training_mends_trains_nothing(action):
    cause = likely(CauseKind.NEW_VERSION, action)
    decision = decide(POLICY, situation(likely=cause))
    assert not decision.retrain
    assert f"the likely cause is new version, recommended: {action}" in decision.words


@pytest.mark.parametrize("action", [Remedy.RETRAIN, Remedy.RECALIBRATE, Remedy.WAIT])
def test_one_that_a_training_may_mend_is_answered_by_it(action):
    assert decide(POLICY, situation(likely=likely(CauseKind.CONCEPT_DRIFT, action))).retrain


def test_a_periodic_training_does_not_ask_for_causes():
    cause = likely(CauseKind.NEW_VERSION, Remedy.ROLL_BACK)
    policy = POLICY.model_copy(update={"cadence": "monthly"})
    assert decide(policy, situation(likely=cause)).retrain


@pytest.mark.parametrize(
    "breaches",
    [
        pytest.param({}, id="nothing was evaluated"),
        pytest.param({ago(2): ("mae",), ago(3): ("mae",), ago(4): ()}, id="two bad days"),
        pytest.param(
            {ago(n): () for n in range(1, 6)} | {ago(n): ("mae",) for n in range(6, 9)},
            id="bad days that lie behind the window",
        ),
    ],
)
def test_nothing_is_due_after(breaches):
    assert decide(POLICY, situation(breaches=breaches)) is None


@pytest.mark.parametrize(
    ("window", "is_due"),
    [
        pytest.param(Window(3, 3), True, id="the last three, and all of them are bad"),
        pytest.param(Window(4, 5), False, id="a fourth bad day is wanted"),
        pytest.param(Window(3, 2), False, id="bad days beyond the window do not count"),
        pytest.param(None, False, id="the rule is off: it asks for nothing"),
    ],
)
def test_retraining_follows_the_window_of_the_rule(window, is_due):
    assert (decide(POLICY, situation(window=window)) is not None) is is_due


def test_bad_days_before_the_last_attempt_were_answered_by_it():
    assert decide(POLICY, situation(attempts=(ago(1),))) is None


def test_drift_alone_is_no_cause():
    quiet = situation(breaches={}, open_kinds=frozenset({FindingKind.FEATURE_DRIFT}))
    assert decide(POLICY, quiet) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"attempts": (ago(13),)}, "13 days ago", id="a day inside the cool-down"),
        pytest.param(
            {"attempts": (ago(29), ago(22), ago(15))}, "a person should look", id="the quota"
        ),
        pytest.param(
            {"given_up": (ago(13),)},
            "failed tries, a person should look; it is tried again from 2026-07-02 on",
            id="a training that failed for days",
        ),
        pytest.param({"labelled_rows": 1999}, "1,999 labelled rows", id="one row too few"),
        pytest.param(
            {"invalid_share": 0.31},
            "31.0% of the rows of the days to learn from are invalid (limit 30%)",
            id="too many invalid rows",
        ),
        *(
            pytest.param({"open_kinds": frozenset({kind})}, str(kind), id=f"open {kind}")
            for kind in (
                FindingKind.MISSING_DAY,
                FindingKind.EMPTY_DAY,
                FindingKind.UNREADABLE_DATA,
                FindingKind.SCHEMA_BREACH,
            )
        ),
    ],
)
def test_a_due_retraining_waits_and_says_why(changes, why):
    decision = decide(POLICY, situation(**changes))
    assert not decision.retrain
    assert why in decision.words


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"attempts": (ago(14),)}, id="the cool-down is over on its last day"),
        pytest.param({"attempts": (ago(30), ago(22), ago(15))}, id="the quota forgets after 30"),
        pytest.param({"given_up": (ago(14),)}, id="the rest after giving up is over"),
        pytest.param({"labelled_rows": 2000}, id="just enough rows"),
        pytest.param({"invalid_share": 0.3}, id="invalid rows on the limit"),
        pytest.param({"open_kinds": frozenset({FindingKind.FEATURE_DRIFT})}, id="open drift"),
    ],
)
def test_nothing_speaks_against_it_when(changes):
    assert decide(POLICY, situation(**changes)).retrain


@pytest.mark.parametrize(
    ("cadence", "since", "due"),
    [
        ("never", date(2026, 3, 28), None),
        ("daily", date(2026, 3, 28), date(2026, 3, 29)),  # Europe changes its clocks
        ("weekly", date(2026, 3, 28), date(2026, 4, 4)),
        ("monthly", date(2026, 1, 31), date(2026, 2, 28)),
        ("monthly", date(2026, 12, 15), date(2027, 1, 15)),
        ("quarterly", date(2026, 11, 30), date(2027, 2, 28)),
    ],
)
def test_a_cadence_names_the_next_day(cadence, since, due):
    assert next_due(cadence, since) == due


def test_a_failed_training_is_tried_again_later_each_time_and_then_given_up():
    now, waits = datetime(2026, 7, 1, 6, tzinfo=UTC), []
    failed_at = [now]
    while (due := next_try(failed_at)) is not None:
        waits.append((due - failed_at[-1]) / timedelta(hours=1))
        failed_at.append(due)
    assert waits == [1, 6, 24, 24, 24, 24]
    assert len(failed_at) == TRIES


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly", "quarterly"])
def test_each_cadence_is_kept_for_a_year_with_all_else_as_it_comes(cadence):
    """The cool-down and the quota that nobody wrote are no shorter leash than the cadence."""
    policy, day, attempts = Retraining(trainer="a:b", cadence=cadence), ago(0), []
    last = ago(60)
    for number in range(365):
        day = TODAY + timedelta(days=number)
        found = decide(
            policy, situation(day=day, breaches={}, trained_on=ago(60), attempts=tuple(attempts))
        )
        assert found is None or found.retrain, found
        if found:
            assert day >= next_due(cadence, last)
            assert number == 0 or day == next_due(cadence, last)
            attempts.append(day)
            last = day
    assert len(attempts) in {"daily": (365,), "weekly": (53,), "monthly": (12, 13),
                             "quarterly": (4, 5)}[cadence]  # fmt: skip


def test_two_causes_are_one_retraining():
    policy = Retraining(trainer="a:b", cadence="monthly")
    decision = decide(policy, situation())
    assert decision.causes == (Cause.PERFORMANCE, Cause.CADENCE)
    assert decision.retrain


def test_a_stream_that_stays_bad_ends_in_a_call_for_a_person():
    """Sixty bad days: the quota holds, and the last word is that more of it will not help."""
    attempts, words = [], ""
    for number in range(60):
        day = TODAY + timedelta(days=number)
        breaches = {day - timedelta(days=n): ("mae",) for n in range(2, 7)}
        found = decide(
            Retraining(trainer="a:b", cooldown_days=7, holdout_days=7),
            situation(day=day, breaches=breaches, attempts=tuple(attempts)),
        )
        if found and found.retrain:
            attempts.append(day)
        words = found.words if found else words
        month = [one for one in attempts if day - one < timedelta(days=30)]
        assert len(month) <= 3
        if len(month) == 3:
            assert not found or found.retrain or "a person should look" in found.words
    assert len(attempts) <= 6


NAN = float("nan")


def compared(*, champion=0.5, challenger=0.45, p_value=0.001, n=10_000) -> PairedComparison:
    difference = champion - challenger
    return PairedComparison(champion, challenger, difference, difference, difference, p_value, n)


def test_a_better_challenger_passes():
    assert gate(compared(), {}, metric="log_loss").passed


@pytest.mark.parametrize(
    ("overall", "segments", "why"),
    [
        pytest.param(
            compared(p_value=0.05), {}, "not significantly better (p = 0.05)", id="exactly at alpha"
        ),
        pytest.param(
            compared(p_value=NAN), {}, "not significantly better", id="a p-value that is none"
        ),
        pytest.param(
            compared(challenger=NAN),
            {},
            "not defined for both models on the holdout",
            id="no value at all",
        ),
        pytest.param(
            compared(),
            {"origin=JFK": compared(champion=0.4, challenger=0.5, p_value=0.9999, n=200)},
            "origin=JFK",
            id="a segment that pays for it",
        ),
    ],
)
def test_the_champion_stays(overall, segments, why):
    found = gate(overall, segments, metric="log_loss")
    assert not found.passed
    assert why in found.words


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(compared(champion=0.4, challenger=0.5, p_value=0.9999, n=199), id="too small"),
        pytest.param(compared(champion=0.4, challenger=0.41, p_value=0.9999), id="in the margin"),
        pytest.param(compared(champion=0.4, challenger=0.5, p_value=0.9), id="not proved"),
    ],
)
def test_a_segment_does_not_stop_it_when_it_is(segment):
    assert gate(compared(), {"origin=JFK": segment}, metric="log_loss").passed


def test_a_segment_in_which_the_metric_is_not_defined_is_named_and_stops_nothing():
    """Where all rows are of one class, say, there is no area under the curve."""
    segments = {f"origin={name}": compared(champion=NAN) for name in ("a", "b\x1b", "c" * 99, "d")}
    found = gate(compared(), segments, metric="roc_auc")
    assert found.passed
    assert "not compared in origin=a, origin=b\\x1b, origin=c" in found.words
    assert "cc… and 1 more, where roc_auc is not defined" in found.words


def test_a_segment_of_a_single_day_proves_nothing_against_the_challenger():
    one_day = PairedComparison(0.4, 0.5, -0.1, float("-inf"), float("inf"), 1.0, 500)
    assert gate(compared(), {"origin=JFK": one_day}, metric="log_loss").passed


@pytest.mark.parametrize(("room", "passes"), [(0.02, True), (0.005, False)])
def test_a_segment_may_get_worse_by_what_its_owner_tolerates(room, passes):
    """Of a bias near 0 five per cent are nothing."""
    segment = {"origin=JFK": compared(champion=0.001, challenger=0.011, p_value=0.9999)}
    found = gate(compared(), segment, metric="size of bias", tolerated={"origin=JFK": room})
    assert found.passed is passes
