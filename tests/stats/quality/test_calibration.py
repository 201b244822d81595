"""The curve keeps an honest score, corrects a lying one, and is as unsure as its reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from monitoring_dagster.stats.quality.calibration import Curve, grouped, log_odds, logistic

CELLS = 512
AT = np.linspace(-3, 3, 13)


def reference(n, truth, *, seed=0):
    """Log-odds of scores, and rows that are ones as often as the *truth* says."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1.5, n)
    return x, np.ones(n), (rng.random(n) < logistic(truth(x))).astype(float)


def spread(curve, x):
    return curve.draws(np.array([x]), size=2000, rng=np.random.default_rng(0)).std()


class TestLogOdds:
    @given(st.lists(st.floats(0, 1), min_size=1).map(np.array))
    def test_they_are_scipys(self, probability):
        assert log_odds(probability) == pytest.approx(special.logit(probability), abs=1e-12)

    @given(st.lists(st.floats(-700, 700), min_size=1).map(np.array))
    def test_the_way_back_is_scipys(self, x):
        assert logistic(x) == pytest.approx(special.expit(x), rel=1e-12)

    def test_certainty_is_infinite_and_neither_warns(self):
        assert log_odds(np.array([0.0, 0.5, 1.0])).tolist() == [-np.inf, 0.0, np.inf]
        found = logistic(np.array([-np.inf, -1e9, 1e9, np.inf]))
        assert found == pytest.approx([0.0, 0.0, 1.0, 1.0], abs=1e-300)


cells = st.lists(
    st.tuples(st.integers(-9, 9).map(float), st.integers(0, 9), st.integers(0, 9)), max_size=40
)


class TestGrouped:
    @given(cells)
    def test_no_row_is_lost_and_equal_scores_are_one_cell(self, drawn):
        x, rows, more = np.array(drawn, float).reshape(-1, 3).T
        ones = np.minimum(rows, more)
        at, n, hits = grouped(x, rows, ones)
        assert (n.sum(), hits.sum()) == (rows.sum(), ones.sum())
        assert at.tolist() == sorted({one for one, of in zip(x, rows, strict=True) if of})
        assert ((hits >= 0) & (hits <= n)).all()

    @pytest.mark.parametrize("size", [CELLS, CELLS + 1, 10_000])
    def test_of_many_scores_neighbours_are_put_together_in_equal_parts(self, size):
        x = np.random.default_rng(1).normal(size=size)
        at, n, _ = grouped(x, np.ones(size), np.zeros(size))
        assert at.size <= CELLS
        assert n.sum() == size
        assert n.max() <= np.ceil(size / CELLS) + 1
        assert (np.diff(at) > 0).all()
        assert at @ n == pytest.approx(x.sum(), abs=1e-9)

    def test_few_scores_keep_their_places(self):
        at, n, hits = grouped(
            np.array([2.0, -1.0, 2.0]), np.array([1.0, 4, 2]), np.array([1.0, 2, 0])
        )
        assert (at.tolist(), n.tolist(), hits.tolist()) == ([-1.0, 2.0], [4.0, 3.0], [2.0, 1.0])


