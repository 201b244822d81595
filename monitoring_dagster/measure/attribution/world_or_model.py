"""Change within one version, split into shifted inputs and a changed relation, from rows."""

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.measure.attribution.change_parts import CHANGE, about_change
from monitoring_dagster.measure.attribution.windows import Windows
from monitoring_dagster.sources.labels.spoilt_files import readable_labelled_rows
from monitoring_dagster.sources.rows.expressions import row_values
from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.design import Design
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.values import Codes, Floats
from monitoring_dagster.stats.estimation.input_ranking import ranked_inputs
from monitoring_dagster.stats.estimation.shift_split import MIN_ROWS, ShiftSplit, split_shift
from monitoring_dagster.stats.quality.labelled_rows import encoded
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.ledger.decided.label_decisions import discarded_on
from monitoring_dagster.store.models.registration import LABEL
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.reference_sample import features_of
from monitoring_dagster.store.references.reference_truth import (
    LABELLED_FILE,
    days_in,
    evenly,
    judgeable,
    kept,
)
from monitoring_dagster.store.references.version_reference import folder_of, reference_of

INPUTS, RELATION, FEATURE = (
    "attribution.inputs",
    "attribution.relation",
    "attribution.feature",
)
_MOST_ROWS = 20_000  # of either side
_SHOWN_FEATURES = 10  # by the size of what they add


class _Side(NamedTuple):
    """Labelled rows of one side: what the model saw, and what they turned out to be worth."""

    rows: pa.Table
    losses: Floats
    days: Codes


class _Refused(MonitoringError):
    """Nothing can be said, and why."""


def world_or_model(monitor: Monitor, windows: Windows, version: str) -> Iterator[Signal]:
    """The change of one version between the windows, by what its rows say of inputs and relation.

    Against the rows of the window before, or where the version served too little then, against the
    labelled rows of its reference. Larger is worse; inputs and relation add up to the change. NaN,
    with the reason, where that cannot be told apart. Of features that which each one's shift adds,
    for the ten that add most.
    """
    about = {**about_change(windows), "version": version}
    try:
        bins, before, now, name = _sides(monitor, windows, version)
    except MonitoringError as error:
        for signal in (INPUTS, RELATION):
            yield Signal.over(windows.first, windows.last, signal, nan,
                              subject=windows.metric.label, reason=str(error), **about)  # fmt: skip
        return
    about["baseline_name"] = name
    design = Design.over(before.rows, bins)
    points = design.points(before.rows), design.points(now.rows)
    losses = before.losses, now.losses
    rng = np.random.default_rng([windows.last.toordinal(), len(version)])
    split = split_shift(
        *points, *losses, categorical=design.categorical, rng=rng,
        days_before=before.days, days_now=now.days,
    )  # fmt: skip
    yield from _signals(windows, split, baseline=float(before.losses.mean()), about=about)
    if not split.refused:
        ranked = ranked_inputs(*points, *losses, categorical=design.categorical, rng=rng)
        yield from _features(windows, dict(zip(bins, ranked, strict=True)), about)


def _signals(
    windows: Windows, split: ShiftSplit, *, baseline: float, about: Mapping[str, object]
) -> Iterator[Signal]:
    for name, part in ((CHANGE, split.change), (INPUTS, split.inputs), (RELATION, split.relation)):
        yield Signal.over(
            windows.first, windows.last, name, part.value, subject=windows.metric.label,
            low=part.low, high=part.high, n=part.n, baseline=baseline if name == CHANGE else nan,
            reason="" if name == CHANGE else split.refused or split.overlap.words, **about,
        )  # fmt: skip


def _features(
    windows: Windows, ranked: Mapping[str, Metric], about: Mapping[str, object]
) -> Iterator[Signal]:
    first = sorted(ranked, key=lambda name: (-abs(ranked[name].value), name))[:_SHOWN_FEATURES]
    for name in first:
        one = ranked[name]
        yield Signal.over(
            windows.first, windows.last, FEATURE, one.value, subject=name, low=one.low,
            high=one.high, n=one.n, **about,
        )  # fmt: skip


