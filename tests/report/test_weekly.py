"""A week's digest: what was held back first, then a line for each rule of P3."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import SHOWN_FINDINGS
from monitoring_dagster.report.weekly import HeldBack, weekly_digest
from tests.incidents import standing

MONDAY = date(2026, 3, 2)
DAYS = [MONDAY + timedelta(days=n) for n in range(7)]
AT = datetime(2026, 3, 9, 9, tzinfo=UTC)
DRIFT, LABELS = FindingKind.FEATURE_DRIFT, FindingKind.LATE_LABELS


def found(subject="age", *, kind=DRIFT, day=0, severity=Severity.P3):
    return Finding("credit", DAYS[day], kind, subject, severity, f"{subject} is off", "drift")


def held(words="silenced by ada", *, kind=LABELS, severity=Severity.P1, closed=None):
    closed_on = None if closed is None else DAYS[closed]
    incident = standing(
        "x", day=MONDAY, kind=kind, severity=severity, seen=DAYS[2], closed=closed_on
    )
    return HeldBack(incident, words)


def digest(findings=(), incidents=()):
    return weekly_digest(
        findings, incidents, model="credit", registered_model="credit_risk", owner="team:risk",
        days=DAYS, at=AT,
    )  # fmt: skip


def test_a_rule_is_one_line_with_its_days_and_columns():
    told = digest([found("age"), found("age", day=1), found("income", day=1)])
    assert told.rows == (("feature drift", "3 findings on 2 days: age, income"),)
    assert told.title == "2 March to 8 March: 3 P3 findings, 0 incidents held back"
    assert (told.kind, told.day, told.total, told.at) == (DRIFT, DAYS[1], 1, AT)


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (1, "a"),
        (5, "a, b, c, d, e"),
        (6, "a, b, c, d, e and 1 more"),
        (8, "a, b, c, d, e and 3 more"),
    ],
)
def test_of_many_columns_five_are_named(columns, named):
    told = digest([found(one) for one in "abcdefgh"[:columns]])
    assert told.rows[0][1].endswith(f" on 1 day: {named}")


@pytest.mark.parametrize(
    ("closed", "row"),
    [
        (None, "P1, since 2 March, silenced by ada"),
        (4, "P1, since 2 March until 6 March, silenced by ada"),
    ],
)
def test_an_incident_that_was_held_back_says_by_whom(closed, row):
    told = digest(incidents=[held(closed=closed)])
    assert told.rows == (("late labels", row),)
    assert (told.kind, told.day) == (LABELS, DAYS[2])


def test_what_was_held_back_comes_first_and_then_what_was_frequent():
    told = digest(
        [found(kind=FindingKind.SCHEMA_BREACH), found(), found(day=1)],
        [held(severity=Severity.P2), held(severity=Severity.P0, kind=FindingKind.SLOW_SERVICE)],
    )
    assert [title for title, _ in told.rows] == [
        "slow service", "late labels", "feature drift", "schema breach"
    ]  # fmt: skip


@pytest.mark.parametrize("severity", [Severity.P0, Severity.P1, Severity.P2])
def test_nothing_is_told_where_nothing_is_left_to_tell(severity):
    """What is more urgent had a message of its own."""
    assert digest() is None
    assert digest([found(severity=severity)]) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(FindingKind), st.sampled_from("abcdefgh"), st.integers(0, 6))
    )
)
def test_however_many_there_were_the_numbers_add_up(drawn):
    told = digest([found(subject, kind=kind, day=day) for kind, subject, day in drawn])
    if not drawn:
        assert told is None
        return
    assert f": {len(drawn)} P3 finding" in told.title
    assert told.total == len({kind for kind, _, _ in drawn})
    assert len(told.rows) == min(told.total, SHOWN_FINDINGS)
    counts = [int(words.split()[0]) for _, words in told.rows]
    assert counts == sorted(counts, reverse=True)
