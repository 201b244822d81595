"""Labels of a day as known on any later one: what came, what was decided, and from when on."""

import json
from datetime import date

import pyarrow as pa
import pytest

from monitoring_dagster.spec.model import NoLabels
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days import known_labels
from monitoring_dagster.store.days.known_labels import (
    ACCOUNT,
    BY_DAY,
    DECIDED,
    DECISIONS,
    OUTCOMES,
    account_of,
    decided_on,
    decision_days,
    known_outcomes,
    labels_on,
    outcomes_by_day,
    step_of,
)
from tests.tiny import DAY, after, keep, monitor_of

ALL, FRENCH = Group("1"), Group("1", "country", "FR")


def ones(n):
    """So many rows that were 1, and were said to be."""
    return Outcomes.of("binary", label=[1] * n, prediction=[1] * n, score=[0.9] * n)


def arrived(monitor, lag, found, *, step=OUTCOMES, account=None):
    """Store what arrived so many days after DAY: by prediction day and group."""
    notes = {ACCOUNT: account} if account is not None else {}
    keep(monitor, step, after(lag), rows=outcomes_to_table(found), **notes)


@pytest.fixture
def monitor(tmp_path):
    """Labels are waited for five days, and expire after ten."""
    return monitor_of(tmp_path, further_labels={"human": {"path": "human/{day}.parquet"}})


def known(monitor, as_of, **asked):
    return {
        group: one.n for group, one in known_outcomes(monitor, DAY, as_of=as_of, **asked).items()
    }


@pytest.mark.parametrize(
    ("lag", "as_of", "rows"),
    [
        pytest.param(0, 0, 1, id="on the day itself"),
        pytest.param(3, 2, 0, id="the day before it came"),
        pytest.param(3, 3, 1, id="the day on which it came"),
        pytest.param(10, 99, 1, id="on the last day on which it is accepted"),
        pytest.param(11, 99, 0, id="the day after"),
    ],
)
def test_a_label_counts_from_the_day_on_which_it_came(monitor, lag, as_of, rows):
    arrived(monitor, lag, {(DAY, ALL): ones(1)})
    assert known(monitor, after(as_of)).get(ALL, 0) == rows


def test_what_came_on_several_days_is_added_by_group(monitor):
    arrived(monitor, 0, {(DAY, ALL): ones(2), (DAY, FRENCH): ones(1)})
    arrived(monitor, 1, {(DAY, ALL): ones(3), (after(1), ALL): ones(7)})
    assert known(monitor, after(1)) == {ALL: 5, FRENCH: 1}


def test_what_is_decided_later_than_labels_are_accepted_counts_all_the_same(monitor):
    arrived(monitor, 0, {(DAY, ALL): ones(2)})
    arrived(monitor, 30, {(DAY, ALL): -ones(1)}, step=DECISIONS)
    assert known(monitor, after(29)) == {ALL: 2}
    assert known(monitor, after(30)) == {ALL: 1}


def test_a_second_opinion_is_a_series_of_its_own_that_nobody_discards(monitor):
    arrived(monitor, 0, {(DAY, ALL): ones(2)})
    arrived(monitor, 0, {(DAY, ALL): ones(5)}, step="outcomes_human")
    arrived(monitor, 1, {(DAY, ALL): -ones(1)}, step=DECISIONS)
    assert known(monitor, after(9)) == {ALL: 1}
    assert known(monitor, after(9), source="human") == {ALL: 5}
    assert (step_of(None), step_of("human")) == ("outcomes", "outcomes_human")


def test_a_source_that_nobody_declared_is_named_with_the_nearest(monitor):
    with pytest.raises(NoLabels, match=r"called 'humans'\. Did you mean 'human'"):
        known(monitor, DAY, source="humans")


def test_a_file_that_is_written_anew_is_read_anew(monitor):
    arrived(monitor, 0, {(DAY, ALL): ones(2)})
    assert known(monitor, DAY) == {ALL: 2}
    arrived(monitor, 0, {(DAY, ALL): ones(3)})
    assert known(monitor, DAY) == {ALL: 3}


def test_what_is_kept_in_memory_is_bounded(monitor, monkeypatch):
    """And what is not kept is read again."""
    for lag in range(3):
        arrived(monitor, lag, {(DAY, ALL): ones(1)})
    known_labels._kept.clear()
    assert known(monitor, after(2)) == {ALL: 3}
    size = max(bytes_ for _, bytes_ in known_labels._kept.values())
    monkeypatch.setattr(known_labels, "_MAX_KEPT_BYTES", size)
    known_labels._kept.clear()
    assert known(monitor, after(2)) == {ALL: 3}
    assert len(known_labels._kept) == 1


@pytest.mark.parametrize("as_of", [0, 1, 4, 10, 11, 30])
def test_many_days_at_once_say_what_each_says_alone(monitor, as_of):
    for lag in (0, 1, 4, 10):
        arrived(
            monitor, lag, {(after(n), ALL): ones(lag + n + 1) for n in (-9, 0, 1, 2) if n <= lag}
        )
    arrived(monitor, 11, {(DAY, ALL): -ones(1)}, step=DECISIONS)
    found = outcomes_by_day(monitor, DAY, after(1), as_of=after(as_of))
    alone = {
        day: known_outcomes(monitor, day, as_of=after(as_of))
        for day in (DAY, after(1))
        if day <= after(as_of)
    }
    assert {day: {g: one.n for g, one in of.items()} for day, of in found.items()} == {
        day: {g: one.n for g, one in of.items()} for day, of in alone.items() if of
    }


def test_of_many_days_only_what_is_asked_for_is_decoded(monitor):
    arrived(monitor, 0, {(DAY, ALL): ones(2), (DAY, FRENCH): ones(1)})
    (of_day,) = outcomes_by_day(monitor, DAY, DAY, as_of=DAY, segment="country").values()
    assert set(of_day) == {FRENCH}
    (of_day,) = outcomes_by_day(monitor, DAY, DAY, as_of=DAY, segment="", scores=False).values()
    assert set(of_day) == {ALL}
    assert (of_day[ALL].n, of_day[ALL].scores) == (2, {})


def test_the_account_of_a_day_is_with_what_was_decided_on_it(monitor):
    other = str(after(-1))
    arrived(monitor, 0, {}, account={"rows": 3, BY_DAY: {str(DAY): 2, other: -1}})
    arrived(monitor, 0, {}, step=DECISIONS, account={"discarded": 1, DECIDED: {str(DAY): -1}})
    assert account_of(monitor, DAY)["rows"] == 3
    assert account_of(monitor, DAY)["discarded"] == 1
    assert account_of(monitor, DAY, source="human") == {}
    assert labels_on(monitor, DAY) == 1
    assert labels_on(monitor, after(1)) == 0


def test_the_days_on_which_somebody_decided_about_a_day(monitor):
    for lag, served in ((1, DAY), (2, after(1)), (3, DAY)):
        account = {DECIDED: {str(served): -1}}
        arrived(monitor, lag, {}, step=DECISIONS, account=account)
    assert decision_days(monitor, DAY, as_of=after(3)) == [after(1), after(3)]
    assert decision_days(monitor, DAY, as_of=after(2)) == [after(1)]
    assert decided_on(monitor, after(2)) == {DECIDED: {str(after(1)): -1}}
    assert decided_on(monitor, DAY) == {}


def test_results_of_before_accounts_were_kept_have_none(monitor):
    monitor.results.write("tiny", OUTCOMES, date(2026, 3, 2), pa.table({}))
    assert account_of(monitor, DAY) == json.loads("{}")
