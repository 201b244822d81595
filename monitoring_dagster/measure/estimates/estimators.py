"""What do stored profiles let expect of quality, by what the reference's own rows taught?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import isfinite, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile
from monitoring_dagster.sources.rows.samples import sample_day
from monitoring_dagster.stats.columns.bins import CategoricalBins
from monitoring_dagster.stats.columns.column_profile import CategoricalProfile, NumericProfile
from monitoring_dagster.stats.columns.design import Design
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.stats.columns.values import Floats, WrongType, numbers, plain
from monitoring_dagster.stats.estimation.loss_estimation import (
    MIN_ROWS,
    AdditiveLoss,
    additive_loss,
    codes_of,
    shares_of,
)
from monitoring_dagster.stats.estimation.raking import raked
from monitoring_dagster.stats.estimation.reweighting import weights
from monitoring_dagster.stats.estimation.score_estimation import (
    Calibration,
    Classification,
    UnusableEstimate,
    calibrate,
    shift_weighted,
)
from monitoring_dagster.stats.quality.labelled_rows import ROUNDING, UnusableOutcome
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.models.registration import LABEL
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.reference_sample import features_of
from monitoring_dagster.store.references.reference_truth import (
    ANSWERS_FILE,
    LABELLED_FILE,
    days_in,
    evenly,
    judgeable,
    kept,
)
from monitoring_dagster.store.references.version_reference import folder_of, loaded

_SAMPLE_ROWS = 1000  # of a day whose features drifted
_WEIGHED_ROWS = 6_000  # of the reference, for it: more cost seconds a day and tell little


class Estimated(NamedTuple):
    """What is expected and by which method, or the reason why nothing is."""

    metrics: Mapping[str, Metric]
    method: str = ""
    reason: str = ""


def by_confidence(
    monitor: Monitor,
    reference: Reference,
    profile: Profile,
    *,
    rng: Generator,
    shifted_on: date | None = None,
) -> Estimated:
    """A classification, from its scores; cbpe, or pape where rows of *shifted_on* can be weighed.

    The day counted scores and predictions each alone: together they went as in the reference, as
    far as both counts allow; of a binary model what is left over is a threshold that has moved.
    """
    log = monitor.spec.predictions
    scores, said = profile.columns.get(str(log.score)), profile.columns.get(log.prediction)
    levels = reference.bins.get(log.prediction)
    try:
        known = _known(folder_of(monitor, reference.version), _classification(monitor))
    except UnusableOutcome as error:
        return Estimated({}, reason=f"its reference says of itself: {error}")
    if known is None or not isinstance(levels, CategoricalBins):
        return Estimated({}, reason="its reference has no row with label, prediction and score")
    if scores is None:
        return Estimated({}, reason="its scores are missing or are no probabilities: see contract")
    if not (isinstance(scores, NumericProfile) and isinstance(said, CategoricalProfile)):
        return Estimated({}, reason="its rows have no score, or no prediction")
    if scores.minimum < -ROUNDING or scores.maximum > 1 + ROUNDING:
        extremes = f"{scores.minimum:g} to {scores.maximum:g}"
        return Estimated({}, reason=f"its scores, {extremes}, are no probabilities")
    answered = said.counts[: len(levels.levels)]
    if not (answered.any() and scores.finite):
        return Estimated({}, reason="no row has a score, and a prediction that the reference has")
    joint = raked(
        known.joint(levels, scores.counts.size),
        rows=scores.counts,
        columns=np.maximum(answered, 1e-9),  # rows of an answer that nobody gave are kept as well
    )
    if monitor.spec.task == "binary":
        joint = _threshold_moved(joint, levels, said)
    bins, classes = np.nonzero(joint)
    weighed = _weighed(monitor, reference, shifted_on, rng=rng) if shifted_on else None
    plain, *towards = (
        calibration.estimate(
            prediction=np.array(levels.levels)[classes],
            score=(scores.sums / np.maximum(scores.counts, 1))[bins].clip(0, 1),
            rows=joint[bins, classes],
            rng=rng,
        )
        for calibration in ([known.calibration, weighed] if weighed else [known.calibration])
    )
    return (
        Estimated(shift_weighted(plain, *towards), "pape") if towards else Estimated(plain, "cbpe")
    )


def by_losses(monitor: Monitor, reference: Reference, profile: Profile) -> Estimated:
    """A regression, from what each bin of each column adds to the loss."""
    said = profile.columns.get(monitor.spec.predictions.prediction)
    if not (isinstance(said, NumericProfile) and said.finite):
        return Estimated({}, reason="its rows have no prediction")
    try:
        learnt = _losses(
            folder_of(monitor, reference.version),
            monitor.spec.predictions.prediction,
            tuple(sorted(name for name in reference.bins if name in profile.columns)),
        )
    except WrongType as error:
        return Estimated({}, reason=f"its reference says of itself: {error}")
    if not learnt:
        reason = f"its reference has fewer than {MIN_ROWS} rows with label and prediction"
        return Estimated({}, reason=reason)
    shares = shares_of(profile)
    found = {name: one.estimate(shares, n=said.finite) for name, one in learnt.items()}
    mse = found["mse"]
    roots = [sqrt(max(one, 0.0)) if isfinite(one) else one for one in mse[:3]]
    return Estimated({**found, "rmse": Metric(roots[0], roots[1], roots[2], mse.n)}, "dle")


def _classification(monitor: Monitor) -> Classification:
    task = monitor.spec.task
    assert task != "regression", "a regression has no confidence"
    return task


@dataclass(frozen=True)
class _Known:
    """How the reference turned out, and what its scores meant."""

    answers: pa.Table
    calibration: Calibration

    def joint(self, levels: CategoricalBins, bins: int) -> Floats:
        """Rows per bin of the score and level of the prediction, shape ``(bins, levels)``."""
        known = pa.array(levels.levels, pa.string())
        answers = self.answers.append_column(
            "level", pc.index_in(self.answers["prediction"], value_set=known)
        ).filter(pc.is_in(self.answers["prediction"], value_set=known))
        cells = plain(answers["bin"]) * len(known) + plain(answers["level"])
        counted = np.bincount(cells, plain(answers["rows"]), minlength=bins * len(known))
        return counted.astype(np.float64).reshape(bins, len(known))


def _threshold_moved(joint: Floats, levels: CategoricalBins, said: CategoricalProfile) -> Floats:
    """Rows per bin of the score and level, as many ones among them as the day *said*.

    A service that answers by another threshold than in the reference says what never went together
    there: the rows of highest score among the zeros became ones, or the lowest of the ones zeros.
    """
    spelled = [name in ("1", "true") for name in levels.levels]
    if len(spelled) != 2 or sum(spelled) != 1:
        return joint
    one, counts = spelled.index(True), said.counts[:2]
    more = joint.sum() * counts[one] / counts.sum() - joint[:, one].sum()
    source, target, order = (1 - one, one, -1) if more > 0 else (one, 1 - one, 1)
    there = joint[::order, source]
    taken = np.clip(abs(more) - (there.cumsum() - there), 0, there)[::order]
    moved = joint.copy()
    moved[:, source] -= taken
    moved[:, target] += taken
    return moved


@lru_cache(maxsize=8)
def _known(folder: Path, task: Classification) -> _Known | None:
    answers = kept(folder, ANSWERS_FILE)
    if not answers.num_rows:
        return None
    calibration = calibrate(
        task,
        label=answers["label"],
        prediction=answers["prediction"],
        score=answers["score"],
        rows=plain(answers["rows"]),
        block=plain(answers["day"].cast(pa.int32())),
    )
    return _Known(answers, calibration)


@lru_cache(maxsize=8)
def _losses(folder: Path, prediction: str, columns: tuple[str, ...]) -> Mapping[str, AdditiveLoss]:
    """By metric, what adds to it; learnt from the labelled rows of the reference."""
    rows = kept(folder, LABELLED_FILE)
    if not {LABEL, prediction} <= {*rows.column_names}:
        return {}
    label, said = (
        numbers(rows[name], column=name).astype(np.float64) for name in (LABEL, prediction)
    )
    error = said - label
    known = np.isfinite(error)
    if known.sum() < MIN_ROWS:
        return {}
    bins = {name: of for name, of in loaded(folder).bins.items()
            if name in columns and name in rows.column_names}  # fmt: skip
    codes = codes_of(rows.filter(pa.array(known)), bins)
    sizes = {name: of.size + 1 for name, of in bins.items()}
    losses = {"mae": np.abs(error[known]), "mse": np.square(error[known])}
    return {name: additive_loss(codes, one, sizes=sizes) for name, one in losses.items()}


def _weighed(
    monitor: Monitor, reference: Reference, day: date, *, rng: Generator
) -> Calibration | None:
    """What scores mean among rows like those of *day*; None where the reference has too few."""
    log = monitor.spec.predictions
    rows = evenly(kept(folder_of(monitor, reference.version), LABELLED_FILE), most=_WEIGHED_ROWS)
    if {LABEL, log.prediction} <= {*rows.column_names}:
        rows = judgeable(monitor.spec, rows)
    bins = features_of(monitor, reference)
    try:
        current = sample_day(log, day, root=monitor.root, columns=list(bins),
                             version=reference.version, k=_SAMPLE_ROWS)  # fmt: skip
        design = Design.over(rows, bins)
        before, now = design.points(rows), design.points(current)
    except (MissingDay, UnreadableFile, UnknownColumn, WrongType):
        return None  # the contract tells of it
    found = weights(before, now, categorical=design.categorical, rng=rng)
    if not found.usable:
        return None
    try:
        return calibrate(
            _classification(monitor),
            label=rows[LABEL],
            prediction=rows[log.prediction],
            score=rows[str(log.score)],
            rows=found.rows,
            block=days_in(rows),
        )
    except UnusableEstimate:
        return None  # of the rows that were kept none has a score
