"""What comes of a retraining that is due: one run, one answer, one message."""

from itertools import count

import pytest

from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.act.promotion import NothingToRollBack, promote, roll_back
from monitoring_dagster.act.retraining.enough_labels import TooFewLabels
from monitoring_dagster.act.retraining.retrain import AlreadyRetrained, retrain
from monitoring_dagster.act.retraining.trigger import decision_on, pending_trigger, why_not
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.store.ledger.decided.promotions import PromotedMeanwhile
from tests.world import attributes, day_after

SESSIONS = count()


def policy(**changed):
    return {"retraining": attributes()["retraining"] | changed}


def outcomes(world):
    return [one.outcome for one in world.monitor.ledger.decisions("tiny")]


def told(world):
    """Everything sent about retrainings."""
    send(world.house, environment={})
    words = ("Challenger", "etraining", "promoted", "Rolled back", "Fallback")
    texts = [text for _, text in world.messages() if text.startswith("tiny: ")]  # no incident's
    return [text for text in texts if any(one in text for one in words)]


def train_nothing(*_, **__):
    """A trainer that an owner broke; no two of its errors are the same text."""
    message = f"the feature store is gone, session {next(SESSIONS)}"
    raise ValueError(message)


def out_of_memory(*_):
    raise MemoryError


def test_a_due_day_asks_for_one_retraining_however_often_the_sensor_ticks(troubled):
    asked = [pending_trigger(troubled.judged()) for _ in range(3)]
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
    assert any("Rolled back to v1 by ada" in text for text in told(troubled))
    with pytest.raises(NothingToRollBack, match="no version of 'tiny' served before"):
        roll_back(troubled.monitor, reason="once more, by mistake", by="ada")
    assert troubled.monitor.registry.champion("tiny") == "1"


def test_an_equal_challenger_is_rejected_with_its_reason(world):
    """Trained by hand on healthy days: there was nothing to learn."""
    found = retrain(world.monitor, as_of=None, cause="Asked for by ada.", by="ada")
    assert not found.promoted
    assert "not significantly better (p = 0.9" in found.words["gate"]
    assert world.monitor.registry.champion("tiny") == "1"
    assert world.monitor.registry.describe("tiny", "2").tags["gate"] == found.words["gate"]
    (text,) = told(world)
    assert "v1 remains champion" in text


def test_asking_again_by_hand_is_another_attempt_and_is_told_too(world):
    for _ in range(2):
        retrain(world.monitor, as_of=None, cause="Asked for by ada.", by="ada")
    assert outcomes(world) == ["retrain", "rejected"] * 2
    assert len(told(world)) == 2


def test_what_a_person_retrains_by_hand_the_sensor_does_not_retrain_as_well(world, monkeypatch):
    """Between its beginning and its end a retraining by hand is no business of the sensor."""
    asked = []

    def train_while_the_sensor_ticks(monitor, *_):
        asked.append(pending_trigger(monitor))
        raise TooFewLabels

    place = "monitoring_dagster.act.retraining.retrain.challenger"
    monkeypatch.setattr(place, train_while_the_sensor_ticks)
    with pytest.raises(TooFewLabels):
        retrain(world.monitor, as_of=None, cause="Asked for by ada.", by="ada")
    assert asked == [None]


def test_the_cool_down_after_a_retraining_is_respected_and_says_so(troubled):
    troubled.spec_changes = policy(cooldown_days=8)
    retrain(
        troubled.monitor, as_of=day_after(troubled.due, -4), cause="Asked for by ada.", by="ada"
    )
    troubled.live(2)  # four evaluated days after the attempt have to be bad again
    assert outcomes(troubled) == ["retrain", "rejected"]
    troubled.live(1)
    *_, decision = troubled.monitor.ledger.decisions("tiny")
    assert decision.outcome == "wait"
    assert "the last retraining was 7 days ago (cool-down 8 days)" in decision.words
    assert len(troubled.live(1)) == 1


