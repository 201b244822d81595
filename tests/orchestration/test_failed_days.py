"""One day that cannot be judged costs only itself, in a run over many."""

import json
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.judge import verdict
from monitoring_dagster.measure import contract
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality import evaluation
from monitoring_dagster.orchestration.component import definitions_of
from tests.orchestration.daemon import unattended, until
from tests.orchestration.small_project import DAYS, FIRST, MISSING, run_days

TEN = DAYS[:10]
BAD = DAYS[5]
AFTER_MISSING = DAYS[DAYS.index(MISSING) + 1]


def failing(monkeypatch, module, day=BAD, error=None):
    """From now on a step raises on one day."""
    at_once = module.run

    def run(monitor, one, *prepared):
        if one == day:
            raise error or OSError("the disk is\nin the cellar")
        return at_once(monitor, one, *prepared)

    monkeypatch.setattr(module, "run", run)


def judged(monitor, instance):
    """By step: the days that Dagster knows as done."""
    return {
        step.name: instance.get_materialized_partitions(dg.AssetKey([monitor.name, step.name]))
        for step in steps_of(monitor)
    }


def run_all(monitor, instance, first=FIRST, last=TEN[-1], **options):
    names = [step.name for step in steps_of(monitor)]
    return run_days(monitor, instance, names, first, last, raise_on_error=False, **options)


AFTER = {
    "contract": {"contract", "profile", "drift", "estimate", "outcomes", "evaluation",
                 "attribution", "verdict"},
    "outcomes": {"outcomes", "evaluation", "attribution", "verdict"},
    "evaluation": {"evaluation", "attribution"},
    "verdict": {"verdict"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("contract", contract),
        ("outcomes", outcomes),
        ("evaluation", evaluation),
        ("verdict", verdict),
    ],
    ids=["contract", "outcomes", "evaluation", "verdict"],
)
def test_nine_of_ten_days_go_all_the_way(name, module, monitor, instance, monkeypatch):
    failing(monkeypatch, module)
    result = run_all(monitor, instance)
    assert not result.success
    every = {str(day) for day in TEN}
    for step, days in judged(monitor, instance).items():
        assert days == every - ({str(BAD)} if step in AFTER[name] else set()), step
    told = {one.step_failure_data.user_failure_data.description
            for one in result.all_events if one.is_step_failure}  # fmt: skip
    words = f"churn could not be judged on {BAD}: {name}: OSError: the disk is"
    assert told == {words}


def test_the_numbers_of_the_other_days_are_what_they_would_have_been(
    monitor, instance, monkeypatch
):
    failing(monkeypatch, profile)
    run_all(monitor, instance)
    records = instance.fetch_materializations(dg.AssetKey(["churn", "drift"]), limit=50).records
    by_day = {one.partition_key: one.asset_materialization.metadata for one in records}
    assert by_day[str(DAYS[4])]["features_drifted"].value == 1
    assert by_day[str(DAYS[6])]["features_drifted"].value == 0


def test_once_it_is_over_the_day_is_judged_like_any_other(monitor, instance, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch, contract)
        run_all(monitor, instance)
    assert run_all(monitor, instance, BAD, BAD).success
    assert all(days == {str(day) for day in TEN} for days in judged(monitor, instance).values())


@pytest.mark.parametrize("module", [contract, verdict], ids=["contract", "verdict"])
def test_what_is_wrong_with_a_day_is_told_when_its_turn_comes_late(
    module, monitor, instance, monkeypatch
):
    """Its file never came, and on that morning the step failed: the next day's verdict is there."""
    house = replace(monitor.house, as_of=monitor.judged_at(AFTER_MISSING))
    house.__dict__["registry"] = monitor.registry
    monitor = house.monitor(monitor.spec)
    with monkeypatch.context() as patch:
        failing(patch, module, MISSING)
        run_all(monitor, instance, last=AFTER_MISSING)
    assert not [text for text in messages(monitor) if "missing" in text]
    for _ in range(2):
        assert run_all(monitor, instance, MISSING, MISSING).success
    told = [text for text in messages(monitor) if f"{MISSING}" in text or "missing" in text]
    assert len(told) == 1, told


