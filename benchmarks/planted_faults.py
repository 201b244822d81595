"""Faults to plant into a year of flights: what each does to a day, and who should see it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import expit, logit

from assets.flight_delay.train import THRESHOLD
from benchmarks.drawn_library import QUIET, Variant
from benchmarks.drawn_models import Source, SourceDay
from monitoring_dagster.demo.flights import draws, opaque_id
from monitoring_dagster.kinds import FindingKind

SEGMENT = "EWR"  # a third of the flights
FEATURE = "origin_delay_3h_min"  # that matters most
SQUEEZE = 3.0  # times the log-odds
SLOWEST, SLOWER = 0.02, 3.0
LATER_DAYS = 3
DECAY_A_DAY, DECAY_STEP = 0.002, 0.03  # of the log loss
OF_QUALITY = frozenset(
    {FindingKind.PERFORMANCE_DROP, FindingKind.SEGMENT_DROP, FindingKind.MISCALIBRATION}
)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong from one day on."""

    title: str
    expected: frozenset[FindingKind]  # any of these rules has found it
    variants: tuple[Variant, ...]

    @property
    def is_of_quality(self) -> bool:
        """Whether labels show it, so that finding it hangs on the control limit."""
        return self.expected >= OF_QUALITY

    def on(self, days_since: int) -> str:
        """The variant that is served so many days after the begin; of several, each is as bad as
        the decay is by then, in steps."""
        if len(self.variants) == 1:
            return self.variants[0].name
        step = min(round(days_since * DECAY_A_DAY / DECAY_STEP), len(self.variants))
        return self.variants[step - 1].name if step else QUIET


def faults_in(days: Sequence[SourceDay], *, horizon_days: int) -> list[Fault]:
    """All faults; how many labels a decay exchanges is computed from the *days*."""
    kind = FindingKind
    steps = range(1, round(horizon_days * DECAY_A_DAY / DECAY_STEP) + 1)
    share = _share_of_labels(days)
    decays = tuple(
        Variant(
            f"decayed_{step}",
            partial(exchanged_labels, share=min(step * DECAY_STEP * share, 1.0)),
            changes_rows=False,
        )
        for step in steps
    )
    return [
        Fault(f"relation flipped in {SEGMENT}", OF_QUALITY,
              (Variant("flipped", flipped_in_segment, changes_rows=False),)),
        Fault("10 % of the late labelled on time", OF_QUALITY | {kind.LABEL_PROCESS},
              (Variant("wrong_labels", partial(wrongly_labelled, share=0.1), changes_rows=False),)),
        Fault(f"{FEATURE} is 0", frozenset({
                  kind.FEATURE_DRIFT, kind.PREDICTION_DRIFT, kind.EXPECTED_DROP,
                  kind.SCHEMA_BREACH}),
              (Variant("zeros", zeros),)),
        Fault("half of the rows lost", frozenset({
                  kind.LOW_VOLUME, kind.ORPHAN_LABELS, kind.MISSING_DAY, kind.LATE_LABELS}),
              (Variant("lost", lost_rows),)),
        Fault("scores squeezed to the extremes", frozenset({kind.PREDICTION_DRIFT}) | OF_QUALITY,
              (Variant("squeezed", squeezed_scores),)),
        Fault("bad version at 30 % of the traffic", OF_QUALITY | {
                  kind.VERSION_METADATA, kind.UNKNOWN_VERSION, kind.IMPORTANCE_SHIFT},
              (Variant("bad_version", bad_version),)),
        Fault("base rate doubled", OF_QUALITY | {
                  kind.PREDICTION_DRIFT, kind.FEATURE_DRIFT, kind.LABEL_PROCESS,
                  kind.EXPECTED_DROP},
              (Variant("base_rate", doubled_base_rate),)),
        Fault("p99 latency tripled", frozenset({kind.SLOW_SERVICE}),
              (Variant("slow", slow_tail, changes_labels=False),)),
        Fault("labels 3 days slower", frozenset({kind.LABEL_DELAY, kind.LATE_LABELS}),
              (Variant("late_labels", later_labels, changes_rows=False),)),
        Fault("log loss decays by 0.2 % a day", OF_QUALITY, decays),
    ]  # fmt: skip


def flipped_in_segment(day: SourceDay, _: Source) -> SourceDay:
    """In one segment the likeliest turn out as the least likely did: the base rate stays."""
    score, origin = scores_of_day(day), _of_labels(day, "origin")
    own = np.flatnonzero((origin == SEGMENT) & ~np.equal(score, None))
    order = own[np.argsort(score[own].astype(float), kind="stable")]
    labels = labels_of_day(day)
    labels[order] = labels[order[::-1]]
    return _relabelled(day, labels)


def wrongly_labelled(day: SourceDay, _: Source | None, *, share: float) -> SourceDay:
    """A *share* of the ones are labelled 0."""
    labels = labels_of_day(day)
    labels[(labels == 1) & (_draws(day.labels, "wrong") < share)] = 0
    return _relabelled(day, labels)


def zeros(day: SourceDay, source: Source) -> SourceDay:
    """The feature is 0 in every row, and the model answers accordingly."""
    return source.served(day.rows.assign(**{FEATURE: 0.0}), day.day, day.model)


def lost_rows(day: SourceDay, _: Source) -> SourceDay:
    """Half of the requests are not in the log; their labels come."""
    kept = pa.array(_draws(day.served, "lost") >= 0.5)
    return replace(day, served=day.served.filter(kept))


