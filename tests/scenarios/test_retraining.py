"""What comes of a retraining that is due: one run, one answer, one message."""

import pytest

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.integrations.ledger import PromotedMeanwhile
from monitoring_dagster.pipeline.alerts import send
from monitoring_dagster.pipeline.promotion import NothingToRollBack, promote, roll_back
from monitoring_dagster.pipeline.retraining import retrain
from monitoring_dagster.pipeline.training import TooFewLabels
from monitoring_dagster.pipeline.trigger import pending_trigger
from tests.world import attributes, day_after


def policy(**changed):
    return {"retraining": attributes()["retraining"] | changed}


def outcomes(world):
    return [one.outcome for one in world.monitor.ledger.decisions("tiny")]


def told(world):
    """Everything sent about retrainings."""
    send(world.house, token=None)
    return [text for _, text in world.messages() if "ersion" in text or "etraining" in text]


def train_nothing(rows, labels):
    """A trainer that an owner broke."""
    message = "the feature store is gone"
    raise ValueError(message)


def test_a_due_day_asks_for_one_retraining_however_often_the_sensor_ticks(troubled):
    asked = [pending_trigger(troubled.monitor) for _ in range(3)]
    assert {one.day for one in asked} == {troubled.due}
    assert outcomes(troubled) == ["retrain"]
    assert len(troubled.tick()) == 1
    assert [troubled.tick() for _ in range(3)] == [[], [], []]
    assert troubled.monitor.registry.versions("tiny") == ["1", "2"]
    assert len(told(troubled)) == 1


def test_manual_promotion_waits_for_a_person(troubled):
    troubled.spec_changes = policy(promotion="manual")
    (found,) = troubled.tick()
    assert found.words["outcome"] == "waits for approval"
    assert troubled.monitor.registry.champion("tiny") == "1"
    assert len(troubled.monitor.ledger.promotions("tiny")) == 1
    (text,) = told(troubled)
    assert "waits for approval" in text


def test_a_rollback_brings_back_the_former_version_and_is_told(troubled):
    troubled.tick()
    words = roll_back(troubled.monitor, reason="angry callers", by="ada")
    assert words == "version 1 serves again in place of version 2: angry callers"
    assert troubled.monitor.registry.champion("tiny") == "1"
    assert set(troubled.served(troubled.today)["model_version"]) == {"1"}
    assert any("Rolled back to version 1 by ada" in text for text in told(troubled))
    with pytest.raises(NothingToRollBack, match="no version of 'tiny' served before"):
        roll_back(troubled.monitor, reason="once more, by mistake", by="ada")
    assert troubled.monitor.registry.champion("tiny") == "1"


def test_an_equal_challenger_is_rejected_with_its_reason(world):
    """Trained by hand on healthy days: there was nothing to learn."""
    found = retrain(world.monitor, as_of=None, cause="Asked for by ada.")
    assert not found.promoted
    assert "not significantly better (p = 0.9" in found.words["gate"]
    assert world.monitor.registry.champion("tiny") == "1"
    assert world.monitor.registry.describe("tiny", "2").tags["gate"] == found.words["gate"]
    (text,) = told(world)
    assert "version 1 stays" in text


def test_asking_again_by_hand_is_another_attempt_and_is_told_too(world):
    for _ in range(2):
        retrain(world.monitor, as_of=None, cause="Asked for by ada.")
    assert outcomes(world) == ["retrain", "rejected"] * 2
    assert len(told(world)) == 2


def test_what_a_person_retrains_by_hand_the_sensor_does_not_retrain_as_well(world, monkeypatch):
    """Between its beginning and its end a retraining by hand is no business of the sensor."""
    asked = []

    def train_while_the_sensor_ticks(monitor, *_):
        asked.append(pending_trigger(monitor))
        raise TooFewLabels

    place = "monitoring_dagster.pipeline.retraining.challenger"
    monkeypatch.setattr(place, train_while_the_sensor_ticks)
    with pytest.raises(TooFewLabels):
        retrain(world.monitor, as_of=None, cause="Asked for by ada.")
    assert asked == [None]


def test_the_cool_down_after_a_retraining_is_respected_and_says_so(troubled):
    troubled.spec_changes = policy(cooldown_days=8)
    retrain(troubled.monitor, as_of=day_after(troubled.due, -4), cause="Asked for by ada.")
    troubled.live(2)  # four evaluated days after the attempt have to be bad again
    assert outcomes(troubled) == ["retrain", "rejected"]
    troubled.live(1)
    *_, decision = troubled.monitor.ledger.decisions("tiny")
    assert decision.outcome == "wait"
    assert "the last retraining was 7 days ago (cool-down 8 days)" in decision.words
    assert len(troubled.live(1)) == 1


def test_a_trainer_that_fails_is_told_once_and_not_asked_again(troubled):
    """Whatever it raises: the owner's code is not ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitoring_dagster.pipeline.training.trainer_of", lambda spec: train_nothing)
        with pytest.raises(ValueError, match="feature store"):
            troubled.tick()
    assert outcomes(troubled) == ["retrain", "failed"]
    assert troubled.tick() == []
    (text,) = told(troubled)
    assert "the feature store is gone" in text


@pytest.mark.parametrize(("bad", "retrained"), [(1, 1), (100, 0)])
def test_a_few_labels_that_say_nothing_keep_no_model_from_being_retrained(troubled, bad, retrained):
    """Of many nobody should learn."""
    labels = troubled.arriving(troubled.due).reset_index(drop=True)
    troubled.write(
        troubled.due, labels=labels.assign(label=labels["label"].where(labels.index >= bad, 2))
    )
    troubled.monitored(troubled.due)
    kinds = {one.kind for one in troubled.monitor.ledger.open_incidents("tiny")}
    assert FindingKind.UNREADABLE_DATA in kinds
    assert len(troubled.tick()) == retrained


def test_too_few_labels_are_an_error_with_a_way_out(world):
    world.spec_changes = policy(min_labelled_rows=100_000)
    with pytest.raises(TooFewLabels, match=r"at least 100,000\. .*raise retraining.train_days"):
        retrain(world.monitor, as_of=None, cause="Asked for by ada.")


def test_an_alias_moved_by_hand_in_mlflow_is_written_down(troubled):
    troubled.spec_changes = policy(promotion="manual")
    troubled.tick()
    troubled.monitor.registry.set_champion("tiny", "2")
    troubled.tick()
    last = troubled.monitor.ledger.promotions("tiny")[-1]
    assert (last.version, last.previous, last.by) == ("2", "1", "MLflow")
    assert last.reason == "the alias champion was moved in MLflow"


def test_a_promotion_that_somebody_overtook_changes_nothing(troubled):
    """The gate compared with version 1, and meanwhile a person made version 2 serve."""
    troubled.spec_changes = policy(promotion="manual")
    troubled.tick()
    retrain(troubled.monitor, as_of=troubled.due, cause="Asked for by ada.")  # version 3
    troubled.monitor.registry.set_champion("tiny", "2")
    with pytest.raises(PromotedMeanwhile, match="at version 2, not 1 any more"):
        promote(troubled.monitor, "3", previous="1", reason="better", by="gate",
                at=troubled.monitor.judged_at(troubled.due))  # fmt: skip
    assert troubled.monitor.registry.champion("tiny") == "2"
