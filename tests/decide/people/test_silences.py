"""A silence holds for what all of its matchers match, from its beginning to its end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitoring_dagster.decide.people.silences import Silence, silence_of
from monitoring_dagster.spec.matchers import Matcher

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
LABELS = {"model": "credit", "kind": "feature_drift", "severity": "P2", "owner": "team:risk"}


def silence(*matchers, number=1, hours=4, comment=""):
    return Silence(
        number, tuple(map(Matcher.parsed, matchers)), NOON, NOON + timedelta(hours=hours), "ada",
        comment,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("minutes", "holds"),
    [
        pytest.param(-1, False, id="before"),
        pytest.param(0, True, id="at the beginning"),
        pytest.param(239, True, id="just before the end"),
        pytest.param(240, False, id="at the end"),
    ],
)
def test_it_holds_from_its_beginning_to_its_end(minutes, holds):
    assert silence("model=credit").holds(LABELS, now=NOON + timedelta(minutes=minutes)) is holds


def test_all_matchers_must_match():
    assert silence("model=credit", "severity=P2").holds(LABELS, now=NOON)
    assert not silence("model=credit", "severity=P1").holds(LABELS, now=NOON)


def test_of_several_the_one_that_ends_last_counts():
    """What it says is until when nothing comes."""
    short, long_ = silence("model=credit"), silence("kind=feature_drift", number=2, hours=9)
    other = silence("model=churn", number=3, hours=99)
    assert silence_of([short, long_, other], [LABELS], now=NOON) is long_
    assert silence_of([other], [LABELS], now=NOON) is None


def test_an_incident_is_silenced_only_where_each_of_its_rules_is():
    drift, drop = silence("kind=feature_drift", hours=9), silence("kind=performance_drop")
    signs = [LABELS, LABELS | {"kind": "performance_drop"}]
    assert silence_of([drift], signs, now=NOON) is None
    assert silence_of([drift, drop], signs, now=NOON) is drop, "it speaks as soon as one may"
    assert silence_of([drift], [], now=NOON) is None


def test_it_says_by_whom_and_why():
    said = replace(silence("model=credit"), comment="the feed moves").words
    assert said == "silenced by ada until 2026-01-06 16:00 UTC: the feed moves"
