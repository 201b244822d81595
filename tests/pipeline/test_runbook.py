"""Each of the eight on-call steps is quiet while all is well, and else names the fault."""

from datetime import UTC, datetime

import pytest

from monitoring_dagster.pipeline.promotion import promote
from monitoring_dagster.pipeline.retraining import retrain
from monitoring_dagster.pipeline.runbook import walk
from tests.world import START, World, day_after

STEPS = [
    "Service health",
    "Prediction distribution",
    "Input data quality",
    "Upstream pipelines",
    "Model version",
    "Feature freshness",
    "Degradation",
    "Fallback",
]


def served(change):
    def happens(world):
        world.write(world.today, log=change(world.served(world.today)))
        world.monitored(world.today)
        world.today = day_after(world.today)

    return happens


def failing(log):
    log.loc[:59, "status"] = "error"
    return log


def no_news(world):
    world.today = day_after(world.today, 3)


def another_version(world):
    retrain(world.monitor, as_of=None, cause="Asked for by ada.", by="ada")
    at = world.monitor.judged_at(day_after(world.today, -1))
    promote(world.monitor, "2", previous="1", reason="a try", by="ada", at=at)


def bad_quality(world):
    world.changes_on = world.today
    world.live(7, acts=False)


def switched(world):
    world.monitor.ledger.set_fallback(
        "tiny", on=True, by="ada", now=datetime(2026, 3, 9, tzinfo=UTC)
    )


def test_while_all_is_well_all_eight_are_ok_and_say_why(founded):
    answers = walk(founded.monitor, today=founded.today)
    assert [one.title for one in answers] == STEPS
    assert [one for one in answers if one.state != "OK" and one.title != "Model version"] == []
    assert all(one.evidence for one in answers)


@pytest.mark.parametrize(
    ("happens", "step", "evidence"),
    [
        pytest.param(
            served(failing), "Service health", "of 300 requests failed (limit 10%)", id="errors"
        ),
        pytest.param(
            served(lambda log: log.assign(latency_ms=140.0)),
            "Service health",
            "up to 140 ms (limit 100 ms)",
            id="slowness",
        ),
        pytest.param(
            served(lambda log: log.assign(score=log["score"] ** 4)),
            "Prediction distribution",
            "score: ",
            id="other answers",
        ),
        pytest.param(
            served(lambda log: log.drop(columns="debt")),
            "Input data quality",
            "feature 'debt' of version 1 is missing",
            id="a missing column",
        ),
        pytest.param(no_news, "Upstream pipelines", "(4 days old)", id="no files for days"),
        pytest.param(another_version, "Model version", "version 2 since", id="a new version"),
        pytest.param(
            served(lambda log: log.assign(age=None).astype({"age": float})),
            "Feature freshness",
            "missing values rose from 0.0% to 100.0%",
            id="a feature that went missing",
        ),
        pytest.param(
            bad_quality,
            "Degradation",
            "no earlier version to go back to: retrain",
            id="bad quality",
        ),
        pytest.param(switched, "Fallback", "on since 2026-03-09 00:00 by ada", id="the fallback"),
    ],
)
def test_a_fault_fails_its_own_step_with_the_evidence(world, happens, step, evidence):
    happens(world)
    answers = {one.title: one for one in walk(world.monitor, today=world.today)}
    assert answers[step].state == "FAIL"
    assert evidence in answers[step].evidence
    allowed = {step, "Model version"}  # the first version is only a week old
    assert {one.title for one in answers.values() if one.state == "FAIL"} <= allowed


def test_a_model_that_was_never_judged_fails_before_any_step(tmp_path):
    (answer,) = walk(World(tmp_path).monitor, today=START)
    assert (answer.state, answer.evidence) == ("FAIL", "no day was judged yet")
