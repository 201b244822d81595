"""One model's lineage: what others write, what is computed from it, and what is done about it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from monitoring_dagster.act.notify.alerts import tell_at_end
from monitoring_dagster.daily.steps import STEPS, Step, steps_of
from monitoring_dagster.daily.workers import Failed, run_days
from monitoring_dagster.decide.incidents import HEALING
from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.orchestration.days import as_days, days_of, record
from monitoring_dagster.orchestration.runs import RUN, Run, run_resource
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.schedule import Schedule
from monitoring_dagster.spec.sources import LABELS, PREDICTIONS
from monitoring_dagster.store.monitor import Monitor

HEAL_WEEKS = 4  # and for what is looked at once a week


def daily(schedule: Schedule) -> dg.AutomationCondition[Any]:
    """Each morning, every day of the last week that has no result yet: outages heal themselves.

    Where there is a grace this comes at its end, for what has not arrived by then; what has is
    asked for by the model's sensor of late files.
    """
    words = f"daily at {schedule.words}: missing days of the last week"
    return _missing_in(HEALING, schedule, words)


def weekly(schedule: Schedule) -> dg.AutomationCondition[Any]:
    """The morning after a week has ended; each morning, what is missing of the last few weeks."""
    words = f"daily at {schedule.words}: missing weeks of the last four that ended"
    return _missing_in(timedelta(weeks=HEAL_WEEKS), schedule, words)


def _missing_in(window: timedelta, schedule: Schedule, words: str) -> dg.AutomationCondition[Any]:
    return (
        dg.AutomationCondition.in_latest_time_window(window)
        & dg.AutomationCondition.missing()
        & ~dg.AutomationCondition.in_progress()
        & dg.AutomationCondition.cron_tick_passed(schedule.cron, schedule.time_zone)
    ).with_label(words)


def whenever_labels_arrive(days: int) -> dg.AutomationCondition[Any]:
    """Each day, as soon as labels arrived that belong to it, up to *days* later.

    After an outage the labels of several days arrive at once: the days of the oldest count, too.
    """
    condition = dg.AutomationCondition
    news = condition.newly_missing() | condition.any_deps_updated()
    done = condition.newly_requested() | condition.newly_updated()
    return (
        condition.in_latest_time_window(timedelta(days=days) + HEALING)
        & news.since(done)
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
    ).with_label("when labels arrive that belong to the day")


def external_assets(spec: ModelSpec, *, remark: str = "") -> list[dg.AssetSpec]:
    """The inference log and the labels, which somebody else writes; with a *remark* on the log."""
    log, feed = spec.predictions, spec.labels
    columns = {
        log.request_id: ("string", "identifies the request"),
        log.served_at: ("timestamp", "when it was served, UTC"),
        log.version: ("string", "model version that answered"),
        log.prediction: ("any", "the answer"),
    } | ({log.score: ("float", "its probability")} if log.score else {})
    found = [
        dg.AssetSpec(
            [spec.name, PREDICTIONS],
            group_name=spec.name,
            owners=[spec.owner],
            description=" ".join(filter(None, ["The inference log.", spec.description, remark])),
            kinds={"parquet"} if log.path else {"duckdb"},
            metadata=_columns(columns) | {"source": log.path or f"{log.database}: {log.table}"},
        )
    ]
    if feed:
        columns = {
            feed.request_id: ("string", "identifies the request"),
            feed.label: ("any", "what turned out to be true"),
            feed.arrived_at: ("timestamp", "when that was known, UTC"),
        }
        found.append(
            dg.AssetSpec(
                [spec.name, LABELS],
                group_name=spec.name,
                owners=[spec.owner],
                description="What turned out to be true, by day of arrival.",
                kinds={"parquet"} if feed.path else {"duckdb"},
                metadata=_columns(columns)
                | {"source": feed.path or f"{feed.database}: {feed.table}"},
            )
        )
    return found


def step_assets(monitor: Monitor, first: date) -> list[dg.AssetsDefinition]:
    """Every step of the model as an asset with its checks, by day from *first* on, or by week."""
    days = dg.DailyPartitionsDefinition(start_date=first.isoformat())
    weeks = dg.WeeklyPartitionsDefinition(start_date=first.isoformat(), day_offset=1)  # Mondays
    return [
        _step_asset(monitor, step, weeks if step.weekly else days) for step in steps_of(monitor)
    ]


def _step_asset(
    monitor: Monitor, step: Step, periods: dg.TimeWindowPartitionsDefinition
) -> dg.AssetsDefinition:
    spec = monitor.spec
    key = dg.AssetKey([spec.name, step.name])
    window = spec.labels.accepted_days if spec.labels else 0
    befores = _befores(monitor, step)

    @dg.multi_asset(
        name=f"{spec.name}__{step.name}",
        specs=[
            dg.AssetSpec(
                key,
                deps=[
                    _dependency(spec, step, upstream, window)
                    for upstream in step.upstream
                    if upstream in (PREDICTIONS, LABELS) or _exists(monitor, upstream)
                ],
                description=step.description,
                group_name=spec.name,
                owners=[spec.owner],
                kinds=set(step.kinds),
                metadata=_columns(step.columns),
                automation_condition=_condition(monitor, step, window),
                partitions_def=periods,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=question, partitions_def=periods)
            for name, question in step.checks.items()
        ],
        partitions_def=periods,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        required_resource_keys={RUN},
        resource_defs={RUN: run_resource},
    )
    def run(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        days = days_of(context, key)
        shared: Run = getattr(context.resources, RUN)
        blocked = {*days} & (shared.blocked(befores) | _never_done(context, shared, befores))
        chosen = as_days([day for day in days if day not in blocked])
        found = run_days(monitor, step, chosen, then=_next(context, monitor, step, shared))
        done = {str(day): one for day, one in found.items() if isinstance(one, StepReport)}
        failed = {str(day): one for day, one in found.items() if isinstance(one, Failed)}
        if step.in_order:
            tell_at_end(monitor, as_days(sorted(done)))
        shared.note(key.to_user_string(), failed, blocked)
        for day, one in failed.items():
            context.log.warning("%s failed: %s\n%s", day, one.words, one.trace)
        yield from record(context, key, done, complete=len(done) == len(days))
        if len(done) < len(days) and not _goes_on(context, spec, step):
            raise shared.failure(spec.name)

    return run


def _befores(monitor: Monitor, step: Step) -> list[str]:
    """The steps whose results of a day *step* builds on."""
    return [
        f"{monitor.name}/{one.name}"
        for one in steps_of(monitor)
        if one.name in step.upstream and one.weekly == step.weekly
    ]


def _next(
    context: dg.AssetExecutionContext, monitor: Monitor, step: Step, shared: Run
) -> list[Step]:
    """The steps of this run that can begin once *step* is done."""
    nodes = {node.name for node in context.job_def.nodes}
    steps = [one for one in steps_of(monitor) if f"{monitor.name}__{one.name}" in nodes]
    todo = {one.name for one in steps if f"{monitor.name}/{one.name}" not in shared.undone}
    todo -= {step.name}
    return [one for one in steps if step.name in one.upstream and todo.isdisjoint(one.upstream)]


def _goes_on(context: dg.AssetExecutionContext, spec: ModelSpec, step: Step) -> bool:
    """Whether a later step of this run builds on *step*: a step that fails would take it along."""
    names = {node.name for node in context.job_def.nodes}
    return any(step.name in one.upstream and f"{spec.name}__{one.name}" in names for one in STEPS)


def _never_done(context: dg.AssetExecutionContext, shared: Run, steps: Sequence[str]) -> set[str]:
    """In a run that goes on where another failed: the days that it has no result of."""
    if context.run.parent_run_id is None:
        return set()
    before = [dg.AssetKey.from_user_string(step) for step in steps if step not in shared.undone]
    done = [context.instance.get_materialized_partitions(key) for key in before]
    return {*context.partition_keys}.difference(set.intersection(*done)) if done else set()


def _condition(monitor: Monitor, step: Step, window: int) -> dg.AutomationCondition[Any]:
    if step.looks_ahead:
        return whenever_labels_arrive(window)
    return weekly(monitor.schedule) if step.weekly else daily(monitor.schedule)


def _exists(monitor: Monitor, name: str) -> bool:
    return any(step.name == name for step in steps_of(monitor))


def _dependency(spec: ModelSpec, step: Step, upstream: str, window: int) -> dg.AssetDep:
    key = [spec.name, upstream]
    if upstream in (PREDICTIONS, LABELS):
        return dg.AssetDep(key)
    if step.looks_ahead and upstream == "outcomes":
        return dg.AssetDep(
            key,
            partition_mapping=dg.TimeWindowPartitionMapping(
                start_offset=0, end_offset=window, allow_nonexistent_upstream_partitions=True
            ),
        )
    return dg.AssetDep(key)


def _columns(columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    schema = dg.TableSchema(
        [dg.TableColumn(name, kind, description=words) for name, (kind, words) in columns.items()]
    )
    return {"dagster/column_schema": schema} if columns else {}
