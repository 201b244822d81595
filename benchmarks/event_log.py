"""How much quicker is our event log than Dagster's own SQLite one, on the same run?

One asset with one check over 100 days in a single run, with either, in turn. Prints seconds and the
ratio.
"""

import os
import tempfile
import time
import warnings
from datetime import date, timedelta

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

DAYS = 100
FIRST = date(2026, 1, 1)
KEY = dg.AssetKey("asset")
SILENT = {"telemetry": {"enabled": False}}
OURS = {
    "storage": {
        "custom": {
            "module": "monitoring_dagster.orchestration.storage",
            "class": "EitherStorage",
            "config": {},
        }
    }
}


def main() -> None:
    warnings.simplefilter("ignore")
    own, ours = _seconds({}), _seconds(OURS)
    print(f"{2 * DAYS} events in one run: Dagster's own log {own:.1f} s, ours {ours:.1f} s")
    print(f"ratio {own / ours:.1f}")


def _seconds(overrides: dict[str, object]) -> float:
    days = dg.DailyPartitionsDefinition(FIRST.isoformat())

    @dg.multi_asset(
        specs=[dg.AssetSpec(KEY)],
        check_specs=[dg.AssetCheckSpec("check", asset=KEY, partitions_def=days)],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def asset(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
        for day in context.partition_keys:
            context.add_asset_metadata({"x": 1}, asset_key=KEY, partition_key=day)
        yield dg.MaterializeResult(asset_key=KEY)
        for day in context.partition_keys:
            yield dg.AssetCheckEvaluation(
                asset_key=KEY, check_name="check", passed=True, partition=day
            )

    job = dg.Definitions([asset]).resolve_implicit_global_asset_job_def()
    with tempfile.TemporaryDirectory() as home:
        os.environ["DAGSTER_HOME"] = home
        instance = dg.DagsterInstance.from_ref(
            InstanceRef.from_dir(home, overrides={**SILENT, **overrides})
        )
        began = time.perf_counter()
        job.execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={
                ASSET_PARTITION_RANGE_START_TAG: FIRST.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: (FIRST + timedelta(days=DAYS - 1)).isoformat(),
            },
        )
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
