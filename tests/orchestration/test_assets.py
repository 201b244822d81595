"""A model's lineage: what others write, and each step by day or by week with its condition."""

from datetime import date

import dagster as dg
import pytest

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.orchestration.assets import (
    daily,
    external_assets,
    step_assets,
    weekly,
    whenever_labels_arrive,
)
from monitoring_dagster.spec import Schedule
from tests.tiny import DAY, monitor_of, spec_of

# What Dagster 1.13 says of checks by day, and of resources that an asset brings along.
pytestmark = [
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]
BERLIN = Schedule(at="07:00", time_zone="Europe/Berlin", grace_minutes=30)
WEEK = {"multivariate_drift": True}


def test_the_log_and_the_labels_are_written_by_somebody_else():
    log, feed = external_assets(spec_of(description="Who leaves?"), remark="It is late.")
    assert [one.key.path for one in (log, feed)] == [["tiny", "predictions"], ["tiny", "labels"]]
    assert log.description == "The inference log. Who leaves? It is late."
    assert (list(log.owners), log.group_name) == (["team:small"], "tiny")
    assert (log.metadata["source"], feed.metadata["source"]) == (
        "served/{day}.parquet", "told/{day}.parquet"
    )  # fmt: skip
    columns = [one.name for one in log.metadata["dagster/column_schema"].columns]
    assert columns == ["request_id", "served_at", "model_version", "prediction", "score"]


def test_a_table_is_named_with_its_database():
    table = {"database": "w.duckdb", "table": "log"}
    (log,) = external_assets(spec_of(predictions=table, labels=None))
    assert (log.kinds, log.metadata["source"]) == ({"duckdb"}, "w.duckdb: log")
    assert "score" not in [one.name for one in log.metadata["dagster/column_schema"].columns]


@pytest.fixture
def made(tmp_path):
    """The steps of a model as assets, by name."""

    def of(**changed):
        monitor = monitor_of(tmp_path, **changed)
        assets = step_assets(monitor, DAY)
        assert [one.key.path[-1] for one in assets] == [step.name for step in steps_of(monitor)]
        return {one.key.path[-1]: one for one in assets}

    return of


def test_steps_are_by_day_and_the_weekly_one_by_week_from_its_monday_on(made):
    assets = made(**WEEK)
    days = dg.DailyPartitionsDefinition(start_date=str(DAY))
    for name, one in assets.items():
        if name == "multivariate":
            first = one.partitions_def.get_first_partition_key()
            assert date.fromisoformat(first).weekday() == 0
        else:
            assert one.partitions_def == days
        assert one.backfill_policy == dg.BackfillPolicy.single_run()


def test_a_step_depends_on_what_the_model_has_of_its_upstream(made):
    def deps(asset):
        return {key.path[-1] for key in asset.asset_deps[asset.key]}

    assets = made()
    assert deps(assets["outcomes"]) == {"labels", "predictions", "profile"}
    assert deps(assets["verdict"]) == {"contract", "profile", "drift", "estimate", "outcomes"}
    assert deps(made(labels=None)["verdict"]) == {"contract", "profile", "drift", "estimate"}


def test_what_looks_ahead_reads_the_arrivals_of_as_many_days_as_labels_are_accepted(made):
    asset = made()["evaluation"]
    (mapping,) = [asset.get_partition_mapping(key) for key in asset.asset_deps[asset.key]]
    assert (mapping.start_offset, mapping.end_offset) == (0, 10)


def test_each_check_asks_its_question_of_the_days_of_its_asset(made):
    asset = made()["profile"]
    assert {one.name for one in asset.check_specs} == {"service", "versions"}
    assert all(one.description.endswith("?") for one in asset.check_specs)
    assert {one.partitions_def for one in asset.check_specs} == {asset.partitions_def}


def test_conditions_say_what_they_wait_for(made):
    labels = {
        name: one.automation_conditions_by_key[one.key].get_label()
        for name, one in made(schedule={"at": "07:00"}, **WEEK).items()
    }
    assert labels["contract"] == "daily at 07:00 UTC: missing days of the last week"
    assert labels["multivariate"] == (
        "daily at 07:00 UTC: missing weeks of the last four that ended"
    )
    assert labels["evaluation"] == "when labels arrive that belong to the day"
    assert set(labels) == {step for step, label in labels.items() if label}


@pytest.mark.parametrize("condition", [daily, weekly])
def test_a_condition_names_the_hour_and_that_of_its_grace(condition):
    label = condition(BERLIN).get_label()
    assert label.startswith("daily at 07:00 Europe/Berlin, at 07:30 where files are late: missing")


def test_a_schedule_of_another_hour_is_another_condition():
    assert daily(BERLIN) == daily(BERLIN) != daily(Schedule())
    assert whenever_labels_arrive(3) == whenever_labels_arrive(3) != whenever_labels_arrive(4)
