"""What will the labels of these rows show?  One estimator for classes, and one for numbers."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitoring_dagster.standalone.answers import Answers
from monitoring_dagster.standalone.features import Features
from monitoring_dagster.stats.columns.values import Codes
from monitoring_dagster.stats.estimation import loss_estimation
from monitoring_dagster.stats.estimation import score_estimation as estimation
from monitoring_dagster.stats.estimation.loss_estimation import LossModel
from monitoring_dagster.stats.estimation.score_estimation import (
    Calibration,
    calibrate,
    shift_weighted,
)
from monitoring_dagster.stats.quality.performance import Metric

Method: TypeAlias = Literal["cbpe", "pape", "dle"]

_LEAST_BLOCKS, _MOST_BLOCKS = 10, 200


class Estimated(NamedTuple):
    """Metrics with 95 % intervals, how they came about, and what is to be said about that."""

    metrics: dict[str, Metric]
    method: Method
    note: str = ""


@dataclass(frozen=True)
class ByScore:
    """Classes: what a score means in the reference, weighted where the features drifted."""

    past: Answers
    features: Features
    block: Codes
    plain: Calibration = field(repr=False)

    blind_spot = estimation.BLIND_SPOT

    @classmethod
    def learn(cls, past: Answers, features: Features, *, rows_at_once: int, rng: Generator) -> Self:
        """From labelled rows in the order of time; about as many as *rows_at_once* make a block."""
        n = past.label.size
        blocks = np.clip(n // max(rows_at_once, 1), _LEAST_BLOCKS, _MOST_BLOCKS)
        block = np.arange(n) * blocks // n
        return cls(past, features, block, _calibrated(past, block))

    def estimate(self, given: Answers, rows: Codes, *, shifted: bool, rng: Generator) -> Estimated:
        """For the current *rows*; by a calibration of their own if their features *shifted*."""
        asked = given.of_rows(rows)
        if not shifted:
            return Estimated(_expected(self.plain, asked, rng), "cbpe")
        if apart := self.features.apart(rows):
            note = (
                f"not weighted: hardly a value of {', '.join(map(repr, apart))} in common with the"
                " reference (if it is no feature: --ignore)"
            )
            return Estimated(_expected(self.plain, asked, rng), "cbpe", note)
        found = self.features.towards(rows, rng=rng)
        if not found.usable:
            note = f"not weighted: {found.reason}"
            return Estimated(_expected(self.plain, asked, rng), "cbpe", note)
        weighted = _calibrated(self.past, self.block, rows=found.rows)
        both = [_expected(one, asked, rng) for one in (self.plain, weighted)]
        return Estimated(shift_weighted(*both), "pape")


@dataclass(frozen=True)
class ByLoss:
    """Numbers: where the model errs in the reference, it errs now."""

    features: Features
    model: LossModel = field(repr=False)

    blind_spot = loss_estimation.BLIND_SPOT

    @classmethod
    def learn(cls, past: Answers, features: Features, *, rows_at_once: int, rng: Generator) -> Self:
        """From labelled rows in the order of time."""
        model = LossModel.learn(
            features.points_before,
            label=past.label,
            prediction=past.prediction,
            categorical=features.categorical,
            rng=rng,
        )
        return cls(features, model)

    def estimate(self, given: Answers, rows: Codes, *, shifted: bool, rng: Generator) -> Estimated:
        """For the current *rows*."""
        points = self.features.points_now[rows]
        return Estimated(self.model.estimate(points, prediction=given.prediction[rows]), "dle")


Estimator: TypeAlias = ByScore | ByLoss


def estimator_of(past: Answers) -> type[ByScore] | type[ByLoss]:
    """Which of them the task needs."""
    return ByLoss if past.task == "regression" else ByScore


def _calibrated(
    past: Answers, block: Codes, *, rows: NDArray[np.float64] | None = None
) -> Calibration:
    assert past.task != "regression"
    return calibrate(
        past.task,
        label=past.label,
        prediction=past.prediction,
        score=past.score,
        rows=rows,
        block=block,
    )


def _expected(calibration: Calibration, asked: Answers, rng: Generator) -> dict[str, Metric]:
    return calibration.estimate(prediction=asked.prediction, score=asked.score, rng=rng)
