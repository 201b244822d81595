"""Champion and challenger on the same rows, by the metric that decides about promotions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.act.retraining.training import LabelledFeatures
from monitoring_dagster.decide.judging.tolerance import higher_is_better
from monitoring_dagster.decide.retraining_policy import MIN_SEGMENT_ROWS, Gate, gate
from monitoring_dagster.measure.attribution.mean_metric import values_of
from monitoring_dagster.measure.quality.model_metrics import metrics_of
from monitoring_dagster.sources.rows.expressions import row_values
from monitoring_dagster.spec.metrics import SCORE_METRICS
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.values import Codes, Floats, arrow
from monitoring_dagster.stats.quality.comparison import PairedComparison, jackknifed, paired
from monitoring_dagster.stats.quality.labelled_rows import Encoded, encoded
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.own_metric import of_values

Answers = Mapping[str, NDArray[Any]]  # by the names of the inference log


@dataclass(frozen=True)
class _Judged:
    """One model's answers about the holdout."""

    encoded: Encoded
    values: Floats | None  # of each row, where the metric is their mean


def compare(
    spec: ModelSpec, champion: Answers, challenger: Answers, holdout: LabelledFeatures
) -> tuple[Gate, dict[str, float]]:
    """May the challenger serve, by the model's first performance rule; and the numbers behind it.

    A mean over rows is compared row by row, any other metric by leaving out each day in turn;
    `bias` by its size.

    Raises
    ------
    UnusableMetric, UnusableOutcome
    """
    metric, rows = spec.metric, holdout.count
    name = "size of bias" if metric == "bias" else metric
    for who, said in {"champion": champion, "challenger": challenger}.items():
        if missing := _without_answer(spec, said):
            words = f"{name} is not compared: the {who} gives no answer to {missing:,} of the"
            return Gate(passed=False, words=f"{words} {rows:,} rows of the holdout"), {}
    before, after = (_judged(spec, said, holdout) for said in (champion, challenger))
    days = pd.factorize(holdout.days)[0]
    overall = _compared(spec, before, after, days, np.ones(rows, dtype=bool))
    segments: dict[str, PairedComparison] = {}
    tolerated: dict[str, float] = {}
    for segment, column in holdout.segments.items():
        for value, n in column.value_counts().items():
            if n < MIN_SEGMENT_ROWS:
                continue
            label = f"{segment}={value}"
            chosen = (column == value).to_numpy(dtype=bool, na_value=False)
            segments[label] = _compared(spec, before, after, days, chosen)
            tolerance = spec.tolerances_where(str(segment), str(value))[metric]
            if tolerance.absolute is not None:
                tolerated[label] = tolerance.absolute
    numbers = {
        "holdout_rows": float(rows),
        f"champion_{metric}": overall.champion,
        f"challenger_{metric}": overall.challenger,
        "p_value": overall.p_value,
        "difference": overall.difference,
        "difference_low": overall.low,
        "difference_high": overall.high,
    }
    finite = {key: value for key, value in numbers.items() if np.isfinite(value)}
    return gate(overall, segments, metric=name, tolerated=tolerated), finite


def _without_answer(spec: ModelSpec, said: Answers) -> int:
    """Rows that the metric cannot judge: left out, the hardest ones would cost nothing."""
    log = spec.predictions
    names = [log.prediction]
    if log.score and (spec.metric in SCORE_METRICS[spec.task] or spec.definition(spec.metric)):
        names.append(log.score)
    missing = np.zeros(len(said[log.prediction]), dtype=bool)
    for name in names:
        values = said[name]
        missing |= pd.isna(values)
        if np.issubdtype(values.dtype, np.floating):
            missing |= np.isinf(values)
    return int(missing.sum())


def _judged(spec: ModelSpec, said: Answers, holdout: LabelledFeatures) -> _Judged:
    log, own = spec.predictions, spec.definition(spec.metric)
    columns = {"label": holdout.labels.to_numpy(), "prediction": said[log.prediction]}
    if log.score:
        columns["score"] = said[log.score]
    arrays = {name: arrow(values) for name, values in columns.items()}
    values = None
    if own is not None and (own.expression or own.function):
        more = {name: pa.array(holdout.further[name], from_pandas=True) for name in own.columns}
        values = row_values(own, pa.table({**arrays, **more}), task=spec.task)
    rows = encoded(
        spec.task,
        label=arrays["label"],
        prediction=arrays["prediction"],
        score=arrays.get("score"),
        values=None if own is None or values is None else {own.label: pa.array(values)},
    )
    if values is None:
        values = values_of(spec.metric, own, rows)
    return _Judged(rows, values)


def _compared(
    spec: ModelSpec, before: _Judged, after: _Judged, days: Codes, chosen: NDArray[np.bool_]
) -> PairedComparison:
    """Both models on the *chosen* rows."""
    metric, is_up = spec.metric, higher_is_better(spec, spec.metric)
    old, new = before.values, after.values
    if old is not None and new is not None:
        same = np.isnan(old) == np.isnan(new)
        if same[chosen].all():
            rows = chosen & ~np.isnan(old)
            sign = -1.0 if is_up else 1.0
            found = paired(sign * old[rows], sign * new[rows], blocks=days[rows])
            return replace(
                found, champion=sign * found.champion, challenger=sign * found.challenger
            )
    own = spec.definition(metric)

    def measure(outcomes: Outcomes) -> float:
        if own is not None:
            return of_values(outcomes, own.label).value
        value = metrics_of(spec, outcomes, own=()).get(metric)
        if value is None:
            return float("nan")
        return abs(value.value) if metric == "bias" else value.value

    present, codes = np.unique(days[chosen], return_inverse=True)
    slots = np.full(days.size, present.size)  # the rows that are not chosen are the last slot
    slots[chosen] = codes
    blocks = [
        [Outcomes(spec.task, *parts) for parts in one.encoded.counted(slots, present.size + 1)]
        for one in (before, after)
    ]
    return jackknifed(blocks[0][:-1], blocks[1][:-1], measure=measure, higher_is_better=is_up)
