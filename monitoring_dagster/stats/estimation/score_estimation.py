"""How good are predictions whose labels have not come yet?  Scores in, expected metrics out.

Confidence-based performance estimation: what a score meant in the reference, it means now. Where it
does not (concept drift) the estimate cannot see it: `BLIND_SPOT` says so wherever one is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.estimation.scored import Cells, ScoreGrid, metrics_of_tables
from monitoring_dagster.stats.quality.calibration import Curve, grouped, logistic
from monitoring_dagster.stats.quality.performance import Metric

BLIND_SPOT: Final = (
    "Estimated without labels: right as long as a score means what it meant in the reference."
    " It cannot see concept drift, a change of the truth behind the same features."
)

Classification: TypeAlias = Literal["binary", "multiclass"]

_NAN = float("nan")
_DRAWS = 400
_FEWEST_BLOCKS = 3  # that tell of more than chance
_MOST_BLOCKS = 100
_SMALLEST_BLOCK_ROWS = 50
_BLOCK_DRAWS = 50


class UnusableEstimate(MonitoringError):
    """There is nothing to estimate from."""

    @classmethod
    def empty_reference(cls) -> Self:
        return cls(
            "the reference has no row with label, prediction and score:"
            " choose a window whose labels have arrived"
        )


class Excess(NamedTuple):
    """Error of a metric's estimate that chance does not explain."""

    bias: float  # realised minus estimated, mean over blocks, shrunk
    deviation: float
    blocks: int


_CHANCE_ALONE = Excess(0.0, 0.0, 0)
_CAUTION = 1 / 3  # of the way to what weights say: they are estimates, too


