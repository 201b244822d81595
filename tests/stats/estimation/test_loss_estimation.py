"""Where a model of numbers errs is learnt from known errors, and foretold without labels."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.bins import bins_of
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.estimation.loss_estimation import (
    BLOCKS,
    MIN_ROWS,
    LossModel,
    TooFewErrors,
    additive_loss,
    codes_of,
    shares_of,
)

PLANS = np.array(["basic", "plus", "pro"])
KINDS = np.array([False, False, True])


def world(n, *, shift=0.0, rng):
    """Errors grow with the amount, and are twice as large on the plan "pro"."""
    amount, other = rng.normal(size=n) + shift, rng.normal(size=n)
    plan = rng.choice(3, n, p=[0.6 - 0.2 * shift, 0.3, 0.1 + 0.2 * shift])
    prediction = 3 * other
    label = prediction + np.exp(0.5 * amount) * np.where(plan == 2, 2, 1) * rng.normal(size=n)
    return np.column_stack([amount, other, plan]), prediction, label


def table(points):
    return pa.table(
        {"amount": points[:, 0], "other": points[:, 1], "plan": PLANS[points[:, 2].astype(int)]}
    )


def learnt(rows=2000, *, rng):
    points, prediction, label = world(rows, rng=rng)
    model = LossModel.learn(points, label=label, prediction=prediction, categorical=KINDS, rng=rng)
    columns = table(points)
    bins = {name: bins_of(columns[name], column=name) for name in columns.column_names}
    sizes = {name: one.size + 1 for name, one in bins.items()}
    losses = np.abs(prediction - label)
    additive = additive_loss(codes_of(columns, bins), losses, sizes=sizes)
    return model, additive, bins, float(losses.mean())


def shares(points, bins):
    codes = codes_of(table(points), bins)
    return {
        name: np.bincount(codes[name], minlength=of.size + 1) / len(points)
        for name, of in bins.items()
    }


@pytest.fixture(scope="module")
def replays():
    """Two references, and twenty later days each, half of them under a shift."""
    rng = np.random.default_rng(20260402)
    found = []
    for _ in range(2):
        model, additive, bins, guess = learnt(rng=rng)
        for shift in [0.0] * 10 + [0.5] * 10:
            points, prediction, label = world(400, shift=shift, rng=rng)
            error = np.abs(prediction - label)
            expected = model.estimate(points, prediction=prediction)
            found.append(
                {
                    "shift": shift,
                    "guess": guess,
                    "realised": {
                        "mae": error.mean(),
                        "mse": np.square(error).mean(),
                        "rmse": np.sqrt(np.square(error).mean()),
                        "additive": error.mean(),
                    },
                    "expected": expected
                    | {"additive": additive.estimate(shares(points, bins), n=len(points))},
                }
            )
    return found


@pytest.mark.parametrize("metric", ["mae", "rmse", "mse", "additive"])
def test_95_percent_intervals_hold_what_the_labels_show_and_are_no_wider_than_that_takes(
    replays, metric
):
    """The additive estimate foretells quiet days alone so well: a bin's mean follows no tail."""
    days = [one for one in replays if metric != "additive" or not one["shift"]]
    off = []
    for one in days:
        value, _, high, _ = one["expected"][metric]
        off.append(np.log(one["realised"][metric] / value) / np.log(high / value))
    assert np.mean(np.abs(off) <= 1) >= 0.9
    assert 0.3 < np.sqrt(np.mean(np.square(off))) < 0.7  # 1 / 1.96, were they normal


@pytest.mark.parametrize("metric", ["mae", "additive"])
def test_under_a_shift_the_estimate_is_a_third_as_far_off_as_the_reference(replays, metric):
    days = [one for one in replays if one["shift"]]
    off = np.mean([abs(one["expected"][metric].value - one["realised"][metric]) for one in days])
    guess = np.mean([abs(one["guess"] - one["realised"][metric]) for one in days])
    assert off < guess / 3


def test_rmse_is_the_root_of_mse(replays):
    expected = replays[0]["expected"]
    np.testing.assert_allclose(np.square(expected["rmse"][:3]), expected["mse"][:3])


@pytest.fixture(scope="module")
def additive():
    rng = np.random.default_rng(1)
    codes = {"a": rng.integers(0, 5, 1000), "b": rng.integers(0, 300, 1000)}
    losses = rng.exponential(size=1000) * (1 + codes["a"])
    return additive_loss(codes, losses, sizes={"a": 6, "b": 301})


