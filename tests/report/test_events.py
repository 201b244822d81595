"""An event carries the most urgent findings along, and outlives the process that wrote it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.report.events import EVENT, SHOWN_FINDINGS, most_urgent
from tests.report.example import NOTE, event, found

words = st.text(st.characters(exclude_categories=["Cs"]))
findings = st.builds(found, words, words, st.sampled_from(Severity))


@given(st.sampled_from(Reason), st.sampled_from(FindingKind), st.lists(findings, max_size=9))
def test_a_turn_of_an_incident_survives_the_ledger(reason, kind, of_day):
    told = event(*of_day, reason=reason, kind=kind)
    assert EVENT.validate_json(EVENT.dump_json(told)) == told


@given(words, st.lists(st.tuples(words, words), max_size=9).map(tuple))
def test_an_announcement_survives_the_ledger(text, rows):
    at = datetime(2026, 1, 8, 6, 30, tzinfo=UTC)
    told = replace(NOTE, title=text, words=text, version=text, rows=rows, total=len(rows), at=at)
    assert EVENT.validate_json(EVENT.dump_json(told)) == told


def test_what_an_event_does_not_say_is_no_more_than_nothing():
    """It is posted, is of today, and shows no rows."""
    assert (event().quietly, event().evidence, event().run_id) == (False, None, None)
    assert (NOTE.rows, NOTE.total, NOTE.dagster_run, NOTE.at) == ((), 0, None, None)


def test_an_incident_of_nothing_but_what_it_must_have_is_read_as_written():
    told = replace(event(), at=None, evidence=date(2026, 1, 4), quietly=True, run_id="4f1c")
    assert EVENT.validate_python(EVENT.dump_python(told, mode="json")) == told


@pytest.mark.parametrize("kind_of_event", ["", "digest", None])
def test_what_is_neither_incident_nor_announcement_is_refused(kind_of_event):
    written = EVENT.dump_python(NOTE, mode="json") | {"type": kind_of_event}
    with pytest.raises(ValidationError, match="'incident', 'announcement'"):
        EVENT.validate_python(written)


def test_the_most_urgent_findings_come_first_then_by_subject():
    given_ = [
        found("b", severity=Severity.P2), found("a", severity=Severity.P2),
        found("z", severity=Severity.P0), found("c", severity=Severity.P1),
    ]  # fmt: skip
    assert [one.subject for one in most_urgent(given_)] == ["z", "c", "a", "b"]


@pytest.mark.parametrize(
    ("count", "carried"),
    [(0, 0), (SHOWN_FINDINGS, SHOWN_FINDINGS), (SHOWN_FINDINGS + 1, SHOWN_FINDINGS)],
)
def test_no_more_are_carried_along_than_a_message_shows(count, carried):
    assert len(most_urgent([found(f"x{n}") for n in range(count)])) == carried


@given(st.lists(findings, max_size=20))
def test_no_finding_that_is_left_out_is_more_urgent_than_one_that_is_told(of_day):
    told = most_urgent(of_day)
    left = list(of_day)
    for one in told:
        left.remove(one)
    assert not left or max(one.severity for one in told) <= min(one.severity for one in left)
