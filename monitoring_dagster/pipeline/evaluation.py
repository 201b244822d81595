"""How good were the day's predictions, as far as is known?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import pyarrow as pa

from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.outcomes import STEP as OUTCOMES
from monitoring_dagster.pipeline.outcomes import known_outcomes
from monitoring_dagster.pipeline.profile import profiles_of
from monitoring_dagster.pipeline.reference import reference_of
from monitoring_dagster.pipeline.step import Check, StepReport, Tone
from monitoring_dagster.report.pictures import Estimate, intervals
from monitoring_dagster.spec import Labels
from monitoring_dagster.stats.performance import HIGHER_IS_BETTER, Metric, metrics
from monitoring_dagster.stats.profile import Group

STEP = "evaluation"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "segment", "value", "metric")),
        *((name, pa.float64()) for name in ("estimate", "low", "high")),
        ("n", pa.int64()),
        ("predictions", pa.int64()),
        ("as_of", pa.date32()),
        ("maturity", pa.string()),
    ]
)


class Maturity(StrEnum):
    """How much of a day's truth is known."""

    PENDING = "PENDING"  # too few labels for any verdict
    PARTIAL = "PARTIAL"  # enough for a verdict, more may come
    MATURE = "MATURE"  # no more labels are waited for


@dataclass(frozen=True)
class Evaluation:
    """One prediction day as known at the end of *as_of*."""

    day: date
    as_of: date
    maturity: Maturity
    coverage: float  # labelled rows per counted prediction
    metrics: Mapping[Group, Mapping[str, Metric]]
    predictions: Mapping[Group, int]

    @property
    def judged(self) -> bool:
        return self.maturity is not Maturity.PENDING


def evaluate(monitor: Monitor, day: date, *, as_of: date) -> Evaluation:
    """The day's quality as known on *as_of*: the same answer whenever it is asked."""
    labels = _labels(monitor)
    found = known_outcomes(monitor, day, as_of=as_of, labels=labels)
    served = {group: one.rows for group, one in profiles_of(monitor, day).items()}
    labelled = sum(one.n for group, one in found.items() if not group.segment)
    predicted = sum(rows for group, rows in served.items() if not group.segment)
    coverage = labelled / predicted if predicted else 0.0
    waited = (as_of - day).days >= labels.mature_after_days
    if coverage < labels.min_coverage:
        maturity = Maturity.PENDING
    else:
        maturity = Maturity.MATURE if waited else Maturity.PARTIAL
    return Evaluation(
        day=day,
        as_of=as_of,
        maturity=maturity,
        coverage=coverage,
        metrics={group: metrics(one) for group, one in sorted(found.items())},
        predictions=served,
    )


def breaches(monitor: Monitor, evaluation: Evaluation) -> dict[str, str]:
    """Metrics that are worse than tolerated with 95 % certainty, in words.

    Judged per version against its own registration; a day counts as worse only where the whole
    interval lies beyond the tolerance. ``bias`` is judged on either side of its baseline.
    """
    worse: dict[str, str] = {}
    if not evaluation.judged:
        return worse
    for group, found in evaluation.metrics.items():
        reference = None if group.segment else reference_of(monitor, group.version)
        if reference is None:
            continue
        for name, tolerance in monitor.spec.tolerances.items():
            baseline = reference.baseline.get(name)
            metric = found.get(name)
            if baseline is None or metric is None:
                continue
            room = tolerance.around(baseline)
            over = metric.low > baseline + room
            under = metric.high < baseline - room
            bad = over or under if name == "bias" else under if name in HIGHER_IS_BETTER else over
            if bad:
                worse[name] = (
                    f"{name} of version {group.version} was {metric.value:.4f}"
                    f" ({metric.low:.4f} to {metric.high:.4f}, {metric.n:,} labels) where"
                    f" registration promised {baseline:.4f} and {room:.4f} is tolerated"
                )
    return worse


def run(monitor: Monitor, day: date) -> StepReport:
    """Evaluate the day with every label that is there now, and store it as the newest revision."""
    arrived = monitor.results.days(monitor.name, OUTCOMES)
    evaluation = evaluate(monitor, day, as_of=max([day, *arrived]))
    records = [
        {**group._asdict(), "metric": name, "estimate": metric.value, "low": metric.low,
         "high": metric.high, "n": metric.n, "predictions": evaluation.predictions.get(group, 0),
         "as_of": evaluation.as_of, "maturity": str(evaluation.maturity)}
        for group, found in evaluation.metrics.items() for name, metric in found.items()
    ]  # fmt: skip
    monitor.results.write(monitor.name, STEP, day, pa.Table.from_pylist(records, schema=SCHEMA))
    return _report(monitor, evaluation)


def _labels(monitor: Monitor) -> Labels:
    labels = monitor.spec.labels
    assert labels is not None, "a model without labels has no evaluation step"
    return labels


def _report(monitor: Monitor, evaluation: Evaluation) -> StepReport:
    worse = breaches(monitor, evaluation)
    numbers: dict[str, int | float] = {"coverage": evaluation.coverage}
    rows = []
    for group, found in evaluation.metrics.items():
        if not group.segment:
            numbers["labelled"] = numbers.get("labelled", 0) + next(iter(found.values())).n
            numbers |= {name: metric.value for name, metric in found.items()}
        for name in monitor.spec.tolerances:
            if name in found:
                rows.append((group, name, found[name]))
    if worse:
        words = "; ".join(worse.values())
    elif not evaluation.judged:
        words = (f"{evaluation.coverage:.0%} of the labels are here, {evaluation.maturity}:"
                 " too few for a verdict")  # fmt: skip
    else:
        words = (f"within what registration promised ({evaluation.maturity},"
                 f" {evaluation.coverage:.0%} of the labels)")  # fmt: skip
    return StepReport(
        numbers=numbers,
        words={"maturity": str(evaluation.maturity), "as_of": evaluation.as_of.isoformat()},
        checks={"performance": Check(passed=not worse, words=words,
                                     tone=Tone.ERROR if worse else Tone.WARN)},
        table=[
            {"group": _label(group), "metric": name, "estimate": round(metric.value, 4),
             "low": round(metric.low, 4), "high": round(metric.high, 4), "n": metric.n}
            for group, name, metric in rows
        ],
        picture=intervals(
            "Quality with 95 % intervals (grey: promised at registration)",
            [
                Estimate(_label(group), metric.value, metric.low, metric.high,
                         _baseline(monitor, group, name), name in worse and not group.segment)
                for group, name, metric in rows if name == monitor.spec.metric
            ],
        )
        if rows
        else None,
    )  # fmt: skip


def _baseline(monitor: Monitor, group: Group, metric: str) -> float | None:
    reference = reference_of(monitor, group.version)
    return reference.baseline.get(metric) if reference else None


def _label(group: Group) -> str:
    return f"v{group.version}" + (f" {group.segment}={group.value}" if group.segment else "")