def squeezed_scores(day: SourceDay, _: Source) -> SourceDay:
    """The order of the scores stays, and what they say is too sure."""
    score = day.served["score"].to_numpy(zero_copy_only=False)
    surer = expit(SQUEEZE * logit(score))
    answered = ~np.isnan(score)
    return replace(day, served=_answered(day.served, surer, surer >= THRESHOLD, answered))


def bad_version(day: SourceDay, _: Source) -> SourceDay:
    """Version 2 answers 30 % of the requests, each with what it would say of another one."""
    served, rng = day.served, np.random.default_rng([6, day.day.toordinal()])
    score = served["score"].to_numpy(zero_copy_only=False).copy()
    said = served["prediction"].to_numpy(zero_copy_only=False).copy()
    answered = ~np.isnan(score)
    by_second = _draws(served, "version 2") < 0.3
    own = np.flatnonzero(by_second & answered)
    other = rng.permutation(own)
    score[own], said[own] = score[other], said[other]
    version = pa.array(np.where(by_second, "2", "1").tolist(), pa.string())
    return replace(
        day, served=_set(_answered(served, score, said, answered), "model_version", version)
    )


def doubled_base_rate(day: SourceDay, source: Source) -> SourceDay:
    """Twice as many late flights and fewer others: whether one is late hangs on the same things."""
    rows, rng = day.rows, np.random.default_rng([7, day.day.toordinal()])
    late, others = (rows[rows["late"] == value] for value in (1.0, 0.0))
    more = min(len(late), len(others))
    leave = rng.choice(others.index, size=more, replace=False)
    again = late.sample(more, random_state=int(rng.integers(2**31)))
    again = again.assign(request_id=[opaque_id(f"again/{one}") for one in again["request_id"]])

    changed = pd.concat([rows.drop(index=leave), again]).sort_values(["served_at", "request_id"])
    return source.served(changed.reset_index(drop=True), day.day, day.model)


def slow_tail(day: SourceDay, _: Source) -> SourceDay:
    """The slowest requests take three times as long."""
    table = day.served
    total = table["latency_total_ms"].to_numpy()
    factor = np.where(total >= np.quantile(total, 1 - SLOWEST), SLOWER, 1.0)
    for name in ("latency_feature_ms", "latency_inference_ms", "latency_total_ms"):
        table = _set(table, name, pa.array(table[name].to_numpy() * factor))
    return replace(day, served=table)


def later_labels(day: SourceDay, _: Source) -> SourceDay:
    """Every label comes three days later than it would have."""
    later = pc.add(day.labels["arrived_at"], pa.scalar(timedelta(days=LATER_DAYS)))
    return replace(day, labels=_set(day.labels, "arrived_at", later))


def exchanged_labels(day: SourceDay, _: Source, *, share: float) -> SourceDay:
    """A *share* of the labels belongs to other rows of the day."""
    rng = np.random.default_rng([10, day.day.toordinal()])
    labels = labels_of_day(day)
    own = np.flatnonzero(_draws(day.labels, "decay") < share)
    labels[own] = labels[rng.permutation(own)]
    return _relabelled(day, labels)


def _share_of_labels(days: Sequence[SourceDay]) -> float:
    """Of how many labels, exchanged within a day, the log loss grows by the whole of itself."""
    rng, before, after = np.random.default_rng(0), [], []
    for day in days:
        score, labels = scores_of_day(day), labels_of_day(day)
        there = ~np.equal(score, None)
        p, y = score[there].astype(float), labels[there]
        for losses, truth in ((before, y), (after, rng.permutation(y))):
            losses.append(-np.log(np.where(truth == 1, p, 1 - p)))
    loss, exchanged = (np.concatenate(losses).mean() for losses in (before, after))
    return float(loss / (exchanged - loss))


def labels_of_day(day: SourceDay) -> NDArray[np.int64]:
    return day.labels["label"].to_numpy().copy()


def scores_of_day(day: SourceDay) -> NDArray[np.object_]:
    """The score beside each label; None where there is none."""
    return _of_labels(day, "score")


def _relabelled(day: SourceDay, labels: NDArray[np.int64]) -> SourceDay:
    return replace(day, labels=_set(day.labels, "label", pa.array(labels)))


def _of_labels(day: SourceDay, column: str) -> NDArray[np.object_]:
    """A column of the log beside each label; None where there is none."""
    values = dict(
        zip(day.served["request_id"].to_pylist(), day.served[column].to_pylist(), strict=True)
    )
    ids = day.labels["request_id"].to_pylist()
    return np.array([values.get(id_) for id_ in ids], dtype=object)


def _draws(table: pa.Table, purpose: str) -> NDArray[np.float64]:
    return draws(table["request_id"].to_pylist(), purpose=f"fault/{purpose}")


def _answered(
    served: pa.Table,
    score: NDArray[np.float64],
    said: NDArray[np.generic],
    answered: NDArray[np.bool_],
) -> pa.Table:
    filled = np.where(answered, said, 0).astype(np.int64)
    served = _set(served, "score", pa.array(score, pa.float64(), mask=~answered))
    return _set(served, "prediction", pa.array(filled, pa.int64(), mask=~answered))


def _set(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    place = table.column_names.index(name)
    field = table.schema.field(place)
    return table.set_column(place, field, values.cast(field.type))