@dataclass(frozen=True, slots=True)
class Calibration:
    """What scores meant in a labelled reference; made by `calibrate`."""

    task: Classification
    curve: Curve  # P(1), or P(the prediction is right), at a score
    # By metric, what the estimates of the reference's blocks miss beyond chance.
    excess: Mapping[str, Excess] = field(default_factory=dict)
    # Multiclass, by prediction: a further curve over the first, and for each label the rows that
    # had it where the prediction was wrong.
    curves: Mapping[str, Curve] = field(default_factory=dict)
    mistakes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def estimate(
        self,
        *,
        prediction: ArrayLike,
        score: ArrayLike,
        rows: ArrayLike | None = None,
        rng: Generator,
    ) -> dict[str, Metric]:
        """The metrics that these rows will have once their labels are known.

        Parameters
        ----------
        prediction, score
            Shape ``(cells,)``, as in `calibrate`. Cells without either are left out.
        rows
            How many rows each cell stands for; by default one.

        Returns
        -------
        Named as in `performance.metrics`. Binary: roc_auc, accuracy, balanced_accuracy, precision,
        recall, f1, average_precision, log_loss (nats), brier, base_rate. Multiclass: accuracy,
        balanced_accuracy and the plain means over classes of precision, recall and f1. NaN where
        not defined. The value is the metric at the expected counts, moved by what the estimates of
        the reference's blocks missed on average. The interval holds the metric that the labels
        will show, with 95 % probability: chance in the labels, a finite reference, and what those
        estimates missed beyond both; from 400 draws.

        Raises
        ------
        UnusableOutcome
            A score is no probability, or a binary prediction neither 0 nor 1.
        """
        current = Cells.of(self.task, prediction=prediction, score=score, rows=rows)
        value, drawn = self._drawn(current, _DRAWS, rng)
        n = round(float(current.rows.sum()))
        return {
            name: _metric(name, at, drawn[name], self.excess.get(name, _CHANCE_ALONE), n, rng)
            for name, at in value.items()
        }

    def _drawn(
        self, current: Cells, size: int, rng: Generator
    ) -> tuple[dict[str, float], dict[str, Floats]]:
        """Each metric at the expected counts, and as labels by chance may make it."""
        of_task = self._classes if self.task == "multiclass" else self._ones
        value, drawn = of_task(current, size, rng)
        return {name: float(at.item()) for name, at in value.items()}, drawn

    def _ones(
        self, current: Cells, size: int, rng: Generator
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        full = ScoreGrid.of(current)
        value = full.metrics(full.rows * logistic(self.curve(full.x))[:, None])
        coarse = full.merged()
        centre = coarse.metrics(coarse.rows * logistic(self.curve(coarse.x))[:, None])
        p = _probabilities(coarse.x, self.curve, size, rng)
        drawn = coarse.metrics(_labels(coarse.rows, p[..., None], rng))
        return value, {name: drawn[name] + (value[name] - centre[name]) for name in value}

    def _classes(
        self, current: Cells, size: int, rng: Generator
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        labels = sorted({*self.mistakes[""], *current.names})
        value, drawn = (np.zeros((tables, len(labels), len(labels))) for tables in (1, size))
        for code, name in enumerate(current.names):
            chosen = current.prediction == code
            if not chosen.any():
                continue
            n, place = current.rows[chosen], labels.index(name)
            x, n, _ = grouped(self.curve(current.x[chosen]), n, n)
            curve = self.curves.get(name, self.curves[""])
            mistakes = {**self.mistakes.get(name, self.mistakes[""]), name: 0.0}
            alpha = np.array([mistakes.get(label, 0.0) for label in labels])
            right = n @ logistic(curve(x))
            value[0, :, place] = (n.sum() - right) * alpha / (alpha.sum() or 1.0)
            value[0, place, place] = right
            hits = _labels(n, _probabilities(x, curve, size, rng), rng).sum(axis=1)
            drawn[:, :, place] = _split(n.sum() - hits, alpha, rng)
            drawn[:, place, place] = hits
        return metrics_of_tables(value), metrics_of_tables(drawn)


def shift_weighted(
    plain: Mapping[str, Metric], weighted: Mapping[str, Metric]
) -> dict[str, Metric]:
    """The estimate by what scores meant among rows like the current ones, made cautious.

    The weights are estimates themselves, and nobody can see how good they are: the value goes a
    third of the way from that of the *plain* to that of the *weighted* calibration, and the
    interval holds both of theirs. `benchmarks/estimates.py` shows what that is worth.

    Source: Białek et al. (2024), arXiv:2401.08348, for the weighted one.
    """
    return {
        name: Metric(
            one.value + _CAUTION * (weighted[name].value - one.value),
            min(one.low, weighted[name].low),
            max(one.high, weighted[name].high),
            one.n,
        )
        for name, one in plain.items()
    }


def calibrate(
    task: Classification,
    *,
    label: ArrayLike,
    prediction: ArrayLike,
    score: ArrayLike,
    rows: ArrayLike | None = None,
    block: ArrayLike | None = None,
) -> Calibration:
    """What scores mean, learnt from a labelled reference.

    Parameters
    ----------
    label, prediction
        Shape ``(cells,)``. 0 and 1 for binary, names for multiclass.
    score
        Probability of class 1 (binary) or of the predicted class (multiclass), 0 to 1. Cells
        without label, prediction or score are left out.
    rows
        How many rows each cell stands for; by default one. Importance weights make the
        shift-weighted form (Białek et al., 2024, arXiv 2401.08348): `reweighting.weights` scales
        them to sum to the rows that they are worth, which widens the interval as it should.
    block
        The stretch of time that a cell belongs to (its day, say), of about the rows that will be
        estimated at once. What blocks differ by beyond chance widens the intervals; without
        blocks it is taken as 0.

    Raises
    ------
    UnusableEstimate
        No cell is known in full.
    UnusableOutcome
        A score is no probability, or a binary label or prediction neither 0 nor 1.

    Source: Guo et al. (2017), ICML, for calibration; Garg et al. (2022), ICLR, for estimating from
    confidence.
    """
    reference = Cells.of(
        task, label=label, prediction=prediction, score=score, rows=rows, block=block
    )
    n, ones = reference.rows, reference.rows * reference.right
    if not n.size:
        raise UnusableEstimate.empty_reference()
    curve = Curve.fit(reference.x, n, ones)
    eta = curve(reference.x)
    curves: dict[str, Curve] = {}
    mistakes: dict[str, Mapping[str, float]] = {}
    if task == "multiclass":
        curves[""] = Curve.fit(eta, n, ones)
        for code, name in enumerate(reference.names):
            chosen = reference.prediction == code
            if chosen.any():
                curves[name] = Curve.fit(eta[chosen], n[chosen], ones[chosen])
                eta[chosen] = curves[name](eta[chosen])
        mistakes = _mistakes(reference)
    chance_alone = Calibration(task, curve, {}, curves, mistakes)
    return replace(chance_alone, excess=_excess(chance_alone, reference))


def _excess(calibration: Calibration, reference: Cells) -> dict[str, Excess]:
    """What the estimates of the reference's own blocks miss, in the order of time."""
    size = np.bincount(reference.block, reference.rows)
    blocks = np.flatnonzero(size >= _SMALLEST_BLOCK_ROWS)
    if blocks.size < _FEWEST_BLOCKS:
        return {}
    blocks = blocks[np.linspace(0, blocks.size - 1, min(blocks.size, _MOST_BLOCKS)).astype(int)]
    rng = np.random.default_rng(0)  # the same reference, the same calibration
    errors: dict[str, list[tuple[float, float]]] = {}
    for block in blocks:
        cells = reference.chosen(reference.block == block)
        value, drawn = calibration._drawn(cells, _BLOCK_DRAWS, rng)
        realised = _realised(calibration, cells)
        for name, at in value.items():
            errors.setdefault(name, []).append(
                (float(realised[name].item()) - at, _variance(drawn[name]))
            )
    return {name: _beyond_chance(*np.array(one).T) for name, one in errors.items()}


def _realised(calibration: Calibration, cells: Cells) -> dict[str, Floats]:
    if calibration.task == "binary":
        every = ScoreGrid.of(cells)
        return every.metrics(every.ones(cells))
    size = len(cells.names)
    table = np.bincount(cells.label * size + cells.prediction, cells.rows, minlength=size**2)
    return metrics_of_tables(table.astype(np.float64).reshape(1, size, size))


def _beyond_chance(errors: Floats, chance: Floats) -> Excess:
    """From each block's error, ordered by time, and its variance by chance.

    The deviation is that of a block's error from the mean of the blocks before it, as far as chance
    does not make it: so a reference that moves away from itself says so.
    """
    known = ~(np.isnan(errors) | np.isnan(chance))
    errors, chance = errors[known], chance[known]
    n = errors.size
    if n < _FEWEST_BLOCKS:
        return _CHANCE_ALONE
    later = np.arange(max(2, n // 4), n)
    ahead = errors[later] - np.cumsum(errors)[later - 1] / later
    by_chance = chance[later] + np.cumsum(chance)[later - 1] / later**2
    total = float(np.mean(np.square(ahead)))
    beyond = max(total - float(by_chance.mean()), 0.0)
    mean, noise = float(errors.mean()), float(errors.var(ddof=1)) / n
    if not (beyond and mean):
        return Excess(0.0, beyond**0.5, n)
    bias = mean * max(1 - noise / mean**2, 0.0) * beyond / total
    return Excess(bias, beyond**0.5, n)


def _mistakes(reference: Cells) -> dict[str, Mapping[str, float]]:
    """By prediction: rows of each label where it was wrong, plus one row shared out as all are.

    Under the name "": of predictions that the reference does not have.
    """
    names, n = reference.names, reference.rows
    every = np.bincount(reference.label, n, minlength=len(names))
    found: dict[str, Mapping[str, float]] = {}
    for code, name in [(-1, ""), *enumerate(names)]:
        chosen = ~reference.right & (reference.prediction == code)
        seen = np.bincount(reference.label[chosen], n[chosen], minlength=len(names))
        found[name] = dict(zip(names, (seen + every / every.sum()).tolist(), strict=True))
    return found


def _probabilities(x: Floats, curve: Curve, size: int, rng: Generator) -> Floats:
    """Draws of the truth's probability, ``(size, cells)``; about as the curve in the mean."""
    return logistic(curve.draws(x, size=size, rng=rng))


def _labels(rows: Floats, p: Floats, rng: Generator) -> Floats:
    """Draws of how many of each cell's rows are ones; broken numbers of rows are drawn whole."""
    whole = np.ceil(rows)
    share: Floats = rng.binomial(whole.astype(np.int64), p) * (rows / np.maximum(whole, 1))
    return share


def _split(wrong: Floats, alpha: Floats, rng: Generator) -> Floats:
    """Draws of the labels that wrong predictions had, ``(draws, labels)`` (Dirichlet)."""
    share = rng.standard_gamma(alpha, (wrong.size, alpha.size)) + 1e-12 * (alpha > 0)
    if not alpha.any():
        return share
    share /= share.sum(axis=1, keepdims=True)
    found: Floats = rng.multinomial(np.rint(wrong).astype(np.int64), share).astype(np.float64)
    return found


def _metric(name: str, at: float, drawn: Floats, excess: Excess, n: int, rng: Generator) -> Metric:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(at) or not known.size:
        return Metric(at, _NAN, _NAN, n)
    if excess.deviation:
        known = known + excess.deviation * rng.standard_t(excess.blocks - 1, known.size)
    # As np.quantile says, of which the machinery takes longer than all the rest here.
    low, high = np.interp([0.025, 0.975], np.linspace(0, 1, known.size), np.sort(known))
    low, high = low + excess.bias, high + excess.bias
    at += excess.bias
    most = np.inf if name == "log_loss" else 1.0
    at, low, high = np.clip([at, min(low, at), max(high, at)], 0, most).tolist()
    return Metric(at, low, high, n)


def _variance(drawn: Floats) -> float:
    known = drawn[~np.isnan(drawn)]
    return float(known.var()) if known.size > 1 else _NAN
