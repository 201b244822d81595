"""What trains, and what does not: the job and its sensor, but no selection of assets."""

import os
import signal
from datetime import timedelta

import dagster as dg
import pytest

from monitoring_dagster.act.retraining import retrain as retraining
from monitoring_dagster.orchestration.component import definitions_of
from tests import fork_server
from tests.orchestration.small_project import CHECKOUT, DAYS, run_days
from tests.world import START, World, day_after

KEY = dg.AssetKey(["churn", "retraining"])
EVERYTHING = {
    "materialise all": dg.AssetSelection.all(),
    "a group": dg.AssetSelection.groups("churn"),
    "the asset itself": dg.AssetSelection.assets(KEY),
    "all that leads to it": dg.AssetSelection.assets(KEY).upstream(),
    "all that follows": dg.AssetSelection.assets(dg.AssetKey(["churn", "verdict"])).downstream(),
}


@pytest.fixture
def due(asking, tmp_path):
    """A world in which the sensor has a retraining to do: the champion learnt another world."""
    return asking.copied_to(tmp_path / "due")


@pytest.fixture(scope="module")
def judged_anew(asking, tmp_path_factory):
    """It, after all its days were judged once more; and its memory before."""
    world = asking.copied_to(tmp_path_factory.mktemp("anew"))
    before = memory(world)
    for day in world.days():
        world.monitored(day, looks_ahead=True)
    return world, before


def memory(world):
    """All that a retraining, a promotion or a message would change."""
    ledger, registry = world.monitor.ledger, world.monitor.registry
    return (
        ledger.decisions("tiny"),
        ledger.promotions("tiny"),
        registry.versions("tiny"),
        registry.champion("tiny"),
    )


@pytest.mark.parametrize("selection", EVERYTHING.values(), ids=EVERYTHING)
def test_no_selection_of_assets_runs_the_retraining(selection, monitor):
    graph = definitions_of(monitor).resolve_asset_graph()
    assert KEY in graph.get_all_asset_keys()
    assert KEY not in selection.resolve(graph) & graph.executable_asset_keys
    parents = {key.path[-1] for key in graph.get(KEY).parent_keys}
    assert parents == {"verdict", "labels", "predictions"}  # it stays in the lineage


def test_a_backfill_of_everything_decides_trains_and_promotes_nothing(
    monitor, instance, monkeypatch
):
    """Every asset that can be materialised, for several days, in one run as the UI starts it."""
    monkeypatch.setattr(retraining, "retrain", lambda *_, **__: pytest.fail("it trained"))
    keys = definitions_of(monitor).resolve_asset_graph().executable_asset_keys
    result = run_days(monitor, instance, [key.path[-1] for key in keys], DAYS[0], DAYS[2])
    assert result.success
    assert monitor.ledger.decisions("churn") == []
    assert monitor.ledger.promotions("churn") == []
    assert instance.get_latest_materialization_event(KEY) is None


def test_dg_launch_of_a_group_trains_nothing(churn_checkout):
    """The champion is version 1 of a real MLflow: a retraining would find all that it needs."""
    done = churn_checkout.run(
        "dg", "launch", "--assets", 'group:"churn"', "--partition-range", f"{DAYS[0]}...{DAYS[2]}"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "churn__verdict" in done.stdout
    assert "churn__retraining" not in done.stdout


@pytest.mark.parametrize("weeks_later", [1, 30])
def test_history_that_is_judged_anew_moves_nothing(judged_anew, weeks_later):
    """However bad it is: the sensor finds the newest verdict, and that is no news."""
    world, before = judged_anew
    late = world.judged(hours_ago=weeks_later * 7 * 24 + 1)
    sensor = definitions_of(late).resolve_sensor_def("tiny_retraining")
    with dg.DagsterInstance.ephemeral() as instance:
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    assert not tick.run_requests
    assert "is more than 7 days ago: no retraining" in tick.skip_message
    assert memory(world) == before


@pytest.mark.parametrize(
    ("config", "tags", "by"),
    [
        pytest.param({}, {}, "a person in Dagster", id="from the Launchpad"),
        pytest.param({"by": "ada"}, {}, "ada", id="who gives a name there"),
        pytest.param(
            {}, {"dagster/schedule_name": "sundays"}, "the schedule sundays", id="a schedule"
        ),
    ],
)
def test_the_job_records_who_asked_and_shows_the_result_in_the_lineage(world, config, tags, by):
    job = definitions_of(world.monitor).resolve_job_def("retrain_tiny")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            run_config={"ops": {"tiny__retraining": {"config": config}}},
            tags=tags,
        )
        key = dg.AssetKey(["tiny", "retraining"])
        event = instance.get_latest_materialization_event(key)
    asked, settled = world.monitor.ledger.decisions("tiny")
    assert (asked.inputs["by"], asked.inputs["run"]) == (by, result.run_id)
    assert settled.outcome == "rejected"
    assert world.monitor.registry.describe("tiny", "2").tags["requested_by"] == by
    metadata = event.asset_materialization.metadata
    assert (metadata["by"].value, metadata["promoted"].value) == (by, False)
    assert metadata["version"].value == "2"


