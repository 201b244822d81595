"""How one step over many days is told to Dagster: metadata, plots and check verdicts by day."""

import base64
import time
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from monitoring_dagster.measure.step import StepReport

_ALREADY_RECORDED = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}


def days_of(context: dg.AssetExecutionContext, key: dg.AssetKey) -> list[str]:
    """The days this run is about; without any ("Execute all"), the last one materialised."""
    if context.has_partition_key or context.has_partition_key_range:
        return sorted(context.partition_keys)
    done = context.instance.get_materialized_partitions(key)
    return sorted(done)[-1:]


def record(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    reports: Mapping[str, StepReport],
    *,
    complete: bool,
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Tell Dagster what a step found: one materialisation and one verdict a check, day by day.

    Where some days of the run are missing, it is not *complete*: a result would materialise them
    all, and a run without one would skip the steps that come after. So the days that were done are
    materialised one by one, and the result carries the mark by which Dagster's own code says
    that an asset has done so.

    A single run over many days has no place for per-day check results in `AssetCheckResult`;
    an `AssetCheckEvaluation` with its partition and its target is what the UI and the automation
    conditions understand. A check without a verdict is not evaluated: Dagster shows it as skipped,
    which is neither passed nor failed to people and to conditions; its reason stands in the day's
    metadata and in the run's log.
    """
    for day, report in reports.items():
        for name, check in report.checks.items():
            if check.passed is None:
                context.log.info(f"{key.to_user_string()}:{name} of {day}: {check.words}")
    if key in context.selected_asset_keys:
        for day, report in reports.items():
            if complete:
                context.add_asset_metadata(_metadata(report), asset_key=key, partition_key=day)
            else:
                yield dg.AssetMaterialization(key, partition=day, metadata=_metadata(report))
        yield dg.MaterializeResult(asset_key=key, metadata={} if complete else _ALREADY_RECORDED)
    wanted = {check.name for check in context.selected_asset_check_keys}
    if not wanted:
        return
    storage_ids = context.instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(reports)
    )
    for day, report in reports.items():
        for name, check in report.checks.items():
            if name in wanted and day in storage_ids and check.passed is not None:
                yield dg.AssetCheckEvaluation(
                    asset_key=key,
                    check_name=name,
                    passed=check.passed,
                    severity=dg.AssetCheckSeverity(check.tone.value),
                    description=check.words,
                    partition=day,
                    target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                        storage_id=storage_ids[day],
                        run_id=context.run.run_id,
                        timestamp=time.time(),
                    ),
                )


def as_days(keys: list[str]) -> list[date]:
    return [date.fromisoformat(key) for key in keys]


def _metadata(report: StepReport) -> dict[str, Any]:
    metadata: dict[str, Any] = {name: _plain(value) for name, value in report.numbers.items()}
    metadata |= {name: dg.MetadataValue.text(words) for name, words in report.words.items()}
    metadata |= {
        f"check {name}": dg.MetadataValue.text(check.words)
        for name, check in report.checks.items()
        if check.passed is None
    }
    if report.picture:
        encoded = base64.b64encode(report.picture.encode()).decode()
        metadata["picture"] = dg.MetadataValue.md(f"![](data:image/svg+xml;base64,{encoded})")
    if report.table:
        names = list(report.table[0])
        metadata["table"] = dg.MetadataValue.table(
            [
                dg.TableRecord({name: _plain(value) for name, value in row.items()})
                for row in report.table
            ],
            schema=dg.TableSchema([dg.TableColumn(name) for name in names]),
        )
    return metadata


def _plain(value: Any) -> Any:
    """Numbers as Dagster can store them: NumPy's are floats to everybody but its serialiser."""
    return value.item() if hasattr(value, "item") else value