@pytest.fixture
def failing():
    """Every training fails, each time with other numbers in what it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "monitoring_dagster.act.retraining.training.trainer_of", lambda spec: train_nothing
        )
        yield patch


def ticked(world, hours):
    """One tick so many hours after the newest verdict: whether it trained, and how that ended."""
    monitor = world.judged(hours_ago=hours)
    asked = pending_trigger(monitor)
    if asked is None:
        return "waits"
    try:
        retrain(monitor, as_of=asked.day, cause=asked.words, by="sensor")
    except Exception:
        return "failed"
    return "trained"


def test_a_training_that_fails_is_tried_again_until_it_succeeds(troubled, failing):
    """With back-off; it was announced at once, and counts as nothing but failed."""
    assert ticked(troubled, 0) == "failed"
    assert ticked(troubled, 0.9) == "waits"
    assert ticked(troubled, 1) == "failed"
    assert ticked(troubled, 6.9) == "waits"
    assert "try 3 of 7 as of 2026-03-16 at 2026-03-17 13:00 UTC: ValueError: the feature store"\
        in why_not(troubled.judged(hours_ago=6.9))  # fmt: skip
    assert ticked(troubled, 7) == "failed"
    (text,) = told(troubled)
    assert "the feature store is gone" in text
    assert "It is tried again at 2026-03-17 07:00 UTC, 7 times in all." in text
    failing.undo()
    assert ticked(troubled, 30) == "waits"
    assert ticked(troubled, 31) == "trained"
    assert sorted(outcomes(troubled)) == ["failed"] * 3 + ["promoted", "retrain"]
    assert troubled.monitor.registry.champion("tiny") == "2"
    assert len(told(troubled)) == 2


def test_failed_trainings_use_up_neither_quota_nor_cool_down(troubled, failing):
    troubled.spec_changes = policy(max_runs_in_30_days=1)
    for hours in (0, 1, 7):
        assert ticked(troubled, hours) == "failed"
    for _ in range(9):  # she looks for the cause, and uses up no try of the sensor
        with pytest.raises(ValueError, match="feature store"):
            retrain(troubled.judged(hours_ago=8), as_of=None, cause="Why?", by="ada")
    assert len(told(troubled)) == 1
    failing.undo()
    assert ticked(troubled, 31) == "trained"


def test_a_training_that_never_succeeds_is_given_up_and_a_person_called(troubled, failing):
    """Two messages in five days; then it rests for the cool-down, and says so when asked."""
    hours = [hour for hour in range(24 * 7) if ticked(troubled, hour) == "failed"]
    assert hours == [0, 1, 7, 31, 55, 79, 103]
    first, last = told(troubled)
    assert "Retraining failed" in first
    assert "Retraining given up after 7 failed tries" in last
    assert "A person should look; then: monitoring-dagster model retrain tiny" in last
    assert sorted(outcomes(troubled)) == ["failed"] * 7 + ["gave up", "retrain"]
    troubled.live(1, acts=False)
    assert ticked(troubled, 0) == "waits"
    assert "training was given up on 2026-03-21 after 7 failed tries" in why_not(troubled.judged())


def test_a_person_who_mends_it_ends_the_rest(troubled, failing):
    for hour in (0, 1, 7, 31, 55, 79, 103):
        assert ticked(troubled, hour) == "failed"
    failing.undo()
    troubled.spec_changes = policy(promotion="manual", cooldown_days=3) | {
        "rules": {"alerts": {"performance_drop": {"breaches": 1}}}
    }
    retrain(troubled.judged(), as_of=None, cause="Mended.", by="ada")
    troubled.live(4, acts=False)
    decision, situation = decision_on(troubled.judged(), day_after(troubled.due, 4))
    assert situation.attempts == (troubled.due,)
    assert situation.given_up == ()
    assert decision.retrain


def test_what_no_repetition_mends_waits_for_the_next_judged_day(troubled):
    """Too few labels: announced once, though it is asked for on each day."""

    def too_few(*_):
        message = "7 labelled rows are too few"
        raise TooFewLabels(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitoring_dagster.act.retraining.retrain.challenger", too_few)
        assert ticked(troubled, 0) == "failed"
        assert ticked(troubled, 20) == "waits"
        troubled.live(1, acts=False)
        assert ticked(troubled, 0) == "failed"
    assert sorted(outcomes(troubled)) == ["failed", "failed", "retrain", "retrain"]
    assert len(told(troubled)) == 1
    troubled.live(1, acts=False)
    assert ticked(troubled, 0) == "trained"


def test_another_cause_is_another_message(troubled, failing):
    assert ticked(troubled, 0) == "failed"
    failing.setattr(
        "monitoring_dagster.act.retraining.training.trainer_of", lambda spec: out_of_memory
    )
    assert ticked(troubled, 1) == "failed"
    assert any("MemoryError" in text for text in told(troubled))
    assert len(told(troubled)) == 2


def test_who_retrains_by_hand_in_between_leaves_nothing_to_the_sensor(troubled, failing):
    assert ticked(troubled, 0) == "failed"
    asked = pending_trigger(troubled.judged(hours_ago=1))
    failing.undo()
    retrain(troubled.judged(), as_of=None, cause="Asked for by ada.", by="ada")
    assert pending_trigger(troubled.judged(hours_ago=1)) is None
    with pytest.raises(AlreadyRetrained, match="was carried out meanwhile"):
        retrain(troubled.judged(), as_of=asked.day, cause=asked.words, by="sensor")
    assert troubled.monitor.registry.versions("tiny") == ["1", "2"]


def test_a_challenger_that_was_registered_before_it_failed_is_not_trained_again(troubled):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitoring_dagster.act.retraining.retrain.promote", train_nothing)
        assert ticked(troubled, 0) == "failed"
    troubled.spec_changes = policy(promotion="manual")
    retrain(troubled.monitor, as_of=day_after(troubled.due, -1), cause="Another.", by="ada")
    troubled.spec_changes = {}
    assert troubled.monitor.registry.versions("tiny") == ["1", "2", "3"]
    assert ticked(troubled, 1) == "trained"
    assert troubled.monitor.registry.versions("tiny") == ["1", "2", "3"]
    assert troubled.monitor.registry.champion("tiny") == "2"


@pytest.mark.parametrize(("bad", "retrained"), [(1, 1), (100, 0)])
def test_a_few_labels_that_say_nothing_keep_no_model_from_being_retrained(troubled, bad, retrained):
    """Of many nobody should learn."""
    labels = troubled.arriving(troubled.due).reset_index(drop=True)
    troubled.write(
        troubled.due, labels=labels.assign(label=labels["label"].where(labels.index >= bad, 2))
    )
    troubled.monitored(troubled.due)
    found = troubled.monitor.ledger.findings("tiny", troubled.due, troubled.due)
    assert FindingKind.UNREADABLE_DATA in {one.kind for one in found}
    assert len(troubled.tick()) == retrained


def test_too_few_labels_are_an_error_with_a_way_out(world):
    world.spec_changes = policy(min_labelled_rows=100_000)
    with pytest.raises(TooFewLabels, match=r"at least 100,000\. .*raise retraining.train_days"):
        retrain(world.monitor, as_of=None, cause="Asked for by ada.", by="ada")


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
    retrain(troubled.monitor, as_of=troubled.due, cause="Asked for by ada.", by="ada")  # version 3
    troubled.monitor.registry.set_champion("tiny", "2")
    with pytest.raises(PromotedMeanwhile, match="at version 2, not 1 any more"):
        promote(troubled.monitor, "3", previous="1", reason="better", by="gate",
                at=troubled.monitor.judged_at(troubled.due))  # fmt: skip
    assert troubled.monitor.registry.champion("tiny") == "2"


def learnt_days(world, version):
    table = world.monitor.registry.reference("tiny", version)
    return sorted({str(day) for day in table["day"].to_pylist()})


def test_a_broken_day_is_never_learnt_from_until_it_is_delivered_anew(world):
    """Not though its incident is over, and not a row of it: its file could not even be opened."""
    world.spec_changes = policy(train_days=4)
    bad, log = world.today, world.served(world.today)
    world.write(bad, log=log.assign(score=100 * log["score"]))
    report = world.monitored(bad)["contract"]
    said = "Day quarantined (schema breach): no training and no baseline reads it until it is"
    assert said in report.checks["schema"].words
    (found,) = [one for one in world.findings(bad) if one.kind is FindingKind.SCHEMA_BREACH]
    assert found.words.endswith(" (day quarantined)")
    world.today = day_after(bad)
    world.live(7, acts=False)
    assert world.monitor.ledger.open_incidents() == []
    whole = world.file("predictions", bad).read_bytes()
    world.file("predictions", bad).write_text("no Parquet")

    def retrained():
        as_of = day_after(world.today, -1)
        found = retrain(world.monitor, as_of=as_of, cause="Asked for by ada.", by="ada")
        tags = world.monitor.registry.describe("tiny", found.version).tags
        return learnt_days(world, found.version), tags["left_out"]

    days, left_out = retrained()
    assert days == [str(day_after(bad, n)) for n in (-2, -1, 1, 2)]
    assert left_out == f"Left out: {bad} (quarantined: schema breach)"
    world.file("predictions", bad).write_bytes(whole)
    world.write(bad, log=log)
    world.monitored(bad)
    days, left_out = retrained()
    assert days == [str(day_after(bad, n)) for n in (-1, 0, 1, 2)]
    assert left_out == "nothing"
