"""How much of a day's review batch was chosen by chance alone."""

from datetime import date

from monitoring_dagster.spec.sources import Review
from monitoring_dagster.store.monitor import Monitor

REVIEW = "review"
SHARE = "share"  # metadata key: of the requests, chosen at random


def random_share(monitor: Monitor, day: date) -> float:
    """Of the requests of *day*, the share that chance alone chose: what it was when they were
    drawn, else what the spec says now.

    Only these rows stand for all: the least sure ones are the hard ones, and were chosen for that.
    """
    stored = monitor.results.metadata(monitor.name, REVIEW, day) or {}
    return float(stored.get(SHARE, review_of(monitor).share))


def review_of(monitor: Monitor) -> Review:
    """What the spec says about reviews."""
    review = monitor.spec.review
    assert review is not None, "a model without reviews has no review step"
    return review
