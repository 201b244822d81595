"""What a score's profile says about confidence is what the scores themselves say."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.drift.column_drift import measure
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.drift_verdict import Verdict, judge
from monitoring_dagster.stats.estimation.confidence import (
    CUTS,
    EXTREMES_BINS,
    confidence_of,
    extremes,
    with_extremes,
    without_extremes,
)


def profiled(scores, bins):
    table = pa.table({"x": pa.array(scores, pa.float64())})
    return profile_batches(table.to_batches(), {"": {"x": bins}})[Group("")].columns["x"]


def of(scores):
    bins = NumericBins.from_reference(scores, cuts=CUTS)
    return profiled(scores, bins), bins


@given(
    st.lists(
        st.floats(0, 1) | st.sampled_from([0.05, 0.95, 0.5, 0.0, 1.0]), min_size=1, max_size=60
    )
)
def test_extremes_are_counted_exactly_also_on_the_bounds(scores):
    found = extremes(*of(scores)).counts
    x = np.array(scores)
    assert found[:3].tolist() == [(x < 0.05).sum(), ((x >= 0.05) & (x <= 0.95)).sum(),
                                  (x > 0.95).sum()]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.3, 0.3), (2, 8), (20, 20)])
def test_confidence_is_that_of_the_scores(a, b):
    x = np.random.default_rng(0).beta(a, b, 50_000)
    found = confidence_of(*of(x))
    assert found.extreme_share == ((x < 0.05) | (x > 0.95)).mean()
    assert found.mean_max_probability == pytest.approx(np.maximum(x, 1 - x).mean(), rel=1e-12)
    p = np.clip(x, 1e-300, 1 - 1e-16)
    entropy = (-p * np.log2(p) - (1 - p) * np.log2(1 - p)).mean()
    assert entropy <= found.entropy_bits + 1e-12
    assert found.entropy_bits == pytest.approx(entropy, abs=1e-3)


def test_without_scores_nothing_is_known():
    found = confidence_of(*of([np.nan]))
    assert np.isnan([found.extreme_share, found.mean_max_probability, found.entropy_bits]).all()


def test_sudden_over_confidence_is_drift_that_names_the_share():
    rng = np.random.default_rng(1)
    calm = rng.uniform(0.0, 1.0, 5000)
    sure = np.where(rng.random(2000) < 0.5, rng.uniform(0.96, 1, 2000), rng.uniform(0, 1, 2000))
    before, bins = of(calm)
    drift = measure(
        "score: extremes",
        extremes(before, bins),
        extremes(profiled(sure, bins), bins),
        EXTREMES_BINS,
    )
    verdict = judge([drift], settings=DriftSettings())[0]
    assert verdict.verdict is Verdict.DRIFT
    assert "'above 0.95' from 5." in verdict.reason


PLAIN = {"score": NumericBins(np.array([0.05, 0.5, 0.95]))}
WITH_EXTREMES = {**PLAIN, "score: extremes": EXTREMES_BINS}


class TestAmongProfiles:
    """Extremes are a column of their own, beside the scores that they are read off."""

    def profiles(self):
        table = pa.table({"score": [0.01, 0.3, 0.99, 0.99]})
        found = profile_batches(table.to_batches(), {"": PLAIN})[Group("")]
        return {Group("1"): found, Group("2"): found}

    def test_are_read_off_the_scores_bins(self):
        profiles = self.profiles()
        with_them = with_extremes(profiles, {"1": WITH_EXTREMES})
        counts = with_them[Group("1")].columns["score: extremes"].counts
        assert sum(counts) == 4
        assert sorted(n for n in counts if n) == [1, 1, 2]
        assert with_them[Group("2")] is profiles[Group("2")], "a version without bins stays"

    def test_are_counted_only_where_the_bins_say_so(self):
        profiles = self.profiles()
        other = {**PLAIN, "score: extremes": CategoricalBins(("low", "high"))}
        for bins in (PLAIN, other):
            assert with_extremes(profiles, {"1": bins}) == profiles

    def test_are_no_column_of_the_rows(self):
        assert without_extremes(WITH_EXTREMES) == PLAIN
        own = {"score: extremes": CategoricalBins(("low", "high")), "score": EXTREMES_BINS}
        assert without_extremes(own) == own, "a column that somebody calls so"
