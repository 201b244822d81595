from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import advance, repaired
from monitoring_dagster.kinds import FindingKind, Reason, Severity

FIRST_DAY = date(2026, 1, 1)
KIND = FindingKind.FEATURE_DRIFT


def found(subject, day, severity=Severity.P2):
    return Finding("credit", day, KIND, subject, severity, f"{subject} drifts", "drift")


def lived(*days, remind_every_days=7, clear_after_days=3):
    """Judge one day after another; a day is ``"income age"``, ``"income:P1"`` or ``""``."""
    incident, reasons = None, []
    for number, words in enumerate(days):
        day = FIRST_DAY + timedelta(days=number)
        findings = []
        for word in words.split():
            subject, _, severity = word.partition(":")
            findings.append(found(subject, day, Severity(severity or "P2")))
        incident, reason = advance(
            incident,
            findings,
            day=day,
            remind_every_days=remind_every_days,
            clear_after_days=clear_after_days,
        )
        reasons.append(reason)
    return incident, reasons


SAME = ["income"] * 7


@pytest.mark.parametrize(
    ("days", "last_reason"),
    [
        pytest.param([""], None, id="silence about nothing"),
        pytest.param(["income"], Reason.FIRST, id="the first finding is announced"),
        pytest.param(["income", "income"], None, id="the same finding is not repeated at once"),
        pytest.param(["income age", "income"], None, id="fewer findings are not news"),
        pytest.param(["income", "income age"], Reason.WORSE, id="a new subject is news"),
        pytest.param(["income", "age"], Reason.WORSE, id="a swap is news"),
        pytest.param(["income age", "income", "age"], None, id="a subject that returns is not"),
        pytest.param(["income:P2", "income:P1"], Reason.WORSE, id="a rise in urgency is news"),
        pytest.param(["income:P1", "income:P2"], None, id="a fall in urgency is not"),
        pytest.param(["income:P1", "income:P2", "income:P1"], None, id="nor is its return"),
        pytest.param(["income:P3"], None, id="P3 waits for the report"),
        pytest.param(["income:P3", "income:P2"], Reason.FIRST, id="until it is no P3 any more"),
        pytest.param(["income", "income age:P3"], None, id="a P3 that joins is not news"),
        pytest.param(["income", "income age:P3", "age:P2"], Reason.WORSE, id="until it is more"),
        pytest.param([*SAME], None, id="six days later nobody is reminded"),
        pytest.param([*SAME, "income"], Reason.REMINDER, id="on the seventh day they are"),
        pytest.param([*SAME, ""], None, id="but not on a quiet day"),
        pytest.param([*SAME, "income", "income"], None, id="and once is enough"),
        pytest.param(["income", "", ""], None, id="two quiet days end nothing"),
        pytest.param(["income", "", "", ""], Reason.RESOLVED, id="the third one does"),
        pytest.param(["income", "", "", "", ""], None, id="and only once"),
        pytest.param(["income", "", "", "income", "", ""], None, id="a finding starts the count"),
        pytest.param(["income", "", "", "", "income"], Reason.FIRST, id="a relapse is a first"),
        pytest.param(["income:P3", "", "", ""], None, id="what was not told needs no end"),
    ],
)
def test_what_people_hear_on_the_last_day(days, last_reason):
    assert lived(*days)[1][-1] is last_reason


def test_an_old_day_judged_again_is_not_told():
    """Late labels make old days speak; the incident has moved on."""
    incident, _ = lived("income", "income", "income")
    later = advance(
        incident,
        [found("age", FIRST_DAY, Severity.P0)],
        day=FIRST_DAY,
        remind_every_days=1,
        clear_after_days=1,
    )
    assert later == (incident, None)


def test_an_incident_remembers_what_it_saw():
    incident, _ = lived("income age:P1", "income", "")
    assert incident.severity is Severity.P1
    assert incident.firing == frozenset()
    assert incident.seen == {"credit/feature_drift/income", "credit/feature_drift/age"}
    assert (incident.opened_on, incident.last_seen) == (FIRST_DAY, date(2026, 1, 2))
    assert incident.closed_on is None


