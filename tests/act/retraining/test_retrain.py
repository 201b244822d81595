"""One retraining: whatever comes of it is written down and announced, once."""

import json

import pytest

from monitoring_dagster.act.retraining import retrain as module
from monitoring_dagster.act.retraining.challenger import Challenger
from monitoring_dagster.act.retraining.enough_labels import TooFewLabels
from monitoring_dagster.act.retraining.failed_training import SENSOR, result_id
from monitoring_dagster.act.retraining.retrain import AlreadyRetrained, retrain
from monitoring_dagster.act.retraining.training import NoTrainer
from monitoring_dagster.decide.retraining_policy import RETRAIN, Gate
from monitoring_dagster.store.ledger.decided.promotions import PairedResult, PromotedMeanwhile
from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from tests.tiny import DAY, FakeMlflow, at, keep, monitor_of, noon, promoted, told, with_mlflow

BETTER, WORSE = Gate(passed=True, words="better"), Gate(passed=False, words="no better")
POLICY = {"trainer": "a:b"}
PAIRED = PairedResult("log_loss", "1", 0.02, 0.01, 0.03, 1500)


@pytest.fixture
def mlflow():
    return FakeMlflow("1", champion="1")


@pytest.fixture
def made(tmp_path, mlflow, monkeypatch):
    """A monitor whose challengers, version 2, pass the gate or do not."""

    def of(gate=BETTER, *, error=None, **policy):
        found = monitor_of(tmp_path, retraining=POLICY | policy)
        monitor = with_mlflow(at(found, noon()), mlflow)
        monitor.ledger.record_promotion(promoted("1"))
        keep(monitor, "verdict")

        def challenger(_monitor, _days, cause, attempt, by):
            if error is not None:
                raise error
            mlflow.known["2"] = {
                "attempt": attempt, "gate_passed": str(gate.passed).lower(), "gate": gate.words,
                "compared_with": "1", "paired": json.dumps(PAIRED.as_dict()),
            }  # fmt: skip
            return Challenger("2", "1", gate, {"rows": 7.0}, PAIRED)

        monkeypatch.setattr(module, "challenger", challenger)
        return monitor

    return of


def asked(monitor, *, by="ada", as_of=None):
    return retrain(monitor, as_of=as_of, cause="Asked for.", by=by)


def decide(monitor, day=DAY, outcome=RETRAIN):
    one = RetrainingDecision("tiny", str(day), day, outcome, "It is due.", {"by": SENSOR}, noon())
    monitor.ledger.record_decision(one)


@pytest.mark.parametrize(
    ("gate", "policy", "outcome", "serves", "title"),
    [
        pytest.param(BETTER, {}, "promoted", "2",
                     "Challenger v2 promoted; it replaces v1 as champion", id="a better one"),
        pytest.param(WORSE, {}, "rejected", "1",
                     "Challenger v2 not promoted; v1 remains champion", id="one no better"),
        pytest.param(BETTER, {"promotion": "manual"}, "waits for approval", "1",
                     "Challenger v2 waits for approval; v1 remains champion",
                     id="a better one, and a person decides"),
        pytest.param(WORSE, {"promotion": "manual"}, "rejected", "1",
                     "Challenger v2 not promoted; v1 remains champion",
                     id="one no better is no question"),
    ],
)  # fmt: skip
def test_what_comes_of_a_challenger(made, mlflow, gate, policy, outcome, serves, title):
    monitor = made(gate, **{"promotion": "automatic", **policy})
    found = asked(monitor)
    assert (found.version, found.words["outcome"], found.numbers) == ("2", outcome, {"rows": 7.0})
    assert found.promoted is (serves == "2")
    assert mlflow.alias == serves
    if found.promoted:
        assert monitor.ledger.promotions("tiny")[-1].paired == PAIRED
    ((said, words),) = told(at(monitor, noon(DAY.replace(month=4))))
    assert said == title
    assert words.startswith(f"Asked for. Challenger v2: {gate.words}.")
    assert ("model promote tiny 2" in words) is (outcome == "waits for approval")
    done = {one.trigger_id: one for one in monitor.ledger.decisions("tiny")}
    result = done[f"{DAY}/by hand 1/result"]
    assert (result.outcome, result.inputs) == (outcome, {"version": "2", "by": "ada"})


def test_asking_again_by_hand_is_another_attempt(made):
    monitor = made()
    for _ in range(2):
        asked(monitor)
    ids = {one.trigger_id for one in monitor.ledger.decisions("tiny")}
    assert ids == {
        f"{DAY}/by hand {n}{end}" for n in (1, 2) for end in ("", "/result")
    }  # fmt: skip


def test_a_decision_that_waits_is_what_is_carried_out_whoever_asks(made):
    monitor = made()
    decide(monitor)
    asked(monitor)
    ids = {one.trigger_id for one in monitor.ledger.decisions("tiny")}
    assert ids == {str(DAY), result_id(str(DAY))}


def test_the_sensor_carries_out_no_decision_twice(made):
    monitor = made()
    decide(monitor)
    asked(monitor, by=SENSOR)
    with pytest.raises(AlreadyRetrained, match="model retrain tiny"):
        asked(monitor, by=SENSOR)
    asked(monitor, by="ada")
    assert f"{DAY}/by hand 1/result" in {one.trigger_id for one in monitor.ledger.decisions("tiny")}


def test_the_sensor_carries_out_no_decision_that_nobody_made(made):
    with pytest.raises(AlreadyRetrained):
        asked(made(), by=SENSOR)


def test_a_challenger_that_was_registered_before_it_died_is_not_trained_again(made, monkeypatch):
    monitor = made()
    decide(monitor)

    def die(*_, **__):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(module, "promote", die)
        with pytest.raises(ConnectionError):
            asked(monitor, by=SENSOR)
    monkeypatch.setattr(module, "challenger", die)
    found = asked(monitor, by=SENSOR)
    assert (found.version, found.promoted, found.words["gate"]) == ("2", True, "better")
    assert monitor.ledger.promotions("tiny")[-1].paired == PAIRED


def test_a_failure_is_written_down_and_raised(made):
    monitor = made(error=ValueError("no room"))
    with pytest.raises(ValueError, match="no room"):
        asked(monitor)
    outcomes = {one.trigger_id: one.outcome for one in monitor.ledger.decisions("tiny")}
    assert outcomes == {f"{DAY}/by hand 1": RETRAIN, f"{DAY}/by hand 1/result": "failed"}
    ((title, words),) = told(monitor)
    assert (title, words) == ("Retraining failed", "ValueError: no room.")


def test_a_champion_that_changed_meanwhile_is_not_replaced(made, mlflow):
    monitor = made()
    mlflow.known["3"] = {}
    mlflow.alias = "3"
    with pytest.raises(PromotedMeanwhile, match="is at version 3, not 1 any more"):
        asked(monitor)
    assert mlflow.alias == "3"


def test_a_model_without_a_trainer_and_one_that_was_never_judged(tmp_path):
    with pytest.raises(NoTrainer, match="model 'tiny' has no `retraining`"):
        asked(monitor_of(tmp_path))
    with pytest.raises(TooFewLabels, match="no day of 'tiny' was judged yet"):
        asked(monitor_of(tmp_path, retraining=POLICY))


def test_the_day_that_somebody_names_goes_before_the_last_judged_one(made):
    monitor = made()
    day = DAY.replace(day=1)
    asked(monitor, as_of=day)
    assert {one.day for one in monitor.ledger.decisions("tiny")} == {day}
