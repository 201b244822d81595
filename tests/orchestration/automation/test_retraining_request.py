"""One run for one try of a retraining: its names, what it is told, and how it is found again."""

import dagster as dg
import pytest

from monitoring_dagster.decide.retraining_policy import Trigger
from monitoring_dagster.orchestration.automation.retraining_request import (
    TRY,
    RetrainingConfig,
    job_name,
    op_name,
    request,
    run_key,
    run_of,
)
from tests.tiny import DAY, after, monitor_of

FIRST = Trigger(DAY, "log_loss was worse.")
SECOND = Trigger(DAY, "log_loss was worse.", 2)


@pytest.fixture
def tiny(tmp_path):
    return monitor_of(tmp_path)


def test_a_run_is_told_the_day_the_cause_and_who_asks(tiny):
    asked = request(tiny, FIRST)
    assert (asked.job_name, asked.run_key) == ("retrain_tiny", "tiny-2026-03-02-try-1")
    config = asked.run_config["ops"][op_name(tiny)]["config"]
    assert config == {"as_of": "2026-03-02", "cause": "log_loss was worse.", "by": "sensor"}
    assert asked.tags["monitoring/as_of"] == "2026-03-02"
    assert asked.tags[TRY] == asked.run_key


def test_each_try_and_each_day_is_a_run_of_its_own(tiny):
    keys = {run_key(tiny, one) for one in (FIRST, SECOND, Trigger(after(1), "", 1))}
    assert len(keys) == 3
    assert run_key(tiny, Trigger(DAY, "other words")) == run_key(tiny, FIRST)


def test_who_starts_one_by_hand_need_not_say_anything():
    assert RetrainingConfig().model_dump() == {"as_of": "", "cause": "", "by": ""}


def test_the_run_of_a_try_is_found_again_and_no_other(tiny, instance: dg.DagsterInstance):
    @dg.op
    def nothing():
        pass

    @dg.job(name=job_name(tiny))
    def retrain():
        nothing()

    @dg.job(name="retrain_other")
    def other():
        nothing()

    assert run_of(tiny, FIRST, instance) is None
    tags = {TRY: run_key(tiny, FIRST)}
    other.execute_in_process(instance=instance, tags=tags)
    assert run_of(tiny, FIRST, instance) is None, "of another model"
    done = retrain.execute_in_process(instance=instance, tags=tags)
    assert run_of(tiny, FIRST, instance).run_id == done.run_id
    again = retrain.execute_in_process(instance=instance, tags=tags)
    assert run_of(tiny, FIRST, instance).run_id == again.run_id, "the newest"
    assert run_of(tiny, SECOND, instance) is None