class TestAnEstimateFromShares:
    @given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 50))
    @settings(max_examples=50)
    def test_from_shares_it_is_the_mean_over_the_rows(self, additive, seed, rows):
        rng = np.random.default_rng(seed)
        codes = {"a": rng.integers(0, 6, rows), "b": rng.integers(0, 301, rows)}
        by_row = additive.intercepts[:, None] + sum(
            additive.coefficients[name][:, of_row] for name, of_row in codes.items()
        )
        marginals = {
            name: np.bincount(of_row, minlength=size) / rows
            for (name, of_row), size in zip(codes.items(), (6, 301), strict=True)
        }
        found = additive.estimate(marginals, n=rows)
        assert found.value == pytest.approx(by_row.mean())
        assert found.n == rows

    def test_rows_without_a_value_have_a_loss_of_their_own(self):
        amount = np.array([0, 1, 2, 3] * 250)  # 3: no value
        losses = np.where(amount == 3, 5.0, 1.0) + np.arange(1000) % 7 / 7
        found = additive_loss({"amount": amount}, losses, sizes={"amount": 4})
        missing, present = np.eye(4)[3], np.eye(4)[1]
        for share, mean in ((missing, 5.43), (present, 1.43)):
            assert found.estimate({"amount": share}, n=100).value == pytest.approx(mean, rel=0.02)

    def test_a_bin_that_the_reference_never_had_counts_as_its_neighbour(self):
        amount = np.repeat([0, 1, 4], 400)
        losses = 1.0 + amount + np.arange(1200) % 7 / 7
        order = np.random.default_rng(0).permutation(1200)
        found = additive_loss({"amount": amount[order]}, losses[order], sizes={"amount": 7})
        for bin_, like in ((2, 1), (3, 1), (5, 4), (6, 4)):
            shares = ({"amount": np.eye(7)[one]} for one in (bin_, like))
            first, second = (found.estimate(one, n=100).value for one in shares)
            assert first == second

    def test_more_rows_have_a_narrower_interval(self, additive):
        even = {"a": np.full(6, 1 / 6), "b": np.full(301, 1 / 301)}
        few, many = (additive.estimate(even, n=n) for n in (50, 5000))
        assert few.low < many.low < many.value == few.value < many.high < few.high

    def test_without_rows_there_is_no_estimate(self, additive):
        found = additive.estimate({"a": np.zeros(6), "b": np.zeros(301)}, n=0)
        assert np.isnan(found[:3]).all()

    def test_shares_of_a_profile_are_those_of_its_rows(self):
        rows = pa.table(
            {
                "v": ["1"] * 6,
                "amount": [1.0, 2.0, 2.0, None, float("nan"), float("inf")],
                "plan": ["a", None, "b", "b", "new", "a"],
            }
        )
        bins = {n: bins_of(rows[n], column=n) for n in ("amount", "plan")}
        [profile] = profile_batches(rows.to_batches(), {"1": bins}, version="v").values()
        codes, found = codes_of(rows, bins), shares_of(profile)
        for name, of in bins.items():
            of_rows = np.bincount(codes[name], minlength=of.size + 1) / 6
            np.testing.assert_allclose(found[name], of_rows)
        assert found["amount"][-1] == pytest.approx(3 / 6)
        assert found["plan"][-1] == pytest.approx(1 / 6)


class TestAReferenceThatTeachesLittle:
    def test_too_short_a_one_is_refused_with_the_way_out(self):
        rng = np.random.default_rng(0)
        points, prediction, label = world(MIN_ROWS - 1, rng=rng)
        with pytest.raises(TooFewErrors, match=r"199 rows .* give a longer one"):
            LossModel.learn(points, label=label, prediction=prediction, categorical=KINDS, rng=rng)
        with pytest.raises(TooFewErrors):
            additive_loss({"a": np.zeros(10, int)}, np.ones(10), sizes={"a": 2})

    def test_a_model_that_was_never_wrong_is_expected_to_stay_so(self):
        rng = np.random.default_rng(0)
        points, prediction, _ = world(300, rng=rng)
        model = LossModel.learn(
            points, label=prediction, prediction=prediction, categorical=KINDS, rng=rng
        )
        assert model.estimate(points, prediction=prediction)["mae"].value == 0.0

    def test_without_any_feature_the_prediction_alone_is_learnt_from(self):
        rng = np.random.default_rng(0)
        _, prediction, label = world(400, rng=rng)
        bare = np.empty((400, 0))
        model = LossModel.learn(
            bare, label=label, prediction=prediction, categorical=np.empty(0, bool), rng=rng
        )
        found = model.estimate(bare, prediction=prediction)["mae"]
        assert found.value == pytest.approx(np.abs(prediction - label).mean(), rel=0.1)
        assert len(model.models["mae"]) == BLOCKS

    def test_no_rows_have_no_estimate(self):
        rng = np.random.default_rng(0)
        points, prediction, label = world(200, rng=rng)
        model = LossModel.learn(
            points, label=label, prediction=prediction, categorical=KINDS, rng=rng
        )
        found = model.estimate(points[:0], prediction=prediction[:0])
        assert all(np.isnan(one[:3]).all() and one.n == 0 for one in found.values())
