"""A backfill is told in one message: what is still open first, and how many there were."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.digest import digest_of
from monitoring_dagster.report.events import SHOWN_FINDINGS
from tests.incidents import standing

MONDAY = date(2026, 3, 2)
AT = datetime(2026, 5, 1, 6, tzinfo=UTC)
DAYS = [MONDAY + timedelta(days=n) for n in range(7)]


def after(days):
    return MONDAY + timedelta(days=days)


def incident(name="a", *, kind=FindingKind.FEATURE_DRIFT, severity=Severity.P2, opened=0,
             closed=None, seen=3):  # fmt: skip
    return standing(
        day=after(opened), kind=kind, name=name, severity=severity, seen=after(seen),
        judged=after(6), closed=None if closed is None else after(closed),
    )  # fmt: skip


def cause(words="income: PSI 0.31", about=None):
    kind = FindingKind.FEATURE_DRIFT
    return Finding("credit", after(3), kind, "income", Severity.P2, words, "drift", about)


def digest(*incidents, opened=1, days=DAYS, causes=None):
    return digest_of(
        incidents, model="credit", registered_model="credit_risk", owner="team:risk",
        opened=opened, days=days, causes=causes or {}, at=AT,
    )  # fmt: skip


def test_one_announcement_says_how_many_opened_closed_and_stayed():
    told = digest(incident("a"), incident("b", closed=5), incident("c"), opened=2)
    assert told.title == "backfill of 7 past days: 2 still open of 3 incidents"
    assert told.words == (
        "2 March to 8 March 2026 were judged after the fact: 2 opened, 1 closed, 2 still open."
        " Messages about single incidents of these days were not sent."
    )
    assert (told.model, told.registered_model, told.owner) == ("credit", "credit_risk", "team:risk")
    assert (told.total, told.at) == (3, AT)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        pytest.param([MONDAY], "2 March 2026 was judged", id="one day"),
        pytest.param([after(1), MONDAY], "2 March to 3 March 2026 were", id="in any order"),
        pytest.param([MONDAY, after(30)], "2 March to 1 April 2026 were", id="days apart"),
        pytest.param([date(2025, 12, 31), date(2026, 1, 1)],
                     "31 December 2025 to 1 January 2026 were", id="over the new year"),
    ],
)  # fmt: skip
def test_the_days_are_named_by_their_ends(days, words):
    assert digest(incident(), days=days).words.startswith(words)


def test_one_day_and_one_incident_are_no_days_and_incidents():
    told = digest(incident(closed=1), days=[MONDAY])
    assert told.title == "backfill of 1 past day: 0 still open of 1 incident"


@pytest.mark.parametrize(
    ("closed", "row"),
    [
        pytest.param(None, "P2, open since 2 March: income: PSI 0.31", id="open"),
        pytest.param(3, "P2, 2 March to 5 March, 3 days: income: PSI 0.31", id="closed"),
        pytest.param(1, "P2, 2 March to 3 March, 1 day: income: PSI 0.31", id="after a day"),
        pytest.param(0, "P2, 2 March to 2 March, 0 days: income: PSI 0.31", id="the same day"),
    ],
)
def test_an_incident_is_a_row_with_its_time_and_its_cause(closed, row):
    told = digest(incident(closed=closed), causes={"a": cause()})
    assert told.rows == (("feature drift", row),)


def test_an_incident_whose_cause_nobody_knows_is_told_without_one():
    told = digest(incident(), causes={"other": cause()})
    assert told.rows == (("feature drift", "P2, open since 2 March"),)
    assert told.day == after(3)


def test_what_is_open_comes_first_then_what_is_urgent_then_what_is_old():
    told = digest(
        incident("a", severity=Severity.P0, closed=5, kind=FindingKind.MISSING_DAY),
        incident("b", severity=Severity.P2, opened=1, kind=FindingKind.LATE_LABELS),
        incident("c", severity=Severity.P2, opened=0, kind=FindingKind.SLOW_SERVICE),
        incident("d", severity=Severity.P1, opened=4, kind=FindingKind.PERFORMANCE_DROP),
    )
    assert [title for title, _ in told.rows] == [
        "performance drop", "slow service", "late labels", "missing day",
    ]  # fmt: skip
    assert told.kind is FindingKind.PERFORMANCE_DROP


@pytest.mark.parametrize(
    ("about", "day"),
    [(None, 3), (-1, -1)],
    ids=["the day of its cause", "the day or week that its cause is about"],
)
def test_the_link_leads_to_the_evidence_of_the_first_row(about, day):
    found = cause(about=None if about is None else after(about))
    assert digest(incident(), causes={"a": found}).day == after(day)


@given(
    st.lists(
        st.tuples(st.sampled_from(Severity), st.integers(0, 6), st.none() | st.integers(6, 9)),
        min_size=1,
        max_size=20,
    )
)
def test_however_many_there_were_the_numbers_add_up(drawn):
    incidents = [
        incident(str(n), severity=severity, opened=opened, closed=closed)
        for n, (severity, opened, closed) in enumerate(drawn)
    ]
    told = digest(*incidents, opened=len(incidents))
    still_open = sum(closed is None for _, _, closed in drawn)
    assert f"{still_open} still open of {len(drawn)} incident" in told.title
    assert f"{len(drawn)} opened, {len(drawn) - still_open} closed" in told.words
    assert told.total == len(drawn)
    assert len(told.rows) == min(len(drawn), SHOWN_FINDINGS)
    shown_open = ["open since" in words for _, words in told.rows]
    assert shown_open == sorted(shown_open, reverse=True)
    assert sum(shown_open) == min(still_open, SHOWN_FINDINGS)
