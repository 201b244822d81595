"""A segment that got worse is named although the whole looks as usual, and no other is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring_dagster.stats.inference.intervals import wilson
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.stats.quality.segment_drop import (
    SegmentMetric,
    SegmentVerdict,
    better_when,
    gap_to_whole,
    segment_drops,
)


def shares(right, of):
    low, high = wilson(right, of)
    values = np.asarray(right) / np.asarray(of)
    return [
        Metric(*one)
        for one in zip(values.tolist(), low.tolist(), high.tolist(), list(of), strict=True)
    ]


def day(rng, accuracy, rows, *, before=None, tolerance=0.02, columns=1):
    """A day of segments whose baselines have ten times the rows."""
    usual = accuracy if before is None else before
    now = shares(rng.binomial(rows, accuracy), rows)
    base = shares(rng.binomial(10 * rows, usual), 10 * rows)
    return [
        SegmentMetric(f"c{i % columns}", str(i), *pair, tolerance)
        for i, pair in enumerate(zip(now, base, strict=True))
    ]


def near(value, reach, n=1000):
    return Metric(value, value - reach, value + reach, n)


def pair(name, now, before, reach=0.01, n=1000, tolerance=0.02, segment="country"):
    return SegmentMetric(segment, name, near(now, reach, n), near(before, reach, n), tolerance)


def worse(found):
    return [one.of.value for one in found if one.verdict is SegmentVerdict.WORSE]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_gap_to_the_whole_is_as_uncertain_as_it_varies(share):
    """Days of rows with the same loss everywhere: gaps differ by chance alone."""
    rng, rows = np.random.default_rng(0), 1_000
    own = int(rows * share)
    gaps, errors = [], []
    for _ in range(2_000):
        loss = rng.exponential(0.4, rows)
        some, all_ = (
            Metric(of.mean(), *(of.mean() + np.array([-1, 1]) * 1.96 * of.std() / len(of) ** 0.5),
                   len(of))
            for of in (loss[:own], loss)
        )  # fmt: skip
        gap, error = gap_to_whole(some, all_)
        gaps.append(gap)
        errors.append(error)
    assert np.mean(gaps) == pytest.approx(0, abs=4 * np.std(gaps) / len(gaps) ** 0.5)
    assert np.mean(errors) == pytest.approx(np.std(gaps), rel=0.05)


def test_a_segment_that_is_all_rows_has_no_gap():
    assert gap_to_whole(near(0.4, 0.1), near(0.4, 0.1)) == (0.0, 0.0)


@pytest.mark.parametrize("count", [12, 50])
@pytest.mark.parametrize("accuracy", [0.5, 0.95])
def test_without_a_drop_one_day_in_twenty_alarms(count, accuracy):
    """250 days; a tiny tolerance leaves the correction alone to keep the promise."""
    rng = np.random.default_rng(count)
    alarms = 0
    for _ in range(250):
        usual = np.clip(rng.normal(accuracy, 0.02, count), 0.02, 0.98)
        today = day(rng, usual, rng.integers(100, 2000, count), tolerance=1e-9)
        alarms += bool(worse(segment_drops(today, metric="accuracy")))
    assert alarms <= stats.binom.isf(1e-4, 250, 0.05)


def test_a_fall_of_ten_points_is_found_while_the_whole_is_silent():
    rng = np.random.default_rng(1)
    usual = np.full(10, 0.85)
    fallen = usual - np.where(np.arange(10) == 3, 0.1, 0.0)
    found = silent = 0
    for _ in range(200):
        today = day(rng, fallen, np.full(10, 1000), before=usual)
        whole = shares([sum(round(one.now.value * 1000) for one in today)], [10_000])[0]
        silent += whole.high >= 0.85 - 0.02
        found += worse(segment_drops(today, metric="accuracy")) == ["3"]
    assert found >= 190
    assert silent >= 199


def test_what_happens_to_all_is_nobodys_drop():
    rng = np.random.default_rng(2)
    usual = rng.uniform(0.6, 0.95, 12)
    today = day(rng, usual - 0.15, np.full(12, 5000), before=usual)
    assert worse(segment_drops(today, metric="accuracy")) == []


def test_more_rows_of_an_easy_segment_are_nobodys_drop():
    """The whole gets better by its mix alone, and every segment stays as it was."""
    easy, hard = pair("easy", 0.95, 0.95, n=9000), pair("hard", 0.60, 0.60, n=1000)
    found = segment_drops([easy._replace(before=near(0.95, 0.01, 1000)), hard], metric="accuracy")
    assert [one.loss for one in found] == pytest.approx([0.0, 0.0])
    assert worse(found) == []


@pytest.mark.parametrize(
    ("metric", "better", "now", "expected"),
    [
        pytest.param("accuracy", None, 0.40, ["x"], id="accuracy fell"),
        pytest.param("accuracy", None, 0.60, [], id="accuracy rose"),
        pytest.param("log_loss", None, 0.60, ["x"], id="loss rose"),
        pytest.param("log_loss", None, 0.40, [], id="loss fell"),
        pytest.param("bias", None, 0.60, ["x"], id="bias grew"),
        pytest.param("bias", None, 0.40, [], id="bias came nearer to zero"),
        pytest.param("profit", "higher", 0.40, ["x"], id="a metric of one's own fell"),
        pytest.param("profit", "higher", 0.60, [], id="a metric of one's own rose"),
    ],
)
def test_worse_is_what_the_metric_calls_worse(metric, better, now, expected):
    others = [pair(name, 0.5, 0.5) for name in "abcdefgh"]
    found = segment_drops([*others, pair("x", now, 0.5)], metric=metric, better=better)
    assert worse(found) == expected
    x = next(one for one in found if one.of.value == "x")
    assert (x.loss > 0) is bool(expected)
    assert (x.pooled.value > 0) is bool(expected)
    assert x.pooled.low <= x.pooled.value <= x.pooled.high


@pytest.mark.parametrize(
    ("loss", "tolerance", "expected"),
    [
        pytest.param(0.09, 0.0899, SegmentVerdict.WORSE, id="a little more than tolerated"),
        pytest.param(0.09, 0.0901, SegmentVerdict.OK, id="certain and tolerated"),
        pytest.param(0.009, 0.001, SegmentVerdict.OK, id="not significant"),
    ],
)
def test_worse_needs_evidence_and_effect(loss, tolerance, expected):
    """Nine others of equal rows: what one loses against the whole is nine tenths of its fall."""
    others = [pair(str(i), 0.8, 0.8) for i in range(9)]
    fallen = pair("x", 0.8 - loss / 0.9, 0.8, tolerance=tolerance)
    found = segment_drops([*others, fallen], metric="roc_auc")
    x = next(one for one in found if one.of.value == "x")
    assert x.loss == pytest.approx(loss)
    assert x.verdict is expected


def test_a_loss_on_the_tolerance_is_tolerated():
    halves = [pair("a", 0.7, 0.8), pair("b", 0.8, 0.8)]
    exactly = segment_drops(halves, metric="f1")[0].loss
    halves[0] = halves[0]._replace(tolerance=exactly)
    assert worse(segment_drops(halves, metric="f1")) == []
    halves[0] = halves[0]._replace(tolerance=np.nextafter(exactly, 0))
    assert worse(segment_drops(halves, metric="f1")) == ["a"]


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        pytest.param(0.1, 0.0, ["x"], id="left zero upwards"),
        pytest.param(-0.1, 0.0, ["x"], id="left zero downwards"),
        pytest.param(0.0, 0.2, [], id="came to zero from above"),
        pytest.param(0.0, -0.2, [], id="came to zero from below"),
        pytest.param(-0.1, 0.1, [], id="as far on the other side"),
        pytest.param(-0.2, 0.1, ["x"], id="further on the other side"),
        pytest.param(0.02, 0.0, [], id="exactly as far as is tolerated"),
    ],
)
def test_a_bias_is_judged_by_its_size(now, before, expected):
    others = [pair(name, 0.0, 0.0, n=100_000) for name in "abcdefgh"]
    assert worse(segment_drops([*others, pair("x", now, before)], metric="bias")) == expected


def test_two_segments_off_to_either_side_are_worse_though_the_whole_is_not():
    off = [pair("a", 0.1, 0.0), pair("b", -0.1, 0.0)]
    assert worse(segment_drops(off, metric="bias")) == ["a", "b"]


@pytest.mark.parametrize(
    ("metric", "before", "now", "others"),
    [
        pytest.param("log_loss", 0.5, 0.45, 0.2, id="a loss fell less"),
        pytest.param("accuracy", 0.8, 0.85, 0.95, id="a share rose less"),
        pytest.param("bias", 0.5, 0.45, 0.2, id="a bias shrank less"),
    ],
)
def test_what_got_better_is_no_drop_though_the_whole_got_better_still(metric, before, now, others):
    rest = [pair(name, others, before) for name in "abcdefgh"]
    found = segment_drops([*rest, pair("x", now, before)], metric=metric)
    assert worse(found) == []
    x = next(one for one in found if one.of.value == "x")
    assert x.words.endswith("not worse than its baseline, where the whole got better")


@pytest.mark.parametrize("metric", ["roc_auc", "bias"])
def test_the_p_value_is_that_of_a_part_against_its_whole(metric):
    """Two equal halves: their difference is twice that of one to the whole, and as sure.

    Doubled by the correction for two looks, and for a bias, as both halves left, for two sides.
    """
    before = 0.0 if metric == "bias" else 0.8
    found = segment_drops([pair("a", before - 0.04, before), pair("b", 0.8, 0.8)], metric=metric)
    one_of_two = stats.norm.sf(0.04 / (2 * 0.01 / 1.959963985))
    assert found[0].p_adjusted == pytest.approx(2 * one_of_two, rel=1e-6)


def test_a_metric_at_its_end_is_no_certainty():
    """An AUC of 1 on few rows has no width; what its baseline promises for so few rows counts."""
    sure = SegmentMetric("c", "x", Metric(1.0, 1.0, 1.0, 100), near(0.97, 0.005, 10_000), 0.001)
    low = sure._replace(value="y", now=Metric(0.94, 0.94, 0.94, 100))
    rest = [pair(str(i), 0.9, 0.9, segment="c") for i in range(5)]
    assert worse(segment_drops([sure, low, *rest], metric="roc_auc")) == []


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        pytest.param(pair("x", 0.2, 0.8, n=99), "99 rows now and 99 in its", id="too few rows"),
        pytest.param(
            pair("x", 0.2, 0.8)._replace(before=near(0.8, 0.01, 99)),
            "1,000 rows now and 99 in its", id="too few in its baseline",
        ),
        pytest.param(
            pair("x", 0.2, 0.8)._replace(before=None), "its baseline has no rows", id="new value"
        ),
        pytest.param(
            pair("x", 0.2, 0.8)._replace(now=Metric(math.nan, math.nan, math.nan, 500)),
            "roc_auc is not defined on its rows", id="one class alone",
        ),
        pytest.param(
            pair("x", 0.2, 0.8)._replace(now=Metric(math.nan, math.nan, math.nan, 0)),
            "0 rows now", id="no rows today",
        ),
    ],
)  # fmt: skip
def test_too_little_gives_no_verdict_and_a_guess_from_the_others(odd, why):
    others = [pair(str(i), 0.8, 0.8) for i in range(9)]
    found = next(
        one for one in segment_drops([*others, odd], metric="roc_auc") if one.of.value == "x"
    )
    assert found.verdict is SegmentVerdict.INSUFFICIENT
    assert why in found.words
    assert "with what the others show it lost" in found.words
    assert math.isnan(found.p_adjusted)
    assert math.isfinite(found.impact)


def test_segments_without_a_verdict_do_not_count_among_those_looked_at():
    few = [pair(f"few {i}", 0.8, 0.8, n=50, reach=0.2) for i in range(40)]
    enough = [pair("a", 0.76, 0.8), pair("b", 0.8, 0.8)]
    found = segment_drops([*few, *enough], metric="roc_auc")
    assert sum("among 2)" in one.words for one in found) == 1


def test_few_rows_are_drawn_towards_the_whole_and_many_are_not():
    rng = np.random.default_rng(3)
    rows = np.where(np.arange(40) < 20, 50, 20_000)
    usual = np.full(40, 0.8)
    found = segment_drops(
        day(rng, usual + rng.normal(0, 0.03, 40), rows, before=usual), metric="accuracy"
    )
    kept = {
        few: np.mean([one.pooled.value / one.loss for one in found if (one.of.now.n == 50) == few])
        for few in (True, False)
    }
    assert kept[True] < 0.4
    assert kept[False] > 0.85


@pytest.mark.parametrize("apart", [0.0, 0.02, 0.06])
def test_pooled_losses_are_nearer_the_truth_and_their_intervals_hold_it(apart):
    """200 days of 20 segments that truly differ by *apart*."""
    rng = np.random.default_rng(4)
    held, raw, pooled = 0, 0.0, 0.0
    for _ in range(200):
        drop = rng.normal(0, apart, 20)
        drop -= drop.mean()
        today = day(rng, 0.7 - drop, np.full(20, 300), before=np.full(20, 0.7))
        for one in segment_drops(today, metric="accuracy"):
            truth = drop[int(one.of.value)]
            held += one.pooled.low <= truth <= one.pooled.high
            raw += (one.loss - truth) ** 2
            pooled += (one.pooled.value - truth) ** 2
    assert held >= 0.94 * 4000
    assert pooled < 0.95 * raw


def test_the_costliest_comes_first():
    """Rows times loss; those that are worse before those that are not."""
    segments = [
        pair("small and deep", 0.6, 0.8, n=300),
        pair("large and shallow", 0.75, 0.8, n=3000),
        pair("steady", 0.8, 0.8, n=20_000),
        pair("few rows", 0.3, 0.8, n=20, reach=0.4),
        pair("tolerated", 0.76, 0.8, n=50_000, tolerance=0.5, segment="device"),
        pair("other", 0.8, 0.8, n=50_000, segment="device"),
    ]
    found = segment_drops(segments, metric="roc_auc")
    assert found[2].of.value == "tolerated"
    assert found[2].impact > found[0].impact
    assert worse(found) == ["large and shallow", "small and deep"]
    assert [one.of.value for one in found[:2]] == worse(found)
    assert found[0].impact == pytest.approx(3000 * found[0].loss)
    assert found[3].impact >= found[4].impact


def test_the_values_of_each_column_are_a_whole():
    """A drop in one column's value does not become the other columns' gain."""
    countries = [pair(name, 0.6, 0.8, segment="country") for name in "ab"]
    devices = [pair(name, 0.8, 0.8, segment="device") for name in "cd"]
    losses = [one.loss for one in segment_drops([*countries, *devices], metric="f1")]
    assert losses == pytest.approx([0.0] * 4)


def test_the_only_segment_is_the_whole_and_cannot_be_worse():
    found = segment_drops([pair("all", 0.2, 0.8)], metric="f1")
    assert (found[0].verdict, found[0].loss, found[0].p_adjusted) == (SegmentVerdict.OK, 0.0, 0.5)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.2), st.integers(0, 1000),
            st.sampled_from(["a", "b"]),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_every_segment_is_judged_and_losses_weigh_up(given_segments):
    """Within a column, losses weighted by rows cancel: nothing is worse than the whole in all."""
    segments = [
        SegmentMetric(column, str(i), near(now, reach, n), near(before, reach, 500), 0.02)
        for i, (now, before, reach, n, column) in enumerate(given_segments)
    ]
    found = segment_drops(segments, metric="accuracy")
    assert sorted(one.of.value for one in found) == sorted(one.value for one in segments)
    for column in "ab":
        costs = [
            one.of.now.n * one.loss
            for one in found
            if one.of.segment == column and not math.isnan(one.loss)
        ]
        assert sum(costs) == pytest.approx(0, abs=1e-6)


def test_a_hostile_value_is_shown_short_and_quoted():
    rows = [pair("x\n" * 500, 0.6, 0.8), pair("b", 0.8, 0.8), pair("c", 0.8, 0.8)]
    words = segment_drops(rows, metric="accuracy")[0].words
    assert "\n" not in words
    assert words.startswith("country = 'x\\nx\\n")
    assert len(words) < 300


def test_the_words_carry_the_numbers():
    others = [pair(str(i), 0.8, 0.8) for i in range(9)]
    found = segment_drops([*others, pair("DE", 0.7, 0.8)], metric="roc_auc")
    assert found[0].words.startswith(
        "country = 'DE': roc_auc 0.7 (0.69 to 0.71, 1,000 rows), baseline 0.8, 0.09"
        " worse than the change of the whole (tolerance 0.02; p"
    )
    assert found[1].words.endswith("within 0.02 of the change of the whole")


def test_nothing_gives_nothing():
    assert segment_drops([], metric="accuracy") == []
    assert better_when("mae") == "lower"
