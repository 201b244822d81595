"""Where labels are too few to learn from: what was looked at, and what helps."""

import pytest

from monitoring_dagster.act.retraining.enough_labels import (
    LabelState,
    LearningDay,
    LearningDays,
    TooFewLabels,
    TooManyInvalid,
)
from monitoring_dagster.spec import Retraining
from tests.tiny import DAY, after

KNOWN, WAITING, THIN, UNUSABLE, QUARANTINED = LabelState


def days(*states, rows=100, predictions=100, mature=5, **policy):
    """So many days, oldest first, each in one state."""
    usual = {"trainer": "a:b", "train_days": 4, "holdout_days": 2, "min_labelled_rows": 300}
    found = [
        LearningDay(after(n), state, predictions, rows if state is KNOWN else 0)
        for n, state in enumerate(states)
    ]
    return LearningDays(after(30), tuple(found), Retraining(**(usual | policy)), mature)


def test_what_is_learnt_from_lies_before_the_holdout():
    found = days(KNOWN, THIN, KNOWN, KNOWN, WAITING)
    assert [one.day for one in found.known] == [DAY, after(2), after(3)]
    assert [one.day for one in found.training] == [DAY]
    assert found.training_rows == 100


@pytest.mark.parametrize("known", [0, 1, 2])
def test_what_the_holdout_takes_leaves_nothing_to_learn_from(known):
    assert days(*[KNOWN] * known).training_rows == 0


@pytest.mark.parametrize(
    ("states", "enough_on"),
    [
        pytest.param([KNOWN] * 3 + [WAITING] * 3, after(4 + 5), id="as soon as three are before"),
        pytest.param([KNOWN] * 3 + [WAITING], None, id="one day more is not enough"),
        pytest.param([KNOWN] * 3 + [THIN] * 5, None, id="nothing is on its way"),
        pytest.param([], None, id="nothing was served"),
    ],
)
def test_the_day_on_which_there_will_be_enough(states, enough_on):
    assert days(*states).enough_on() == enough_on


def test_before_any_label_has_matured_each_prediction_is_taken_for_one():
    assert days(*[WAITING] * 5).enough_on() == after(4 + 5)
    assert days(*[WAITING] * 5, predictions=99).enough_on() is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(days(), f"There are no predictions up to {after(30)}", id="none"),
        pytest.param(days(KNOWN), f"1 day with predictions from {DAY} to {DAY}: 1 with mature"
                     " labels", id="one"),
        pytest.param(days(UNUSABLE, KNOWN, THIN, WAITING, KNOWN, QUARANTINED),
                     f"6 days with predictions from {DAY} to {after(5)}: 2 with mature labels,"
                     " 1 waiting for labels, 1 with too few labels, 1 not usable when judged,"
                     " 1 quarantined",
                     id="of every kind"),
    ],
)  # fmt: skip
def test_what_was_looked_at(found, words):
    assert found.words == words


@pytest.mark.parametrize(
    ("found", "way_out"),
    [
        pytest.param(days(KNOWN, rows=74), "About 74 labelled rows a day on train_days 4 never"
                     " reach that: raise retraining.train_days", id="the window is too short"),
        pytest.param(days(*[KNOWN] * 3, *[WAITING] * 3, rows=75),
                     f"Enough will have matured on {after(5 + 5)}; or lower retraining.min",
                     id="rows just enough: time helps"),
        pytest.param(days(KNOWN, THIN), "Labels did not come within labels.mature_after_days: find"
                     " out where they are, or lower labels.min_coverage", id="none came"),
        pytest.param(days(KNOWN), "Wait for more days than the 2 of the holdout",
                     id="too few days"),
    ],
)  # fmt: skip
def test_the_advice_is_one_that_helps(found, way_out):
    assert found.way_out.startswith(way_out)


def test_a_day_in_quarantine_says_why():
    one = LearningDay(DAY, QUARANTINED, 100, 90, "partial day")
    assert one.words == "quarantined: partial day"
    assert LearningDay(DAY, KNOWN, 100, 90).words == "with mature labels"


def counted(*parts):
    """Days of a state, rows and invalid rows each, the oldest first."""
    found = [
        LearningDay(after(n), state, rows, rows, rows=rows, invalid=invalid)
        for n, (state, rows, invalid) in enumerate(parts)
    ]
    policy = Retraining(trainer="a:b", train_days=4, holdout_days=2, max_invalid_share=0.3)
    return LearningDays(after(30), tuple(found), policy, 5)


@pytest.mark.parametrize(
    ("found", "share"),
    [
        pytest.param(counted((KNOWN, 100, 0), (KNOWN, 100, 0)), 0.0, id="all of them are valid"),
        pytest.param(counted((KNOWN, 100, 31), (THIN, 100, 31)), 0.31, id="in the one known day"),
        pytest.param(counted((KNOWN, 69, 0), (QUARANTINED, 62, 9), (KNOWN, 69, 0)), 0.31,
                     id="all rows of a day in quarantine"),
        pytest.param(counted((KNOWN, 100, 0), (UNUSABLE, 0, 0), (KNOWN, 100, 0)), 1 / 3,
                     id="a day that cannot be read has as many as any"),
        pytest.param(counted((QUARANTINED, 100, 0), (KNOWN, 100, 0), (QUARANTINED, 100, 0)), 0.0,
                     id="before and after what is learnt from"),
        pytest.param(counted((QUARANTINED, 100, 100)), 0.0, id="nothing is learnt from"),
        pytest.param(counted((KNOWN, 0, 0)), 0.0, id="days that nobody counted"),
    ],
)  # fmt: skip
def test_the_share_of_invalid_rows(found, share):
    assert found.invalid_share == pytest.approx(share)


def test_what_is_broken_in_too_large_a_part_names_share_limit_and_way_out():
    found = counted((KNOWN, 69, 0), (QUARANTINED, 62, 9), (KNOWN, 69, 0))
    words = str(TooManyInvalid.of(found))
    assert words.startswith("31.0% of the rows of the days to learn from are invalid, as known on")
    assert "(limit 30%)" in words
    assert "2 with mature labels, 1 quarantined. Have the days in quarantine delivered" in words


def test_labels_that_never_came_are_named():
    """Half of the predictions have no label when the wait is over."""
    found = days(*[THIN] * 30)
    words = str(TooFewLabels.on(found, 0, days=0, left_out=""))
    assert f"30 days with predictions from {DAY} to {after(29)}: 30 with too few labels" in words
    assert "find out where they are, or lower labels.min_coverage" in words


def test_days_that_were_never_profiled_are_no_days_without_labels():
    """How many labels they have is seen when they are read."""
    found = days(*[KNOWN] * 20, rows=0, predictions=0, holdout_days=14)
    words = str(TooFewLabels.on(found, 1500, days=6, left_out=""))
    assert "Wait for more days than the 14 of the holdout" in words


def test_the_whole_sentence():
    error = TooFewLabels.on(days(KNOWN), 1200, days=1, left_out="Left out: 2026-03-01 (no file)")
    assert str(error) == (
        f"1,200 labelled rows of 1 day before a holdout of 2 days are too few to train on, as known"
        f" on {after(30)}: at least 300. 1 day with predictions from {DAY} to {DAY}: 1 with mature"
        " labels. Wait for more days than the 2 of the holdout, or lower retraining.holdout_days"
        " or retraining.min_labelled_rows. Left out: 2026-03-01 (no file)"
    )


def test_a_model_that_was_never_judged():
    assert str(TooFewLabels.never_judged("tiny")) == (
        "no day of 'tiny' was judged yet: materialise its verdict first"
    )