def sensor(monitor, result, instance):
    """What the failed_runs sensor makes of a run."""
    context = dg.build_run_status_sensor_context(
        sensor_name="s",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    definitions_of(monitor).resolve_sensor_def(f"{monitor.name}_failed_runs")(context)


def messages(monitor):
    from monitoring_dagster.act.notify.delivery import send

    send(monitor.house, environment={})
    file = monitor.house.outbox / "messages.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line)["text"] for line in lines]


def test_it_is_told_once_without_secrets_however_often_it_is_tried(monitor, instance, monkeypatch):
    error = OSError("no answer from postgresql://me:hunter2@db/x with xoxb-1-canary")
    failing(monkeypatch, contract, error=error)
    for first in (TEN[0], TEN[3]):
        result = run_all(monitor, instance, first)
        sensor(monitor, result, instance)
    [told] = [line for line in messages(monitor) if "could not be judged" in line]
    assert told.count("no answer") == 1
    assert "hunter2" not in told
    assert "canary" not in told
    logged = "".join(str(one.user_message) for one in instance.all_logs(result.run_id))
    assert "hunter2" not in logged


def test_another_model_of_the_same_run_goes_on_and_nobody_is_told_of_it(
    monitor, instance, monkeypatch
):
    other = monitor.house.monitor(monitor.spec.model_copy(update={"name": "other"}))
    at_once = contract.run

    def run(one, day):
        if one.name == "churn":
            raise OSError
        return at_once(one, day)

    monkeypatch.setattr(contract, "run", run)
    both = dg.Definitions.merge(definitions_of(monitor), definitions_of(other))
    result = both.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey([name, step]) for name in ("churn", "other")
                         for step in ("contract", "profile")],
        partition_key=str(FIRST),
        raise_on_error=False,
    )  # fmt: skip
    assert judged(other, instance)["profile"] == {str(FIRST)}
    assert judged(monitor, instance)["contract"] == set()
    sensor(other, result, instance)
    assert not messages(other)
    sensor(monitor, result, instance)
    assert len(messages(monitor)) == 1


@pytest.fixture
def project(churn_checkout, spec):
    """A copy of the project in which one day cannot be profiled."""
    with unattended(churn_checkout, spec, run_retries={"enabled": False}) as made:
        file = churn_checkout.root / "monitoring_dagster/measure/profiling.py"
        words = f"""

_at_once = run


def run(monitor: Monitor, day: date) -> StepReport:
    if str(day) == "{BAD}":
        raise OSError("the disk is in the cellar")
    return _at_once(monitor, day)
"""
        file.write_text(file.read_text() + words)
        yield made


def test_a_backfill_with_a_bad_day_ends_and_says_which(project):
    steps = list(AFTER["contract"])
    backfill = project.backfill(steps, FIRST, 10)
    with project.daemon():
        run = project.run_of(backfill, dg.DagsterRunStatus.FAILURE)
        status = BulkActionStatus.COMPLETED_FAILED
        until(lambda: project.instance.get_backfill(backfill).status is status)
    assert any(f"on {BAD}: profile: OSError" in words for words in project.why(run))
    every = {str(day) for day in TEN}
    for step in steps:
        done = project.instance.get_materialized_partitions(dg.AssetKey(["churn", step]))
        assert done == every - (set() if step == "contract" else {str(BAD)}), step


def test_dg_launch_with_a_bad_day_says_which(project):
    done = project.checkout.run(
        "dg", "launch", "--assets", "key:churn/contract or key:churn/profile or key:churn/drift",
        "--partition-range", f"{TEN[0]}...{TEN[-1]}",
    )  # fmt: skip
    assert done.returncode == 1
    assert f"churn could not be judged on {BAD}: profile: OSError: the disk" in done.stdout
    done = project.instance.get_materialized_partitions(dg.AssetKey(["churn", "drift"]))
    assert done == {str(day) for day in TEN if day != BAD}


def test_an_error_that_passes_ends_in_a_judged_day_without_a_person(monitor, instance, monkeypatch):
    """A database was locked that night: the next morning asks for that day, and for no other."""
    definitions, morning = definitions_of(monitor), monitor.judged_at(TEN[-1])

    def asked(now, cursor=None):
        result = dg.evaluate_automation_conditions(
            definitions,
            instance,
            asset_selection=dg.AssetSelection.groups(monitor.name),
            evaluation_time=now,
            cursor=cursor,
        )
        by_step = {
            one.key.path[-1]: result.get_requested_partitions(one.key)
            for one in result.results
            if isinstance(one.key, dg.AssetKey) and one.true_subset.size
        }
        return by_step, result.cursor

    with monkeypatch.context() as patch:
        failing(patch, profile)
        run_all(monitor, instance)
    cursor = asked(morning - timedelta(minutes=5))[1]
    by_step, _ = asked(morning + timedelta(seconds=30), cursor)
    daily = {"profile", "drift", "estimate", "outcomes", "verdict"}
    assert {step: by_step.get(step) for step in daily} == {key: {str(BAD)} for key in daily}
    assert "contract" not in by_step
    assert run_all(monitor, instance, BAD, BAD).success