def _sides(
    monitor: Monitor, windows: Windows, version: str
) -> tuple[Mapping[str, Bins], _Side, _Side, str]:
    """The inputs that are compared, the rows of both sides, and what those before are."""
    reference = reference_of(monitor, version)
    if reference is None:
        message = f"version {version} has no reference: nobody knows its inputs"
        raise _Refused(message)
    bins = features_of(monitor, reference)
    now = _served(monitor, windows, version, bins, before=False)
    if not now.losses.size:
        message = f"no labelled row of version {version} from the newest judged days can be read"
        raise _Refused(message)
    if windows.total(Group(version), before=True).n >= MIN_ROWS:
        before = _served(monitor, windows, version, bins, before=True)
        if before.losses.size >= MIN_ROWS:
            return bins, before, now, windows.before_name
    before = _of_reference(monitor, windows, reference, bins)
    return bins, before, now, f"reference of version {version}"


def _served(
    monitor: Monitor, windows: Windows, version: str, bins: Mapping[str, Bins], *, before: bool
) -> _Side:
    """Some labelled rows of the judged days of a window."""
    spec, days = monitor.spec, sorted(windows.before if before else windows.now)
    rows = windows.total(Group(version), before=before).n
    own = windows.metric.definition
    more = [one for one in (own.columns if own else ()) if one not in bins]
    table, _ = readable_labelled_rows(
        spec, first=days[0], last=days[-1], as_of=windows.as_of, features=list(bins), further=more,
        root=monitor.root, share=min(1.0, _MOST_ROWS / max(rows, 1)),
        without=discarded_on(
            monitor.ledger.label_decisions.of(monitor.name), windows.as_of
        ),
    )  # fmt: skip
    table = table.filter(pc.equal(table["version"].cast(pa.string()), version))
    served = table["served_at"].cast(pa.timestamp("us", "UTC")).cast(pa.date32())
    table = table.filter(pc.is_in(served, value_set=pa.array(days, pa.date32())))
    return _side(windows, table, _days_of(table), label="label", names=("prediction", "score"))


def _days_of(table: pa.Table) -> Codes:
    """The UTC day of each row, as a code."""
    served = table["served_at"].cast(pa.timestamp("us", "UTC")).cast(pa.date32())
    return np.asarray(served.cast(pa.int32()).to_numpy(), np.intp)


def _of_reference(
    monitor: Monitor, windows: Windows, reference: Reference, bins: Mapping[str, Bins]
) -> _Side:
    """The labelled rows that lie beside the version's reference."""
    log, folder = monitor.spec.predictions, folder_of(monitor, reference.version)
    path = folder / LABELLED_FILE
    table = kept(folder, LABELLED_FILE) if path.exists() else pa.table({})
    needed = {LABEL, log.prediction, *bins}
    if missing := sorted(needed - {*table.column_names}):
        message = (
            f"version {reference.version} served too few labelled rows before, and its reference"
            f" has none with {', '.join(missing[:3])}"
        )
        raise _Refused(message)
    table = judgeable(monitor.spec, evenly(table, most=_MOST_ROWS))
    names = (log.prediction, log.score or "")
    return _side(windows, table, days_in(table), label=LABEL, names=names)


def _side(
    windows: Windows, table: pa.Table, days: Codes, *, label: str, names: Sequence[str]
) -> _Side:
    metric, (prediction, score) = windows.metric, names
    spec, own = metric.spec, metric.definition
    values = None
    if own is not None and (own.expression or own.function):
        renamed = {"label": table[label], "prediction": table[prediction]}
        renamed |= {"score": table[score]} if score in table.column_names else {}
        if missing := [one for one in own.columns if one not in table.column_names]:
            message = f"{metric.label} needs {', '.join(missing)}, which the rows do not have"
            raise _Refused(message)
        more = {one: table[one] for one in own.columns}
        values = row_values(own, pa.table({**more, **renamed}), task=spec.task)
    rows = encoded(
        spec.task,
        label=table[label],
        prediction=table[prediction],
        score=table[score] if score in table.column_names else None,
    )
    if values is None and metric.label in ("log_loss", "brier") and "brier" not in rows.summands:
        message = f"{metric.label} needs scores, which the rows do not have"
        raise _Refused(message)
    losses = metric.of_rows(rows, values)
    known = rows.known & np.isfinite(losses)
    return _Side(table.filter(pa.array(known)), losses[known], days[known])