class TestCurve:
    @pytest.mark.parametrize(
        "truth",
        [
            pytest.param(lambda x: x, id="honest"),
            pytest.param(lambda x: 0.5 * x - 0.3, id="overconfident"),
            pytest.param(lambda x: 0.7 * x + np.sin(x), id="bent"),
        ],
    )
    def test_of_many_rows_it_is_the_truth(self, truth):
        curve = Curve.fit(*reference(50_000, truth))
        assert np.abs(logistic(curve(AT)) - logistic(truth(AT))).max() < 0.03

    def test_of_few_rows_an_honest_score_stays_nearly_what_it_is(self):
        off = [
            np.abs(logistic(Curve.fit(*reference(200, lambda x: x, seed=n))(AT)) - logistic(AT))
            for n in range(5)
        ]
        assert np.mean(off) < 0.05

    def test_counted_rows_are_rows(self):
        x, rows, ones = reference(300, lambda x: x)
        twice = Curve.fit(np.tile(x, 2), np.tile(rows, 2), np.tile(ones, 2))
        counted = Curve.fit(x, 2 * rows, 2 * ones)
        assert counted(AT) == pytest.approx(twice(AT), abs=1e-6)
        assert spread(counted, 0.0) == pytest.approx(spread(twice, 0.0), rel=1e-3)

    def test_the_other_class_has_the_curve_turned_over(self):
        """Scores and labels turned over: nothing knows which class is called 1."""
        x, rows, ones = reference(2000, lambda x: 0.6 * x + 0.4)
        forth, back = Curve.fit(x, rows, ones), Curve.fit(-x, rows, rows - ones)
        assert forth(AT) == pytest.approx(-back(-AT), abs=0.02)

    def test_more_rows_are_surer(self):
        spreads = [spread(Curve.fit(*reference(n, lambda x: x)), 0.0) for n in (30, 300, 3000)]
        assert spreads[0] > 1.5 * spreads[1] > 1.5 * 1.5 * spreads[2]

    def test_draws_lie_around_the_curve_and_repeat_with_their_generator(self):
        curve = Curve.fit(*reference(500, lambda x: 0.5 * x))
        first, second = (curve.draws(AT, size=4000, rng=np.random.default_rng(5)) for _ in "ab")
        assert first.shape == (4000, AT.size)
        assert np.array_equal(first, second)
        off = first.mean(axis=0) - curve(AT)
        assert np.abs(off / first.std(axis=0)).max() < 5 / np.sqrt(4000)

    def test_beyond_what_the_reference_can_show_a_score_claims_no_more(self):
        """100 rows cannot show log-odds beyond ln(102)."""
        curve = Curve.fit(*reference(100, lambda x: x))
        assert curve.limit == pytest.approx(np.log(102))
        wild = curve(np.array([curve.limit, curve.limit + 1, 1e9, np.inf]))
        assert (wild == wild[0]).all()

    @pytest.mark.parametrize(
        ("x", "ones"),
        [
            pytest.param([0.3], [1], id="one row"),
            pytest.param([-1.0, 0.0, 1.0], [1, 1, 1], id="one class"),
            pytest.param([0.5] * 9, [0] * 5 + [1] * 4, id="one score"),
            pytest.param([-np.inf, np.inf], [0, 1], id="certain"),
            pytest.param([], [], id="no row"),
        ],
    )
    def test_a_poor_reference_gives_a_wide_curve_and_no_exception(self, x, ones):
        curve = Curve.fit(np.array(x, float), np.ones(len(x)), np.array(ones, float))
        at = np.array([-np.inf, -2.0, 0.0, 2.0, np.inf])
        assert np.isfinite(curve(at)).all()
        assert spread(curve, 0.0) > 0.5

    def test_one_class_alone_pulls_the_curve_its_way_and_never_to_certainty(self):
        x, rows, _ = reference(200, lambda x: x)
        never, always = (Curve.fit(x, rows, rows * share)(AT) for share in (0.0, 1.0))
        assert (never < AT).all()
        assert (always > AT).all()
        assert logistic(always).max() < 1

    @settings(max_examples=15)
    @given(cells)
    def test_whatever_the_rows_the_curve_is_finite(self, drawn):
        x, rows, more = np.array(drawn, float).reshape(-1, 3).T
        curve = Curve.fit(x, rows, np.minimum(rows, more))
        assert np.isfinite(curve(AT)).all()
        assert np.isfinite(curve.draws(AT, size=3, rng=np.random.default_rng(0))).all()

    @pytest.mark.parametrize("close", [0.201001, 0.20101, 0.2011])
    def test_scores_that_lie_close_together_among_few_rows_have_a_curve(self, close):
        x = np.array([0.2, close, 0.52, 1.51, 1.74, 1.75])
        curve = Curve.fit(x, np.ones(6), np.zeros(6))
        found = curve.draws(x, size=4000, rng=np.random.default_rng(0)).std(axis=0)
        assert found[0] == pytest.approx(found[1], rel=0.01)
        assert ((found > 1) & (found < 3)).all()
