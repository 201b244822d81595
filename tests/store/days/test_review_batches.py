"""Which share of a review batch stands for all requests."""

import pytest

from monitoring_dagster.store.days.review_batches import REVIEW, random_share, review_of
from tests.tiny import DAY, after, keep, monitor_of

ASKED = {
    "further_labels": {"human": {"path": "human/{day}.parquet"}},
    "review": {"share": 0.25},
}


def test_what_was_drawn_with_another_share_keeps_it(tmp_path):
    monitor = monitor_of(tmp_path, **ASKED)
    keep(monitor, REVIEW, share="0.5")
    assert random_share(monitor, DAY) == 0.5
    assert random_share(monitor, after(1)) == 0.25, "not drawn yet: what the spec says now"


def test_a_batch_of_before_shares_were_noted_has_what_the_spec_says(tmp_path):
    monitor = monitor_of(tmp_path, **ASKED)
    keep(monitor, REVIEW)
    assert random_share(monitor, DAY) == review_of(monitor).share == 0.25


def test_a_model_without_reviews_is_never_asked(tmp_path):
    with pytest.raises(AssertionError, match="has no review step"):
        review_of(monitor_of(tmp_path))