def ticked(world, instance, *, hours_ago):
    """One tick of the retraining sensor, so long after the verdict."""
    definitions = definitions_of(world.judged(hours_ago=hours_ago))
    sensor = definitions.resolve_sensor_def("tiny_retraining")
    return sensor.evaluate_tick(dg.build_sensor_context(instance=instance))


def carried_out(world, instance, request):
    """What the daemon does with a request: the run."""
    job = definitions_of(world.judged()).resolve_job_def(request.job_name)
    return job.execute_in_process(
        instance=instance, run_config=request.run_config, tags=request.tags, raise_on_error=False
    )


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
import dagster as dg
from monitoring_dagster.act.retraining import challenger
from tests.orchestration.automation.test_retraining_job import carried_out, ticked
from tests.world import World
challenger.train = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
world = World(Path(sys.argv[1]), today=date.fromisoformat(sys.argv[3]))
with dg.DagsterInstance.local_temp(sys.argv[2]) as instance:
    (request,) = ticked(world, instance, hours_ago=0).run_requests
    carried_out(world, instance, request)
"""


def test_a_run_that_was_killed_while_training_is_tried_again_in_a_run_of_its_own(due, tmp_path):
    """With kill -9; Dagster never runs a run key twice."""
    home = tmp_path / "instance"
    home.mkdir()
    arguments = [str(due.root), str(home), str(due.today)]
    ended = fork_server.run(["python", "-c", KILLED, *arguments], cwd=CHECKOUT, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        (run,) = instance.get_runs()
        assert f"run {run.run_id} trains" in ticked(due, instance, hours_ago=0.5).skip_message
        instance.report_run_failed(run)  # as run monitoring does
        found = ticked(due, instance, hours_ago=1)
        assert not found.run_requests
        assert "try 2 of 7" in found.skip_message
        assert "killed, or out of memory" in found.skip_message
        assert not ticked(due, instance, hours_ago=1.9).run_requests
        (again,) = ticked(due, instance, hours_ago=2).run_requests
        assert run.tags["monitoring/try"] == f"tiny-{day_after(due.today, -1)}-try-1"
        assert again.run_key == f"tiny-{day_after(due.today, -1)}-try-2"
        assert carried_out(due, instance, again).success
    outcomes = [one.outcome for one in due.monitor.ledger.decisions("tiny")]
    assert sorted(outcomes) == ["failed", "promoted", "retrain"]
    assert due.monitor.registry.champion("tiny") == "2"


def test_a_run_that_a_person_cancelled_is_not_tried_again(due):
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = ticked(due, instance, hours_ago=0).run_requests
        job = definitions_of(due.monitor).resolve_job_def("retrain_tiny")
        run = instance.create_run_for_job(job, run_config=request.run_config, tags=request.tags)
        assert "trains a challenger" in ticked(due, instance, hours_ago=1).skip_message
        instance.report_run_canceled(run)
        assert "cancelled in Dagster" in ticked(due, instance, hours_ago=1).skip_message
        assert not ticked(due, instance, hours_ago=100).run_requests


def test_a_training_that_raises_is_announced_once_though_its_run_failed_too(due, monkeypatch):
    """The sensor of failed runs leaves it to the one who knows when it is tried again."""

    def gone(*_):
        message = "the feature store is gone"
        raise ConnectionError(message)

    monkeypatch.setattr("monitoring_dagster.act.retraining.challenger.train", gone)
    with dg.DagsterInstance.ephemeral() as instance:
        (request,) = ticked(due, instance, hours_ago=0).run_requests
        result = carried_out(due, instance, request)
        assert not result.success
        by_hand = carried_out(due, instance, request._replace(tags={}))
        for failed in (result, by_hand):
            context = dg.build_run_status_sensor_context(
                sensor_name="tiny_failed_runs",
                dagster_event=failed.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=failed.dagster_run,
            ).for_run_failure()
            definitions_of(due.monitor).resolve_sensor_def("tiny_failed_runs")(context)
    assert due.monitor.ledger.deliveries.waiting(due.house.now()).pending == 1


def test_the_sensor_says_why_nothing_begins(due):
    world = World(due.root, today=due.today)
    world.spec_changes = {"retraining": due.spec.retraining.model_dump() | {
        "min_labelled_rows": 9_999}}  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        words = ticked(world, instance, hours_ago=0).skip_message
    assert "labelled rows before the holdout are too few to train on (at least 9,999)" in words
    assert START + timedelta(days=14) == day_after(world.today, -1)
