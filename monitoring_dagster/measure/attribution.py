"""Which version served, and is a change in quality the version's or the data's?"""

from datetime import date

import pyarrow as pa

from monitoring_dagster.measure.quality.known_quality import evaluate
from monitoring_dagster.measure.quality.promises import promise_of
from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.change_attribution import Served, decompose
from monitoring_dagster.store.days.known_labels import OUTCOMES
from monitoring_dagster.store.monitor import Monitor

STEP = "attribution"
SCHEMA = pa.schema(
    [
        ("version", pa.string()),
        ("n", pa.int64()),
        *((name, pa.float64()) for name in ("share", "estimate", "baseline", "version_effect",
                                            "data_effect")),
        ("metric", pa.string()),
    ]
)  # fmt: skip


def run(monitor: Monitor, day: date) -> StepReport:
    """Split the day's distance from the former promise into the version's part and the data's."""
    metric = monitor.spec.metric
    arrived = monitor.results.days(monitor.name, OUTCOMES)
    evaluation = evaluate(monitor, day, as_of=max([day, *arrived]))
    served = []
    for group, found in evaluation.metrics.items():
        promise = None if group.segment else promise_of(monitor, group, metric, day)
        known = metric in found and found[metric].n > 0
        if promise is not None and known:
            served.append(Served(group.version, found[metric].n, found[metric].value, promise))
    before = _promise_before(monitor, served, day)
    effects = decompose(served, before) if served and before is not None else None
    parts = effects.parts if effects else []
    records: list[dict[str, str | float]] = [
        {"version": one.version, "n": one.n, "share": one.share, "estimate": one.value,
         "baseline": one.baseline, "version_effect": one.version_effect,
         "data_effect": one.data_effect, "metric": metric}
        for one in parts
    ]  # fmt: skip
    monitor.results.write(monitor.name, STEP, day, pa.Table.from_pylist(records, schema=SCHEMA))
    if effects is None:
        return StepReport(numbers={"labelled": 0}, words={"attribution": "no labels yet"})
    return StepReport(
        numbers={
            "labelled": sum(one.n for one in parts),
            "change": effects.change,
            "version_effect": effects.version_effect,
            "data_effect": effects.data_effect,
        },
        words={
            "attribution": f"{metric} lies {effects.change:+.4f} from the baseline before:"
            f" {effects.version_effect:+.4f} by the change of version,"
            f" {effects.data_effect:+.4f} by the data"
        },
        table=records,
    )


def _promise_before(monitor: Monitor, served: list[Served], day: date) -> float | None:
    """The baseline of the version that the oldest one served on *day* replaced, or its own."""
    if not served:
        return None
    oldest = min(served, key=lambda one: int(one.version))
    for promotion in reversed(monitor.ledger.promotions(monitor.name)):
        if promotion.at.date() > day:
            continue  # what came later says nothing about this day
        if promotion.version == oldest.version and promotion.previous:
            before = promise_of(monitor, Group(promotion.previous), monitor.spec.metric, day)
            if before is not None:
                return before
    return oldest.baseline
