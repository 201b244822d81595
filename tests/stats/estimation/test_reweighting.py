"""Weights carry a reference over to other rows, and say how far that goes."""

import numpy as np
import pytest

from monitoring_dagster.stats.estimation.reweighting import MIN_COVERED, MIN_EFFECTIVE_ROWS, weights
from monitoring_dagster.stats.estimation.score_estimation import calibrate
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import metrics

NUMERIC = np.zeros(3, dtype=bool)


@pytest.fixture
def rng():
    return np.random.default_rng(20260401)


def normal(n, *, shift=0.0, rng):
    return rng.normal([shift, 0, 0], size=(n, 3))


class TestWeights:
    def test_the_weighted_reference_looks_like_the_current_rows(self, rng):
        reference, current = normal(5000, rng=rng), normal(1500, shift=0.8, rng=rng)
        found = weights(reference, current, categorical=NUMERIC, rng=rng)
        mean = found.rows @ reference / found.rows.sum()
        assert mean == pytest.approx(current.mean(axis=0), abs=0.12)
        assert abs(reference[:, 0].mean() - current[:, 0].mean()) > 0.7

    def test_they_sum_to_the_rows_that_they_are_worth(self, rng):
        found = weights(
            normal(3000, rng=rng), normal(800, shift=1.0, rng=rng), categorical=NUMERIC, rng=rng
        )
        kish = found.rows.sum() ** 2 / np.square(found.rows).sum()
        assert found.rows.sum() == pytest.approx(found.effective)
        assert kish == pytest.approx(found.effective)
        assert 200 < found.effective < 2000

    def test_without_a_shift_hardly_a_row_is_lost(self, rng):
        found = weights(normal(3000, rng=rng), normal(800, rng=rng), categorical=NUMERIC, rng=rng)
        assert found.effective > 0.85 * 3000
        assert found.covered > 0.95

    @pytest.mark.parametrize(
        ("shift", "usable"),
        [
            pytest.param(0.5, True, id="side by side"),
            pytest.param(6.0, False, id="apart: the reference says nothing about such rows"),
        ],
    )
    def test_they_are_used_only_where_the_two_overlap(self, shift, usable, rng):
        found = weights(
            normal(3000, rng=rng), normal(800, shift=shift, rng=rng), categorical=NUMERIC, rng=rng
        )
        assert found.usable is usable
        assert f"{found.effective:,.0f} rows" in found.reason

    def test_rows_of_a_level_that_the_reference_never_had_are_not_covered(self, rng):
        """All weights are alike then, and worth all rows: only the coverage tells."""
        reference = np.column_stack([rng.normal(size=2000), np.zeros(2000)])
        current = np.column_stack([rng.normal(size=800), np.ones(800)])
        found = weights(reference, current, categorical=np.array([False, True]), rng=rng)
        assert found.effective > MIN_EFFECTIVE_ROWS
        assert found.covered < MIN_COVERED / 2
        assert not found.usable

    def test_half_of_the_rows_in_a_new_level_are_half_covered(self, rng):
        reference = np.column_stack([rng.normal(size=3000), np.zeros(3000)])
        current = np.column_stack([rng.normal(size=1000), np.arange(1000) % 2])
        found = weights(reference, current, categorical=np.array([False, True]), rng=rng)
        assert found.covered == pytest.approx(0.5, abs=0.1)

    @pytest.mark.parametrize("rows", [0, 9])
    def test_hardly_any_rows_have_no_weights(self, rows, rng):
        found = weights(normal(500, rng=rng), normal(rows, rng=rng), categorical=NUMERIC, rng=rng)
        assert (found.effective, found.usable) == (0.0, False)

    def test_the_same_seed_gives_the_same_weights(self, rng):
        sides = normal(800, rng=rng), normal(300, shift=1.0, rng=rng)
        first, second = (
            weights(*sides, categorical=NUMERIC, rng=np.random.default_rng(1)).rows
            for _ in range(2)
        )
        np.testing.assert_array_equal(first, second)


class TestTheWeightedEstimate:
    """A score that is right where a feature is low, and too sure of itself where it is high."""

    @staticmethod
    def world(n, *, shift, rng):
        x = normal(n, shift=shift, rng=rng)
        score = 1 / (1 + np.exp(0.5 - 0.6 * x[:, 0] - 1.2 * x[:, 1]))
        flat = 1 / (1 + np.exp(0.3 - 0.3 * x[:, 1]))
        label = rng.random(n) < np.where(x[:, 0] > 1, flat, score)
        return x, score, label.astype(int)

    def errors(self, shift, *, worlds):
        """Mean distance of the plain and the weighted accuracy from what the labels show."""
        found = np.zeros((worlds, 2))
        for seed in range(worlds):
            rng = np.random.default_rng([seed, 4])
            x, score, label = self.world(5000, shift=0.0, rng=rng)
            now, asked, truth = self.world(1500, shift=shift, rng=rng)
            rows = weights(x, now, categorical=NUMERIC, rng=rng).rows
            known = {"label": label, "prediction": score >= 0.5, "score": score}
            answer = asked >= 0.5
            shown = metrics(Outcomes.of("binary", label=truth, prediction=answer, score=asked))
            for place, given in enumerate((None, rows)):
                expected = calibrate("binary", **known, rows=given).estimate(
                    prediction=answer, score=asked, rng=rng
                )
                found[seed, place] = abs(expected["accuracy"].value - shown["accuracy"].value)
        return found.mean(axis=0)

    def test_under_a_shift_it_is_less_than_half_as_far_off(self):
        plain, weighted = self.errors(1.0, worlds=4)
        assert plain > 0.03
        assert weighted < plain / 2

    def test_without_a_shift_it_is_no_worse(self):
        plain, weighted = self.errors(0.0, worlds=4)
        assert weighted < plain + 0.005
