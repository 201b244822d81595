"""Whether a retraining is due: decided once a day, carried out once, and never about history."""

from datetime import timedelta

import pytest

from monitoring_dagster.act.retraining import trigger as module
from monitoring_dagster.act.retraining.failed_training import record_failure, result_id
from monitoring_dagster.act.retraining.trigger import (
    decision_on,
    pending_trigger,
    stored_breaches,
    waiting_trigger,
    why_not,
)
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.retraining_policy import RETRAIN, WAIT
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from tests.tiny import (
    DAY,
    FakeMlflow,
    after,
    at,
    keep,
    monitor_of,
    promoted,
    reference,
    with_mlflow,
)

POLICY = {
    "trainer": "a:b", "cadence": "weekly", "train_days": 2, "holdout_days": 1,
    "min_labelled_rows": 10, "cooldown_days": 3,
}  # fmt: skip
HOUR = timedelta(hours=1)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A judged day on which a champion was trained so many days ago, with labels enough."""

    def of(*, trained=7, labels=90, hours=1, day=DAY, **policy):
        found = monitor_of(
            tmp_path, retraining=POLICY | policy, first_day=after(-30),
            rules={"performance": {"accuracy": {"absolute": 0.1}}},
        )  # fmt: skip
        monitor = with_mlflow(at(found, found.judged_at(day) + hours * HOUR), FakeMlflow("1"))
        monitor.registry.alias = "1"
        monitor.ledger.record_promotion(promoted("1", on=after(-20)))
        known = reference("1", trained_until=after(-trained, day))
        monkeypatch.setattr(module, "reference_of", lambda *_: known)
        (monitor.root / "served").mkdir(exist_ok=True)
        for n in range(6, 12):
            served = after(-n, day)
            (monitor.root / "served" / f"{served}.parquet").touch()
            keep(monitor, "profile", served, service={"counted": 100})
            keep(monitor, "outcomes", served, account={"by_day": {str(served): labels}})
        keep(monitor, "verdict", day)
        return monitor

    return of


def decided(monitor):
    return [(one.trigger_id, one.outcome) for one in monitor.ledger.decisions("tiny")]


def test_a_day_on_which_one_is_due_asks_for_it_once_however_often_somebody_looks(made):
    monitor = made()
    first, again = pending_trigger(monitor), pending_trigger(monitor)
    assert first == again
    assert (first.day, first.number) == (DAY, 1)
    assert decided(monitor) == [(str(DAY), RETRAIN)]


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        pytest.param({"trained": 6}, None, id="the cadence is not due"),
        pytest.param({"trained": 7}, RETRAIN, id="it is due today"),
        pytest.param({"cadence": "never"}, None, id="never"),
        pytest.param({"labels": 3, "min_labelled_rows": 500}, WAIT, id="too few labels"),
    ],
)
def test_what_is_decided(made, asked, outcome):
    monitor = made(**asked)
    trigger = pending_trigger(monitor)
    assert (trigger is not None) is (outcome == RETRAIN)
    assert decided(monitor) == ([] if outcome is None else [(str(DAY), outcome)])


def test_a_decision_says_all_that_it_looked_at(made):
    monitor = made()
    pending_trigger(monitor)
    (one,) = monitor.ledger.decisions("tiny")
    assert one.at == monitor.judged_at(DAY)
    assert one.inputs == {
        "by": "sensor", "breaches": {}, "trained_on": str(after(-7)), "attempts": [],
        "given_up": [], "labelled_rows": 180, "invalid_share": 0.0, "open_kinds": [],
        "likely_cause": None,
    }  # fmt: skip


def test_nothing_is_decided_about_a_day_long_over(made):
    monitor = made(hours=24 * 30)
    assert pending_trigger(monitor) is None
    assert decided(monitor) == []
    assert why_not(monitor) == f"the last judged day {DAY} is more than 7 days ago: no retraining"


def test_while_one_waits_no_other_is_decided(made):
    monitor = made()
    pending_trigger(monitor)
    keep(monitor, "verdict", after(1))
    later = at(monitor, monitor.judged_at(after(1)) + HOUR)
    assert pending_trigger(later).day == DAY
    assert len(decided(later)) == 1


def test_a_failed_try_waits_until_its_time(made):
    monitor = made()
    pending_trigger(monitor)
    record_failure(monitor, str(DAY), DAY, ValueError("no"), by="sensor", run_id=None)
    assert waiting_trigger(monitor) is None
    assert why_not(monitor) == (
        f"try 2 of 7 as of {DAY} at {monitor.house.now() + HOUR:%Y-%m-%d %H:%M} UTC: ValueError: no"
    )
    assert waiting_trigger(at(monitor, monitor.house.now() + HOUR)).number == 2


def test_what_was_carried_out_waits_no_more(made):
    monitor = made()
    pending_trigger(monitor)
    done = RetrainingDecision(
        "tiny", result_id(str(DAY)), DAY, "rejected", "no better", {}, monitor.house.now()
    )
    monitor.ledger.record_decision(done)
    assert waiting_trigger(monitor) is None
    assert why_not(monitor) == f"as of {DAY}: rejected. no better"


def test_what_a_person_asked_for_is_that_persons_to_carry_out(made):
    monitor = made(cadence="never")
    by_hand = RetrainingDecision("tiny", f"{DAY}/by hand 1", DAY, RETRAIN, "Asked for.", {},
                                 monitor.house.now())  # fmt: skip
    monitor.ledger.record_decision(by_hand)
    assert pending_trigger(monitor) is None


@pytest.mark.parametrize(
    ("hours", "counts"),
    [
        pytest.param(23, True, id="it may still be at work"),
        pytest.param(24, False, id="a day later it has died"),
    ],
)
def test_a_retraining_by_hand_keeps_the_sensor_from_another(made, hours, counts):
    monitor = made()
    begun = monitor.house.now() - timedelta(hours=hours)
    monitor.ledger.record_decision(
        RetrainingDecision("tiny", f"{after(-1)}/by hand 1", after(-1), RETRAIN, "Asked for.",
                           {"begun": begun.isoformat()}, begun)
    )  # fmt: skip
    assert (decision_on(monitor, DAY) is None) is counts


def test_a_champion_that_was_moved_in_mlflow_is_written_down_first(made):
    monitor = made(cadence="never")
    monitor.registry.known["2"] = {}
    monitor.registry.alias = "2"
    pending_trigger(monitor)
    assert monitor.ledger.promotions("tiny")[-1].version == "2"


def test_a_few_rows_that_cannot_be_read_keep_no_model_from_being_retrained(made):
    monitor = made()

    def find(severity):
        one = Finding("tiny", DAY, FindingKind.UNREADABLE_DATA, "rows", severity, "odd", "outcomes")
        monitor.ledger.record_day(monitor.spec, DAY, [one], now=monitor.judged_at(DAY))
        return decision_on(monitor, DAY)[1].open_kinds

    assert find(Severity.P3) == frozenset()
    assert find(Severity.P1) == {FindingKind.UNREADABLE_DATA}


def test_days_on_which_the_champion_was_worse_than_tolerated(made):
    monitor = made()

    def said(day, value, version="1"):
        return Signal.on(day, "quality.accuracy", value, low=value, high=value, n=100,
                         baseline=0.9, version=version, known_on=DAY)  # fmt: skip

    signals = [said(after(-2), 0.5), said(after(-1), 0.9), said(after(-1), 0.5, "2")]
    keep(monitor, "verdict", signals=signals)
    found = stored_breaches(monitor, DAY)
    assert set(found[after(-2)]["1"]) == {"accuracy"}
    assert found[after(-1)]["1"] == {}
    situation = decision_on(monitor, DAY)[1]
    assert situation.breaches == {after(-2): ("accuracy",), after(-1): ()}


@pytest.mark.parametrize("missing", ["policy", "champion", "reference"])
def test_without_a_policy_a_champion_or_its_reference_nothing_is_due(
    made, tmp_path, monkeypatch, missing
):
    monitor = made()
    if missing == "policy":
        monitor = with_mlflow(monitor_of(tmp_path), monitor.registry)
    elif missing == "champion":
        monitor.registry.known.clear()
    else:
        monkeypatch.setattr(module, "reference_of", lambda *_: None)
    assert decision_on(monitor, DAY) is None


def test_before_any_day_is_judged_and_where_nothing_is_due_it_says_so(made, tmp_path):
    assert why_not(monitor_of(tmp_path / "new")) == "no day is judged yet"
    assert why_not(made(cadence="never")) == f"no retraining is due as of {DAY}"
