"""Many days in one run: does each keep its own numbers and verdicts?"""

import dagster as dg
import pytest

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.store.monitor import Monitor
from tests.orchestration.small_project import (
    DAYS,
    DRIFTED,
    FIRST,
    MISSING,
    ROWS,
    evaluations,
    run_days,
)

AFTER_MISSING = DAYS[DAYS.index(MISSING) + 1]


@pytest.fixture
def profiled(monitor: Monitor, instance: dg.DagsterInstance) -> Monitor:
    """Ten days that went through the first three steps, in one run."""
    run_days(monitor, instance, ["contract", "profile", "drift"], FIRST, MISSING)
    return monitor


def test_in_one_run_over_many_days_each_day_gets_its_own_verdicts(
    monitor: Monitor, instance: dg.DagsterInstance
):
    """A dozen days, every step, one run: the bad days fail, each by the check that saw it."""
    names = [step.name for step in steps_of(monitor)]
    found = evaluations(run_days(monitor, instance, names, FIRST, DAYS[-1]))
    failed = {(one.partition, one.check_name) for one in found if not one.passed}
    assert failed == {
        (str(DRIFTED), "feature_drift"),
        (str(MISSING), "schema"),
        (str(FIRST), "labels"),  # they are about the day before, which nobody served
    }  # labels about the missing day are pending: its file may still come
    checks = [name for step in steps_of(monitor) for name in step.checks]
    of_rows = {"service", "versions", "prediction_drift", "feature_drift", "expected_performance"}
    unjudged = {(str(MISSING), check) for check in {*of_rows, "performance"}}
    unjudged |= {(str(DAYS[-1]), "performance")}  # its labels come tomorrow
    assert sorted((one.partition, one.check_name) for one in found) == sorted(
        {(str(day), check) for day in DAYS for check in checks} - unjudged
    )


def test_numbers_stay_with_their_day(profiled: Monitor, instance: dg.DagsterInstance):
    """The missing day counts no row, the others theirs; each number is plotted on its own day."""
    key = dg.AssetKey(["churn", "profile"])
    records = instance.fetch_materializations(key, limit=50).records
    rows = {
        record.partition_key: record.asset_materialization.metadata["rows"].value
        for record in records
    }
    assert rows == {str(day): 0 if day == MISSING else ROWS for day in DAYS[:9]}


def test_a_verdict_is_about_the_newest_materialisation_of_its_day(
    profiled: Monitor, instance: dg.DagsterInstance
):
    """Else no automation condition would see it."""
    again = run_days(profiled, instance, ["drift"], DRIFTED, DRIFTED)
    ids = instance.event_log_storage.get_latest_storage_id_by_partition(
        dg.AssetKey(["churn", "drift"]), dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    targets = {
        one.target_materialization_data.storage_id
        for one in evaluations(again)
        if one.target_materialization_data
    }
    assert targets == {ids[str(DRIFTED)]}


def test_one_day_can_run_alone(monitor: Monitor, instance: dg.DagsterInstance):
    """What the launchpad does: one partition, not a range."""
    contract = definitions_of(monitor).resolve_assets_def(["churn", "contract"])
    result = dg.materialize([contract], instance=instance, partition_key=str(MISSING))
    [verdict] = evaluations(result)
    assert (verdict.partition, verdict.passed) == (str(MISSING), False)
    assert str(MISSING) in (verdict.description or "")


@pytest.mark.parametrize(
    ("last", "passed"),
    [pytest.param(DRIFTED, False, id="a bad day"), pytest.param(DAYS[5], True, id="a good day")],
)
def test_execute_all_judges_the_latest_day(
    last, passed: bool, monitor: Monitor, instance: dg.DagsterInstance
):
    """The Checks tab starts a run without any partition that selects the checks alone."""
    run_days(monitor, instance, ["contract", "profile", "drift"], DAYS[3], last)
    drift = dg.AssetKey(["churn", "drift"])
    job = definitions_of(monitor).resolve_implicit_global_asset_job_def()
    before = instance.fetch_materializations(drift, limit=50).records
    checks = dg.AssetSelection.checks_for_assets(drift)
    selected = job.get_subset(
        asset_selection=set(),
        asset_check_selection=checks.resolve_checks(job.asset_layer.asset_graph),
    )
    found = evaluations(selected.execute_in_process(instance=instance))
    assert {(one.partition, one.check_name, one.passed) for one in found} == {
        (str(last), "feature_drift", passed),
        (str(last), "prediction_drift", True),
    }
    assert len(instance.fetch_materializations(drift, limit=50).records) == len(before)


def test_execute_all_before_any_day_is_harmless(monitor: Monitor, instance: dg.DagsterInstance):
    """Somebody clicks on the first evening: nothing is judged and nothing fails."""
    job = definitions_of(monitor).resolve_implicit_global_asset_job_def()
    drift = dg.AssetKey(["churn", "drift"])
    checks = dg.AssetSelection.checks_for_assets(drift)
    selected = job.get_subset(
        asset_selection=set(),
        asset_check_selection=checks.resolve_checks(job.asset_layer.asset_graph),
    )
    result = selected.execute_in_process(instance=instance)
    assert result.success
    assert evaluations(result) == []
