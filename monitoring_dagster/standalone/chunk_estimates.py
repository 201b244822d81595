"""Chunks of a table, and the quality to expect of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.standalone.reading.answers import Answers
from monitoring_dagster.standalone.reading.ids_and_times import Days
from monitoring_dagster.standalone.reading.question import Roles
from monitoring_dagster.standalone.shared_features import Features
from monitoring_dagster.stats.columns.values import Codes
from monitoring_dagster.stats.estimation import loss_estimation
from monitoring_dagster.stats.estimation import score_estimation as estimation
from monitoring_dagster.stats.estimation.loss_estimation import LossModel
from monitoring_dagster.stats.estimation.score_estimation import (
    Calibration,
    calibrate,
    shift_weighted,
)
from monitoring_dagster.stats.quality.labelled_rows import Task
from monitoring_dagster.stats.quality.performance import Metric

if TYPE_CHECKING:
    import pandas as pd

PARTS = 10
LEAST_ROWS = 100  # of a part, where nobody said how large they are to be


class UnusableChunks(MonitoringError):
    """Chunks that cannot be cut."""

    @classmethod
    def sized(cls, rows: int) -> Self:
        return cls(f"chunks of {rows} rows cannot be cut: give at least 1")

    @classmethod
    def both(cls) -> Self:
        return cls("chunks have a size or are days: give --chunk-size or --by, not both")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a table, by place from 0 on."""

    rows: Codes = field(repr=False)  # ascending
    day: date | None = None
    by_day: bool = False

    @property
    def first(self) -> int:
        return int(self.rows[0])

    @property
    def last(self) -> int:
        return int(self.rows[-1])


def of_rows(rows: int, *, size: int | None = None) -> list[Chunk]:
    """Consecutive rows: *size* each, and what is left over by itself; by default ten equal parts,
    fewer where a part would have less than 100 rows.

    >>> [(one.first, one.last) for one in of_rows(7, size=3)]
    [(0, 2), (3, 5), (6, 6)]
    """
    if size is not None and size < 1:
        raise UnusableChunks.sized(size)
    if not rows:
        return []
    parts = min(max(rows // LEAST_ROWS, 1), PARTS)
    ends = range(size, rows, size) if size else [rows * part // parts for part in range(1, parts)]
    return [Chunk(one) for one in np.split(np.arange(rows), list(ends))]


def of_days(days: Days) -> list[Chunk]:
    """The rows of each day, in the order in which the days begin; rows without a day together."""
    known, first, place = np.unique(days, return_index=True, return_inverse=True)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    return [Chunk(rows[code], known[code].item(), by_day=True) for code in np.argsort(first)]


Method: TypeAlias = Literal["cbpe", "pape", "dle"]

_LEAST_BLOCKS, _MOST_BLOCKS = 10, 200


class ExpectedMetrics(NamedTuple):
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

    def estimate(
        self, given: Answers, rows: Codes, *, shifted: bool, rng: Generator
    ) -> ExpectedMetrics:
        """For the current *rows*; by a calibration of their own if their features *shifted*."""
        asked = given.of_rows(rows)
        if not shifted:
            return ExpectedMetrics(_expected(self.plain, asked, rng), "cbpe")
        if apart := self.features.apart(rows):
            note = (
                f"not weighted: hardly a value of {', '.join(map(repr, apart))} in common with the"
                " reference (if it is no feature: --ignore)"
            )
            return ExpectedMetrics(_expected(self.plain, asked, rng), "cbpe", note)
        found = self.features.towards(rows, rng=rng)
        if not found.usable:
            note = f"not weighted: {found.reason}"
            return ExpectedMetrics(_expected(self.plain, asked, rng), "cbpe", note)
        weighted = _calibrated(self.past, self.block, rows=found.rows)
        both = [_expected(one, asked, rng) for one in (self.plain, weighted)]
        return ExpectedMetrics(shift_weighted(*both), "pape")


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

    def estimate(
        self, given: Answers, rows: Codes, *, shifted: bool, rng: Generator
    ) -> ExpectedMetrics:
        """For the current *rows*.

        By features together: the daily step, which has counts of single ones, adds what each of
        them does, and is further off where their effects multiply and they have moved.
        """
        points = self.features.points_now[rows]
        return ExpectedMetrics(
            self.model.estimate(points, prediction=given.prediction[rows]), "dle"
        )


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


@dataclass(frozen=True, slots=True)
class ChunkEstimate:
    """What the labels of some rows will show, once they come."""

    chunk: Chunk
    left_out: int  # rows without a score or a prediction
    shifted: bool  # whether the features drifted from the reference's
    estimated: ExpectedMetrics = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is not defined is None."""
        day = {"day": self.chunk.day and self.chunk.day.isoformat()}
        return {
            "from": self.chunk.first,
            "to": self.chunk.last,
            "rows": len(self.chunk.rows),
            "left_out": self.left_out,
            **(day if self.chunk.by_day else {}),
            "shifted": self.shifted,
            "method": self.estimated.method,
            "note": self.estimated.note or None,
            "metrics": {
                name: {
                    "estimate": _plain(one.value),
                    "low": _plain(one.low),
                    "high": _plain(one.high),
                }
                for name, one in self.estimated.metrics.items()
            },
        }


@dataclass(frozen=True)
class Estimates:
    """The performance to expect of every chunk, in the order of the file."""

    task: Task
    columns: Roles
    features: Sequence[str]
    rows_reference: int
    reference: Mapping[str, Metric] = field(repr=False)  # what its labels show
    chunks: Sequence[ChunkEstimate] = field(repr=False)
    notes: Sequence[str] = field(repr=False)  # what was assumed, and what it cannot see
    warnings: Sequence[str] = field(repr=False)  # what may be wrong

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; what is not defined is None."""
        return {
            "task": self.task,
            "columns": self.columns.to_dict(),
            "features": list(self.features),
            "reference": {
                "rows": self.rows_reference,
                "metrics": {name: _plain(one.value) for name, one in self.reference.items()},
            },
            "chunks": [one.to_dict() for one in self.chunks],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row a chunk and metric."""
        import pandas as pd

        return pd.DataFrame(
            [
                {**rest, "metric": name, **numbers}
                for one in self.chunks
                for rest in [one.to_dict()]
                for name, numbers in rest.pop("metrics").items()
            ]
        )


def _plain(value: float) -> float | None:
    return value if isfinite(value) else None
