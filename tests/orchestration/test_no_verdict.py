"""A day that allows no verdict is neither passed nor failed: skipped, with its reason to read."""

import asyncio

import dagster as dg
import pyarrow.parquet as pq
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionResolvedStatus as Status,
)
from dagster._core.storage.event_log.base import PartitionKeyFilter

from monitoring_dagster.daily import steps
from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import Monitor
from tests.orchestration.small_project import DAYS, DRIFTED, FIRST, MISSING, rows_of, run_days

NAMES = [
    step.name
    for step in steps.STEPS
    if not (step.weekly or step.needs_review) and step.name != "attribution"
]


def states(instance: dg.DagsterInstance, day: object) -> dict[str, Status]:
    """Each check of a day as the UI resolves it."""
    keys = [
        dg.AssetCheckKey(dg.AssetKey(["churn", step.name]), name)
        for step in steps.STEPS
        if step.name in NAMES
        for name in step.checks
    ]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        keys, partition_filter=PartitionKeyFilter(key=str(day))
    )
    context = LoadingContextForTest(instance)
    return {key.name: asyncio.run(record.resolve_status(context)) for key, record in found.items()}


def metadata(instance: dg.DagsterInstance, step: str, day: object) -> dict[str, str]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(["churn", step]), asset_partitions=[str(day)]), limit=1
    ).records
    found = records[0].asset_materialization.metadata
    return {name: str(one.value) for name, one in found.items()}


def test_without_a_row_or_a_label_every_check_but_the_contract_is_skipped_with_its_reason(
    monitor: Monitor, instance: dg.DagsterInstance
):
    """The missing day: the contract fails, and nothing else was judged or passes."""
    run_days(monitor, instance, NAMES, MISSING, MISSING)
    found = states(instance, MISSING)
    assert found.pop("schema") is Status.FAILED
    assert found.pop("labels") is Status.SUCCEEDED  # they belong to the day before
    assert set(found.values()) == {Status.SKIPPED}
    no_rows = f"No verdict: no rows on {MISSING}, see contract:schema"
    assert metadata(instance, "profile", MISSING)["check service"] == no_rows
    assert metadata(instance, "profile", MISSING)["check versions"] == no_rows
    assert metadata(instance, "drift", MISSING)["check feature_drift"] == no_rows
    assert metadata(instance, "estimate", MISSING)["check expected_performance"] == no_rows
    quality = metadata(instance, "evaluation", MISSING)["check performance"]
    assert quality.startswith("No verdict: too few labels (PENDING, 0% of the labels")


def test_a_failed_check_that_can_no_more_be_judged_is_skipped_and_not_failed_for_ever(
    monitor: Monitor, instance: dg.DagsterInstance
):
    """The day is delivered anew with twenty rows: too few to compare, and no clearing either."""
    run_days(monitor, instance, NAMES, FIRST, DRIFTED)
    assert states(instance, DRIFTED)["feature_drift"] is Status.FAILED
    path = monitor.root / f"data/predictions/{DRIFTED}.parquet"
    pq.write_table(rows_of(DRIFTED, rows=20), path)
    run_days(monitor, instance, NAMES, DRIFTED, DRIFTED)
    found = states(instance, DRIFTED)
    assert (found["feature_drift"], found["service"]) == (Status.SKIPPED, Status.SUCCEEDED)
    assert "below the" in metadata(instance, "drift", DRIFTED)["check feature_drift"]


def test_nothing_registered_to_compare_with_is_no_verdict(
    monitor: Monitor, instance: dg.DagsterInstance
):
    path = monitor.root / f"data/predictions/{FIRST}.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("model_version")
    stranger = table.set_column(place, "model_version", [["v9"] * table.num_rows])
    pq.write_table(stranger, path)
    run_days(monitor, instance, NAMES, FIRST, DAYS[1])
    found = states(instance, FIRST)
    assert found["versions"] is Status.FAILED
    names = {"feature_drift", "prediction_drift", "expected_performance", "performance"}
    assert {found[name] for name in names} == {Status.SKIPPED}
    said = metadata(instance, "drift", FIRST)["check feature_drift"]
    assert said == "No verdict: no reference rows are registered for version 'v9'"
    quality = metadata(instance, "evaluation", FIRST)["check performance"]
    assert quality.startswith("No verdict: nothing to compare log_loss of version v9 with")


def test_on_the_first_day_no_label_is_no_verdict(monitor: Monitor):
    path = monitor.root / f"data/labels/{FIRST}.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    check = outcomes.run(monitor, FIRST).checks["labels"]
    assert check.passed is None
    assert check.words.startswith("No verdict: no label yet, and none is due")


def test_the_verdict_shows_when_each_part_was_judged_last(
    monitor: Monitor, instance: dg.DagsterInstance
):
    """The newest day has no row: what is shown is the day before, with its date."""
    run_days(monitor, instance, NAMES, FIRST, MISSING)
    shown = metadata(instance, VERDICT, MISSING)
    before = DAYS[DAYS.index(MISSING) - 1]
    assert (shown["service"], shown["features"]) == (f"judged on {before}",) * 2
    assert shown["quality"] == f"judged on {before}"
    assert shown["expected quality"] == f"judged on {before}"
