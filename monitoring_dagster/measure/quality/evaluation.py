"""How good were the day's predictions, as far as is known?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa

from monitoring_dagster.decide.judging.tolerance import metric_of, worse_by_value
from monitoring_dagster.measure.quality.arrivals import arrivals_of, curve_on, late_bias_on
from monitoring_dagster.measure.quality.known_quality import (
    EVALUATION,
    Evaluation,
    breaches,
    evaluate,
    judged_signals,
)
from monitoring_dagster.measure.quality.model_metrics import label_of
from monitoring_dagster.measure.quality.promises import as_row, promise_of, unpromised
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.report.pictures import Estimate, intervals
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.label_quality import AccuracyUnderNoise, accuracy_under_noise
from monitoring_dagster.stats.labels.maturity import Maturity
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import metrics
from monitoring_dagster.store.days.champions import champion_on, version_of_series
from monitoring_dagster.store.days.known_labels import OUTCOMES
from monitoring_dagster.store.monitor import Monitor

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "segment", "value", "metric")),
        *((name, pa.float64()) for name in ("estimate", "low", "high")),
        ("n", pa.int64()),
        ("predictions", pa.int64()),
        ("as_of", pa.date32()),
        ("maturity", pa.string()),
        ("source", pa.string()),  # of the labels; empty: the feed itself
    ]
)


def run(monitor: Monitor, day: date) -> StepReport:
    """Evaluate the day with every label that is there now, and store it as the newest revision."""
    as_of = max([day, *monitor.results.days(monitor.name, OUTCOMES)])
    curve = curve_on(monitor, as_of)
    evaluation = evaluate(monitor, day, as_of=as_of, curve=curve)
    further = {
        source: evaluate(monitor, day, as_of=as_of, source=source)
        for source in monitor.spec.further_labels
    }
    records = [
        {**group._asdict(), "source": source, "metric": name, "estimate": metric.value,
         "low": metric.low, "high": metric.high, "n": metric.n,
         "predictions": one.predictions.get(group, 0), "as_of": one.as_of,
         "maturity": str(one.maturity)}
        for source, one in {"": evaluation, **further}.items()
        for group, found in one.metrics.items() for name, metric in found.items()
    ]  # fmt: skip
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    arrivals = arrivals_of(monitor, day, as_of=as_of)
    # As many revisions as days on which labels came: the same number whoever counts, and when.
    revision = {"revision": str(len(arrivals)),
                "cause": f"labels of {arrivals[-1]}" if arrivals else "no label yet"}  # fmt: skip
    monitor.results.write(monitor.name, EVALUATION, day, table, metadata=revision)
    notes = dict(revision)
    if curve is not None and evaluation.maturity is Maturity.PARTIAL:
        bias = late_bias_on(monitor, day, as_of=as_of, curve=curve)
        if bias is not None and bias.differ:
            notes["late_labels"] = bias.words
    opinions = _second_opinions(monitor, further)
    notes |= {f"accuracy_{source}": one.words for source, one in opinions.items()}
    report = _report(monitor, evaluation, notes)
    numbers = {f"accuracy_{source}": one.value for source, one in opinions.items()}
    return replace(report, numbers={**report.numbers, **numbers})


def _second_opinions(
    monitor: Monitor, further: Mapping[str, Evaluation]
) -> dict[str, AccuracyUnderNoise]:
    """The accuracy by every other source of labels, freed of what is known to be wrong in it."""
    found = {}
    for source, one in further.items():
        whole = [outcomes for group, outcomes in one.outcomes.items() if not group.segment]
        total = sum(whole, Outcomes(monitor.spec.task))
        if total.n and monitor.spec.task != "regression":
            rate = monitor.spec.further_labels[source].error_rate
            found[source] = accuracy_under_noise(metrics(total)["accuracy"], rate)
    return found


def _report(monitor: Monitor, evaluation: Evaluation, notes: Mapping[str, str]) -> StepReport:
    worse = breaches(monitor, evaluation)
    day, judged = evaluation.day, monitor.spec.tolerances
    champion = champion_on(monitor, day)
    plotted = version_of_series(monitor, day, evaluation.versions)
    numbers: dict[str, int | float] = {"coverage": evaluation.coverage}
    rows = []
    for group, found in evaluation.metrics.items():
        if not group.segment:
            numbers["labelled"] = numbers.get("labelled", 0) + evaluation.outcomes[group].n
            if group.version == plotted:
                numbers |= {name: metric.value for name, metric in found.items()}
        rows += [(group, name, found[name]) for name in judged if name in found]
    return StepReport(
        numbers=numbers,
        words={"maturity": str(evaluation.maturity), "known": evaluation.reason,
               "as_of": evaluation.as_of.isoformat(), **notes},
        checks={"performance": _check(monitor, evaluation, worse, champion)},
        table=[
            as_row(monitor, group, name, metric, day)
            for group, name, metric in rows
        ],
        picture=intervals(
            "Quality with 95 % intervals (grey: baseline)",
            [
                Estimate(label_of(group), metric.value, metric.low, metric.high,
                         promise_of(monitor, group, name, day),
                         name in worse.get(group.version, {}) and not group.segment)
                for group, name, metric in rows if name == monitor.spec.metric
            ],
        )
        if rows
        else None,
    )  # fmt: skip


def _check(
    monitor: Monitor,
    evaluation: Evaluation,
    worse: Mapping[str, Mapping[str, str]],
    champion: str | None,
) -> Check:
    """Each version by itself: the champion's breach is an error, another's a warning, and what has
    no verdict is named as such."""
    if not worse:
        return Check.no_verdict(f"too few labels ({evaluation.state}): {evaluation.reason}")
    alone = len(evaluation.versions) == 1
    said, fine = [], False
    for version in evaluation.versions:
        unknown = unpromised(monitor, Group(version), evaluation.day)
        if version not in worse:
            said.append(
                f"version {version}: no verdict ({evaluation.labelled(version):,} labels,"
                f" {evaluation.predictions[Group(version)]:,} predictions)"
            )
            continue
        if worse[version]:
            said += worse[version].values()
        elif len(unknown) < len(monitor.spec.tolerances):
            which, fine = "" if alone else f"version {version}: ", True
            said.append(f"{which}{_calm(monitor, evaluation, version)} ({evaluation.state})")
        said += [
            f"nothing to compare {name} of version {version} with: neither its registration nor"
            " labels in its reference promise one"
            for name in unknown
        ]
    bad = [version for version, found in worse.items() if found]
    loud = bad and (alone or champion in bad)
    if not bad and not fine:
        return Check.no_verdict("; ".join(said))
    return Check(passed=not bad, words="; ".join(said), tone=Tone.ERROR if loud else Tone.WARN)


def _calm(monitor: Monitor, evaluation: Evaluation, version: str) -> str:
    """Why a version has no breach: it is within tolerance, or days differ by as much."""
    known, variation = judged_signals(monitor, evaluation)
    varies = {metric_of(one) for one in variation if one.version == version}
    varied = [
        f"{worse.metric} beyond tolerance, within normal variation of days"
        for one in known
        if one.version == version
        and metric_of(one) in varies
        and (worse := worse_by_value(monitor.spec, one)) is not None
    ]
    return "; ".join(varied) or "within tolerance of the baseline"
