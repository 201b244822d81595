"""How good will the day turn out to be, before any label has come?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import isfinite

import numpy as np
import pyarrow as pa

from monitoring_dagster.decide.judging.quality.breached_days import expected_breaches
from monitoring_dagster.measure.estimates.estimators import Estimated, by_confidence, by_losses
from monitoring_dagster.measure.quality.model_metrics import label_of
from monitoring_dagster.measure.quality.promises import as_row, compared, promise_of, unpromised
from monitoring_dagster.measure.quality.quality_signals import quality_signals
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.report.pictures import Estimate, intervals
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.estimation.score_estimation import BLIND_SPOT
from monitoring_dagster.store.days.champions import version_of_series
from monitoring_dagster.store.days.drifted import drifted_columns
from monitoring_dagster.store.days.estimated import ESTIMATE
from monitoring_dagster.store.days.profiles import profiles_of, why_no_profile
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference_sample import features_of
from monitoring_dagster.store.references.version_reference import reference_of

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "segment", "value", "metric", "method")),
        *((name, pa.float64()) for name in ("estimate", "low", "high")),
        ("n", pa.int64()),
    ]
)


def run(monitor: Monitor, day: date) -> StepReport:
    """Estimate the day's quality from its stored profiles, and store it for its labels to judge."""
    found = dict(_estimates(monitor, day))
    records = [
        {**group._asdict(), "metric": name, "method": one.method, "estimate": metric.value,
         "low": metric.low, "high": metric.high, "n": metric.n}
        for group, one in found.items() for name, metric in one.metrics.items()
    ]  # fmt: skip
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    of_groups = {group: one.metrics for group, one in found.items()}
    signals = list(quality_signals(monitor, of_groups, area="estimate", day=day))
    monitor.results.write(monitor.name, ESTIMATE, day, table, metadata=noted(signals))
    return _report(monitor, day, found, expected_breaches(monitor.spec, signals).get(day, {}))


def _estimates(monitor: Monitor, day: date) -> Iterator[tuple[Group, Estimated]]:
    """Every group; with `multivariate_drift` the whole of a version whose features drifted by the
    shift-weighted form, which reads rows and costs more than all the rest."""
    drifted = drifted_columns(monitor, day) if monitor.spec.multivariate_drift else set()
    for place, (group, profile) in enumerate(sorted(profiles_of(monitor, day).items())):
        reference = reference_of(monitor, group.version)
        if reference is None:
            yield group, Estimated({}, reason="the registry does not know it")
            continue
        rng = np.random.default_rng([day.toordinal(), place])
        if monitor.spec.task == "regression":
            yield group, by_losses(monitor, reference, profile)
        else:
            features = features_of(monitor, reference)
            shifted = not group.segment and any((group.version, one) in drifted for one in features)
            yield (
                group,
                by_confidence(
                    monitor, reference, profile, rng=rng, shifted_on=day if shifted else None
                ),
            )


def _report(
    monitor: Monitor,
    day: date,
    estimated: Mapping[Group, Estimated],
    worse: Mapping[str, Mapping[str, str]],
) -> StepReport:
    found = {group: one.metrics for group, one in estimated.items() if one.metrics}
    whole = {group: metrics for group, metrics in found.items() if not group.segment}
    plotted = version_of_series(monitor, day, [group.version for group in whole])
    judged = [
        name for name in monitor.spec.tolerances if any(name in one for one in whole.values())
    ]
    return StepReport(
        numbers={
            name: metric.value
            for group, metrics in whole.items()
            if group.version == plotted
            for name, metric in metrics.items()
            if isfinite(metric.value)
        },
        words={"reach": BLIND_SPOT},
        checks={"expected_performance": _check(monitor, day, estimated, judged, worse)},
        table=[
            as_row(monitor, group, name, metric, day)
            for group, metrics in found.items() for name, metric in metrics.items()
            if name in monitor.spec.tolerances
        ],
        picture=intervals(
            "Expected quality with 95 % intervals (grey: baseline)",
            [
                Estimate(label_of(group), metrics[name].value, metrics[name].low,
                         metrics[name].high, promise_of(monitor, group, name, day),
                         name in worse.get(group.version, {}) and not group.segment)
                for name in judged[:1] for group, metrics in found.items()
            ],
        )
        if judged
        else None,
    )  # fmt: skip


def _check(
    monitor: Monitor,
    day: date,
    estimated: Mapping[Group, Estimated],
    judged: Sequence[str],
    worse: Mapping[str, Mapping[str, str]],
) -> Check:
    """Whether what is expected is *worse* than tolerated; no verdict where nothing can be said."""
    whole = [group for group, one in estimated.items() if one.metrics and not group.segment]
    without = [
        f"nothing is expected of version {group.version or '(none)'}: {one.reason}"
        for group, one in estimated.items() if one.reason and not group.segment
    ]  # fmt: skip
    if not judged:
        if whole:
            names = ", ".join(monitor.spec.tolerances)
            return Check.no_verdict(f"no judged metric can be estimated: {names}")
        return Check.no_verdict("; ".join(without) or why_no_profile(monitor, day))
    known = compared(monitor, day, {group: one.metrics for group, one in estimated.items()})
    unknown = [
        f"nothing to compare {name} of version {group.version} with: nothing was promised"
        for group in whole
        for name in unpromised(monitor, group, day)
        if name in judged
    ]
    few = [
        f"version {group.version}: no verdict, as it has few rows"
        for group in whole if group.version not in worse
    ]  # fmt: skip
    bad = [words for found in worse.values() for words in found.values()]
    fine = ["within tolerance of the baseline"] if known else []
    words = "; ".join([*(bad or fine), *unknown, *few, *without])
    if bad or known:
        return Check(passed=not bad, words=words, tone=Tone.WARN)
    return Check.no_verdict(words)
