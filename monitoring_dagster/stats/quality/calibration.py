"""How often is a score right?  A smooth map from score to probability, and how surely?"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.random import Generator

from monitoring_dagster.stats.columns.values import Floats

_KNOTS = 24
_GROUPS = 512  # of the reference, of about equal rows, that the map is fitted to
_SMOOTHNESS = np.geomspace(0.1, 1e5, 7)  # 1 / variance of the correction's bends
_CLOSENESS = np.geomspace(0.01, 1e4, 5)  # 1 / variance of the correction itself
_STEPS = 30


def log_odds(probability: Floats) -> Floats:
    """ln(p / (1 - p)), infinite at 0 and 1."""
    with np.errstate(divide="ignore"):
        found: Floats = np.log(probability) - np.log1p(-probability)
    return found


def logistic(x: Floats) -> Floats:
    """The probability of these log-odds."""
    found: Floats = 1 / (1 + np.exp(-np.clip(x, -700, 700)))
    return found


@dataclass(frozen=True, slots=True)
class Curve:
    """log-odds of the truth = log-odds of the score + a smooth correction, with its posterior.

    The correction is linear between knots at quantiles of the reference. Its prior is normal and
    says how much it bends and how far it is from 0, so that a score that is calibrated stays what
    it is; over both strengths it is averaged by marginal likelihood (Laplace). A reference of few
    rows, or of one class, gives a wide posterior around the score.

    Source: Eilers & Marx (1996), Statistical Science 11(2); Wood (2011), JRSS B 73(1).
    """

    limit: float  # log-odds beyond which a score claims more than the reference can show
    knots: Floats
    coefficients: Floats
    root: Floats  # of the posterior's covariance

    @classmethod
    def fit(cls, x: Floats, rows: Floats, ones: Floats) -> Self:
        """From log-odds of scores, rows and how many of them are ones; each ``(cells,)``."""
        limit = float(np.log(rows.sum() + 2))
        x, rows, ones = grouped(np.clip(x, -limit, limit), rows, ones)
        knots = _knots(x, rows)
        basis, bends = _hats(x, knots), _bends(knots)
        found = []
        for closeness in _CLOSENESS:
            mode = np.zeros(knots.size)
            for smoothness in _SMOOTHNESS[::-1]:
                prior = smoothness * bends + closeness * np.eye(knots.size)
                likelihood, mode, precision = _posterior(basis, prior, x, rows, ones, mode)
                found.append((likelihood, mode, precision))
        likelihoods, modes, precisions = (np.array(part) for part in zip(*found, strict=True))
        weight = np.exp(likelihoods - likelihoods.max())
        weight /= weight.sum()
        mean = weight @ modes
        apart = modes - mean
        covariance = np.tensordot(weight, np.linalg.inv(precisions), 1)
        covariance += (apart.T * weight) @ apart
        return cls(limit, knots, mean, _root(covariance))

    def __call__(self, x: Floats) -> Floats:
        """Log-odds of the truth at log-odds of the score."""
        found: Floats = np.clip(x, -self.limit, self.limit) + self._basis(x) @ self.coefficients
        return found

    def draws(self, x: Floats, *, size: int, rng: Generator) -> Floats:
        """What else the reference allows: ``(size, cells)`` log-odds of the truth."""
        noise = self.root @ rng.standard_normal((self.knots.size, size))
        found: Floats = self(x) + (self._basis(x) @ noise).T
        return found

    def _basis(self, x: Floats) -> Floats:
        return _hats(np.clip(x, -self.limit, self.limit), self.knots)


def _root(covariance: Floats) -> Floats:
    """A square root, also where rounding leaves no positive definite matrix: among few rows two
    knots may lie so close together that the correction hardly bends between them.
    """
    try:
        return np.asarray(np.linalg.cholesky(covariance), np.float64)
    except np.linalg.LinAlgError:
        size, direction = np.linalg.eigh((covariance + covariance.T) / 2)
        return np.asarray(direction * np.sqrt(np.maximum(size, 0)), np.float64)


def grouped(x: Floats, rows: Floats, ones: Floats) -> tuple[Floats, Floats, Floats]:
    """Cells of neighbouring x put together: at most about 512, of about equal rows, x ascending."""
    order = np.argsort(x, kind="stable")
    x, rows, ones = x[order], rows[order], ones[order]
    changed = np.diff(x, prepend=x[:1]) != 0
    place = np.cumsum(changed)
    if place.size and place[-1] >= _GROUPS:
        upto = np.bincount(place, rows).cumsum()
        group = np.minimum(upto / upto[-1] * _GROUPS, _GROUPS - 1).astype(np.intp)
        place = np.unique(group, return_inverse=True)[1][place]
    sums = [np.bincount(place, one).astype(np.float64) for one in (rows * x, rows, ones)]
    kept = sums[1] > 0
    total, n, hits = (one[kept] for one in sums)
    return total / n, n, hits


def _knots(x: Floats, rows: Floats) -> Floats:
    """At most 24 places with about equal rows between them."""
    if not x.size:
        return np.array([-1.0, 1.0])
    share = (np.cumsum(rows) - rows / 2) / rows.sum()
    found = np.unique(np.interp(np.linspace(0, 1, _KNOTS), share, x))
    close = np.diff(found, prepend=-np.inf) > 1e-3
    return np.array([found[0] - 1, found[0] + 1]) if close.sum() < 2 else found[close]


def _hats(x: Floats, knots: Floats) -> Floats:
    """Weights of linear interpolation between knots, ``(cells, knots)``; constant outside."""
    right = np.clip(np.searchsorted(knots, x), 1, knots.size - 1)
    share = np.clip((x - knots[right - 1]) / (knots[right] - knots[right - 1]), 0, 1)
    found = np.zeros((x.size, knots.size))
    cells = np.arange(x.size)
    found[cells, right - 1], found[cells, right] = 1 - share, share
    return found


def _bends(knots: Floats) -> Floats:
    """The form whose value is the integral of the squared second derivative."""
    gap = np.diff(knots)
    change = np.zeros((max(knots.size - 2, 0), knots.size))
    for i in range(change.shape[0]):
        change[i, i : i + 3] = 1 / gap[i], -1 / gap[i] - 1 / gap[i + 1], 1 / gap[i + 1]
        change[i] /= np.sqrt((gap[i] + gap[i + 1]) / 2)
    found: Floats = change.T @ change
    return found


def _posterior(
    basis: Floats,
    prior: Floats,
    offset: Floats,
    rows: Floats,
    ones: Floats,
    start: Floats,
) -> tuple[float, Floats, Floats]:
    """Log marginal likelihood, mode and precision of the correction at the knots, by Newton."""

    def height(one: Floats) -> float:
        eta = offset + basis @ one
        return float(ones @ eta - rows @ np.logaddexp(0, eta) - one @ prior @ one / 2)

    at, now = start, height(start)
    for _ in range(_STEPS):
        p = logistic(offset + basis @ at)
        precision = (basis.T * (rows * p * (1 - p))) @ basis + prior
        step = np.linalg.solve(precision, basis.T @ (ones - rows * p) - prior @ at)
        reached = height(at + step)
        while reached < now - 1e-9 and np.abs(step).max() > 1e-8:
            step = step / 2
            reached = height(at + step)
        at, gained, now = at + step, reached - now, reached
        if gained < 1e-6:
            break
    volume = np.linalg.slogdet(prior)[1] - np.linalg.slogdet(precision)[1]
    return now + float(volume) / 2, at, precision
