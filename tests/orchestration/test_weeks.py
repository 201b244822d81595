"""The weekly partition of critical models: when it runs, by itself and by hand."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import dagster as dg
import pytest

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.orchestration.dg_project import Project
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references import reference_sample
from tests.orchestration.small_project import (
    ATTRIBUTES,
    DAYS,
    FIRST,
    evaluations,
    monitor_at,
    run_days,
    write_days,
)

NEXT = FIRST + timedelta(weeks=1)
WEEKLY = dg.AssetKey(["churn", "multivariate"])


@pytest.fixture
def critical(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """The small model, declared critical, with two whole weeks on disk."""
    monkeypatch.setattr(reference_sample, "SAMPLE_ROWS", 400)
    monkeypatch.setattr("monitoring_dagster.measure.drift.multivariate.SAMPLE_ROWS", 400)
    write_days(monitor.root, [FIRST + timedelta(days=n) for n in range(len(DAYS), 14)])
    return monitor_at(
        monitor.root, ModelSpec.model_validate(ATTRIBUTES | {"multivariate_drift": True})
    )


@pytest.fixture
def asked_at(critical: Monitor, instance: dg.DagsterInstance) -> Callable[[datetime], set[date]]:
    """One look of the automation sensor at a given time: the weeks that it asks for."""
    definitions, cursor = definitions_of(critical), None

    def look(now: datetime) -> set[date]:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(
            definitions,
            instance,
            asset_selection=dg.AssetSelection.groups(critical.name),
            evaluation_time=now,
            cursor=cursor,
        )
        cursor = result.cursor
        return {date.fromisoformat(str(key)) for key in result.get_requested_partitions(WEEKLY)}

    return look


def morning(day: date) -> datetime:
    return datetime.combine(day, time(6, 0, 30), UTC)


def test_a_week_is_asked_for_on_the_morning_after_its_sunday(
    asked_at: Callable[[datetime], set[date]], instance: dg.DagsterInstance
):
    """Neither on Sunday nor at midnight; once done, not again before the next week has ended."""
    asked_at(morning(NEXT - timedelta(days=2)))
    assert asked_at(morning(NEXT - timedelta(days=1))) == set()
    assert asked_at(datetime.combine(NEXT, time(0, 5), UTC)) == set()
    assert asked_at(morning(NEXT)) == {FIRST}
    instance.report_runless_asset_event(dg.AssetMaterialization(WEEKLY, partition=str(FIRST)))
    assert asked_at(morning(NEXT + timedelta(days=1))) == set()
    assert asked_at(morning(NEXT + timedelta(weeks=1))) == {NEXT}


def test_weeks_that_an_outage_left_out_are_made_up_for(
    asked_at: Callable[[datetime], set[date]],
):
    """The last four that ended; a week that failed is tried again the next morning only."""
    monday = FIRST + timedelta(weeks=6)
    asked_at(morning(monday) - timedelta(hours=1))
    wanted = {FIRST + timedelta(weeks=n) for n in range(2, 6)}
    assert asked_at(morning(monday)) == wanted
    assert asked_at(morning(monday) + timedelta(hours=1)) == set()
    assert asked_at(morning(monday + timedelta(days=1))) >= wanted - {min(wanted)}


def test_a_verdict_does_not_wait_for_the_end_of_its_week(
    critical: Monitor, instance: dg.DagsterInstance
):
    """All daily steps of a Wednesday are asked for on Thursday morning, as without the week."""
    definitions, wednesday = definitions_of(critical), FIRST + timedelta(days=2)
    look = partial(dg.evaluate_automation_conditions, definitions, instance,
                   asset_selection=dg.AssetSelection.groups(critical.name))  # fmt: skip
    thursday = morning(wednesday + timedelta(days=1))
    first = look(evaluation_time=thursday - timedelta(hours=1))
    after = look(evaluation_time=thursday, cursor=first.cursor)
    verdict = dg.AssetKey(["churn", "verdict"])
    assert str(wednesday) in after.get_requested_partitions(verdict)


def test_a_backfill_of_two_weeks_gives_each_its_own_verdict(
    critical: Monitor, instance: dg.DagsterInstance
):
    """One run over two Mondays; the first week has the day on which a feature moved."""
    result = run_days(critical, instance, ["multivariate"], FIRST, NEXT)
    found = {one.partition: one.check_name for one in evaluations(result)}
    assert found == {str(week): "multivariate_drift" for week in (FIRST, NEXT)}
    assert critical.results.days("churn", "multivariate") == [FIRST, NEXT]
    assert instance.get_materialized_partitions(WEEKLY) == {str(FIRST), str(NEXT)}


def test_a_week_can_be_looked_at_on_demand(critical: Monitor, instance: dg.DagsterInstance):
    """What the launchpad does: one partition."""
    asset = definitions_of(critical).resolve_assets_def(WEEKLY)
    result = dg.materialize([asset], instance=instance, partition_key=str(NEXT))
    [verdict] = evaluations(result)
    assert verdict.partition == str(NEXT)


def test_a_range_of_days_runs_the_weeks_that_end_in_it(
    critical: Monitor, monkeypatch: pytest.MonkeyPatch
):
    """As the demo's replay does it: days, weeks and days again, each in a run of its own."""
    runs = []
    monkeypatch.setattr(Project, "_run", lambda *asked: runs.append(asked[2:5]))
    names = [step.name for step in steps_of(critical)]
    project = Project(critical.root)
    project.run_days(critical, names, FIRST + timedelta(days=3), NEXT + timedelta(days=3))
    days = (FIRST + timedelta(days=3), NEXT + timedelta(days=3))
    assert runs == [
        (["contract", "profile", "drift"], *days),
        (["multivariate"], FIRST, FIRST),
        (["estimate", "outcomes", "evaluation", "attribution", "verdict"], *days),
    ]
    runs.clear()
    project.run_days(critical, names, FIRST, FIRST + timedelta(days=2))
    assert [steps for steps, *_ in runs if "multivariate" in steps] == []
    assert len(runs) == 2


@pytest.mark.parametrize("critical_", [False, True], ids=["usual", "critical"])
def test_only_a_critical_model_pays_for_a_week(critical_: bool, monitor: Monitor):
    """A model that is not critical keeps its one run over all days."""
    spec = ModelSpec.model_validate(ATTRIBUTES | {"multivariate_drift": critical_})
    weekly = [step.name for step in steps_of(monitor_at(monitor.root, spec)) if step.weekly]
    assert weekly == (["multivariate"] if critical_ else [])