def test_a_relapse_is_another_incident():
    before, _ = lived("income", "", "", "")
    after, _ = lived("income", "", "", "", "income")
    assert before.closed_on == date(2026, 1, 4)
    assert before.id != after.id


def test_a_day_that_was_only_briefly_wrong_does_not_end_its_own_incident():
    """Or the incident that opens on the same day again would take its identity."""
    incident, _ = lived("income", clear_after_days=1)
    again = advance(incident, [], day=FIRST_DAY, remind_every_days=7, clear_after_days=1)
    assert again[0].closed_on is None
    assert again[1] is None


DAYS = st.lists(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(list(Severity))),
        unique_by=lambda pair: pair[0],
        max_size=3,
    ),
    max_size=25,
)
RULES = st.fixed_dictionaries(
    {"remind_every_days": st.integers(1, 5), "clear_after_days": st.integers(1, 4)}
)


@given(days=DAYS, rules=RULES)
def test_every_told_incident_begins_with_first_and_ends_with_resolved(days, rules):
    incident, thread = None, []
    for number, pairs in enumerate(days):
        day = FIRST_DAY + timedelta(days=number)
        incident, reason = advance(
            incident, [found(s, day, severity) for s, severity in pairs], day=day, **rules
        )
        if reason is Reason.FIRST:
            assert thread in ([], [Reason.RESOLVED])
            assert incident.told.seq == 0
            thread = []
        if reason is not None:
            assert reason is Reason.FIRST or thread[0] is not Reason.RESOLVED
            thread.append(reason)
            assert incident.told.seq == len(thread) - 1
        if reason is Reason.RESOLVED:
            thread = [Reason.RESOLVED]
        loud = [severity for _, severity in pairs if severity < Severity.P3]
        assert not loud or incident.told, "nobody was told of something loud"
        if incident is not None and incident.told and incident.closed_on is None:
            assert thread
            assert thread[0] is Reason.FIRST


@given(days=DAYS, rules=RULES)
def test_the_same_day_twice_changes_nothing(days, rules):
    incident = None
    for number, pairs in enumerate(days):
        day = FIRST_DAY + timedelta(days=number)
        findings = [found(s, day, severity) for s, severity in pairs]
        incident, _ = advance(incident, findings, day=day, **rules)
        assert advance(incident, findings, day=day, **rules) == (incident, None)


@given(days=DAYS, rules=RULES)
def test_an_open_incident_has_been_quiet_for_less_than_it_takes(days, rules):
    incident = None
    for number, pairs in enumerate(days):
        day = FIRST_DAY + timedelta(days=number)
        findings = [found(s, day, severity) for s, severity in pairs]
        incident, _ = advance(incident, findings, day=day, **rules)
        if incident is not None:
            is_open = incident.closed_on is None
            assert is_open == (incident.quiet_days < rules["clear_after_days"])
            assert incident.firing <= incident.seen


def test_a_repaired_day_ends_its_incident_and_is_told_anew_when_it_breaks_again():
    rules = {"remind_every_days": 7, "clear_after_days": 3}
    missing = [found("file", FIRST_DAY)]
    incident, first = advance(None, missing, day=FIRST_DAY, **rules)
    closed, over = repaired(incident, day=FIRST_DAY)
    assert (first, over) == (Reason.FIRST, Reason.RESOLVED)
    assert (closed.closed_on, closed.firing) == (FIRST_DAY, frozenset())
    assert advance(closed, [], day=FIRST_DAY, **rules) == (closed, None)
    again, reason = advance(closed, missing, day=FIRST_DAY, **rules)
    assert (again.id, again.closed_on, reason) == (incident.id, None, Reason.FIRST)
    assert [one.told.seq for one in (incident, closed, again)] == [0, 1, 2]


def test_what_was_never_told_ends_without_a_word():
    quiet = [found("file", FIRST_DAY, Severity.P3)]
    incident, _ = advance(None, quiet, day=FIRST_DAY, remind_every_days=7, clear_after_days=3)
    assert repaired(incident, day=FIRST_DAY)[1] is None
