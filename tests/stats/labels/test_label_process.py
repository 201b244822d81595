"""A labelling that changed is told; days that differ as days do are not."""

import numpy as np
import pytest

from monitoring_dagster.stats.labels.label_process import (
    LabelAspect,
    LabelDays,
    UnequalDays,
    label_process,
)


def days(rng, count, size, *, share=0.3, sway=0.0, beyond=0.0, unclear=0.05, hands=(5, 3, 2)):
    """Days that differ by *sway* and by who works; labels lie *beyond* what scores say."""
    rows = rng.poisson(size, count) + 1
    p = np.clip(share + sway * rng.normal(size=count), 0.01, 0.9)
    by = np.array([rng.multinomial(n, rng.dirichlet(10 * np.array(hands))) for n in rows])
    return LabelDays.of(
        rows=rows,
        ones=rng.binomial(rows, p + beyond),
        expected=rows * p,
        ambiguous=rng.binomial(rows, unclear * rng.gamma(16, 1 / 16, count)),
        annotators={name: by[:, i] for i, name in enumerate(("ann", "bob", "cyd"))},
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param((30, 2_000), (1, 2_000), id="a month and a day"),
        pytest.param((14, 300), (7, 300), id="two weeks and one"),
        pytest.param((60, 30), (1, 30), id="few labels"),
        pytest.param((5, 2_000), (3, 200), id="few days, of other size"),
    ],
)
@pytest.mark.parametrize("sway", [0.0, 0.05], ids=["even days", "days that sway"])
def test_without_a_change_at_most_one_look_in_twenty_alarms(before, now, sway):
    rng = np.random.default_rng(1)
    runs = 200
    alarms = sum(
        any(
            change.alarm
            for change in label_process(days(rng, *before, sway=sway), days(rng, *now, sway=sway))
        )
        for _ in range(runs)
    )
    assert alarms <= 0.05 * runs + 2.6 * np.sqrt(0.05 * 0.95 * runs)


@pytest.mark.parametrize(
    ("size", "size_now"), [(1_000, 1_000), (100, 5_000)], ids=["as large", "far larger days now"]
)
def test_days_that_sway_without_scores_to_explain_it_do_not_alarm(size, size_now):
    """Three days in a row are few, if each has its own base rate."""
    rng = np.random.default_rng(2)

    def bare(count, rows):
        ones = rng.binomial(rows, rng.beta(30, 70, count))
        return LabelDays.of(rows=np.full(count, rows), ones=ones)

    alarms = [label_process(bare(30, size), bare(3, size_now))[0].alarm for _ in range(200)]
    assert np.mean(alarms) <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize(
    ("aspect", "change", "at_least"),
    [
        pytest.param(LabelAspect.BASE_RATE, {"beyond": 0.05}, 95, id="5 points more ones"),
        pytest.param(LabelAspect.BASE_RATE, {"beyond": -0.05}, 95, id="5 points fewer ones"),
        pytest.param(LabelAspect.ANNOTATORS, {"hands": (1, 3, 6)}, 95, id="other hands"),
        pytest.param(LabelAspect.AMBIGUOUS, {"unclear": 0.15}, 95, id="three times as unclear"),
    ],
)
def test_a_change_is_found_with_2000_labels_of_a_week(aspect, change, at_least):
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(100):
        looks = label_process(days(rng, 30, 2_000), days(rng, 7, 2_000 / 7, **change))
        (look,) = (look for look in looks if look.aspect is aspect)
        found += look.alarm
    assert found >= at_least


def test_rows_that_changed_explain_a_base_rate_that_did():
    rng = np.random.default_rng(4)
    before, now = days(rng, 30, 500), days(rng, 7, 500, share=0.5)
    assert not label_process(before, now)[0].alarm
    unexplained = LabelDays.of(rows=now.rows, ones=now.ones)
    assert label_process(before, unexplained)[0].alarm


def test_half_a_point_of_many_labels_is_real_but_small():
    rng = np.random.default_rng(5)
    look, *_ = label_process(days(rng, 30, 1e6), days(rng, 30, 1e6, beyond=0.005))
    assert look.p_value < 1e-6
    assert not look.alarm
    assert look.words.startswith("real but small: labels say 1 in 30.5%")


def test_the_words_hold_the_numbers_and_both_explanations():
    rng = np.random.default_rng(6)
    look, _, hands = label_process(
        days(rng, 30, 2_000), days(rng, 7, 2_000, beyond=0.05, hands=(1, 3, 6))
    )
    assert "labels say 1 in 35." in look.words
    assert "scores say 30." in look.words
    assert "the world or the labels changed" in look.words
    assert "annotator 'ann' labels" in hands.words or "annotator 'cyd' labels" in hands.words


def test_only_what_both_sides_tell_of_is_looked_at():
    rng = np.random.default_rng(7)
    full = days(rng, 9, 100)
    bare = LabelDays.of(rows=full.rows, ones=full.ones)
    assert [look.aspect for look in label_process(full, full)] == list(LabelAspect)
    assert [look.aspect for look in label_process(full, bare)] == [LabelAspect.BASE_RATE]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(([], []), ([9], [3]), id="nothing before"),
        pytest.param(([9], [3]), ([0], [0]), id="nothing now"),
        pytest.param(([1000], [300]), ([1000], [500]), id="one day each: how do days differ?"),
        pytest.param(([9, 9], [0, 0]), ([9], [0]), id="no ones at all"),
        pytest.param(([9, 9], [9, 9]), ([9], [9]), id="ones alone"),
    ],
)
def test_where_nothing_can_be_said_nothing_is(before, now):
    sides = [
        LabelDays.of(rows=rows, ones=ones, ambiguous=rows, annotators={"ann": rows, "bob": ones})
        for rows, ones in (before, now)
    ]
    for look in label_process(*sides):
        assert (look.p_value, look.alarm) == (1.0, False)


def test_days_without_labels_change_nothing():
    rng = np.random.default_rng(8)
    before, now = days(rng, 9, 100), days(rng, 9, 100, beyond=0.1)
    padded = LabelDays.of(
        rows=[0, *now.rows], ones=[0, *now.ones], expected=[0, *now.expected],
        ambiguous=[0, *now.ambiguous],
        annotators={name: [0, *by] for name, by in now.annotators.items()},
    )  # fmt: skip
    assert label_process(before, padded) == label_process(before, now)


def test_series_of_unequal_days_are_refused():
    with pytest.raises(UnequalDays, match="ones has 1 days where rows has 2"):
        LabelDays.of(rows=[5, 5], ones=[1])
