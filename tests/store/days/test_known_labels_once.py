"""Labels of a prediction day are those of the arrival days that say anything of it."""

import json
from datetime import date, timedelta

import pytest

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days import known_labels
from monitoring_dagster.store.days.known_labels import ACCOUNT, BY_DAY, account_of, known_outcomes
from tests.world import START, World

ALL = Group("1")


@pytest.fixture
def monitor(tmp_path):
    return World(tmp_path).monitor


def on(number):
    return START + timedelta(days=number)


def arrive(monitor, arrival, served, *, account=None):
    """Labels that say 1 of one prediction of each of the days *served*."""
    said = {(day, ALL): Outcomes("binary", {("1", "1"): 1}) for day in served}
    if account is None:
        account = {BY_DAY: {str(day): 1 for day in served}}
    notes = {ACCOUNT: json.dumps(account)}
    monitor.results.write("tiny", "outcomes", arrival, outcomes_to_table(said), metadata=notes)


def labels(monitor, day, *, as_of):
    found = known_outcomes(monitor, day, as_of=as_of)
    return found[ALL].n if found else 0


def test_arrival_days_that_say_nothing_of_a_day_are_not_decoded(monitor, monkeypatch):
    """Most of the weeks in which labels may come bring none of a certain day."""
    arrive(monitor, on(1), [on(0)])
    arrive(monitor, on(2), [on(1)])
    arrive(monitor, on(3), [on(0), on(1)])
    opened = []
    stored = known_labels._stored
    monkeypatch.setattr(
        known_labels,
        "_stored",
        lambda monitor, step, arrival: opened.append(arrival) or stored(monitor, step, arrival),
    )
    assert labels(monitor, on(0), as_of=on(5)) == 2
    assert opened == [on(1), on(3)]


def test_a_day_whose_account_says_nothing_of_days_is_looked_at(monitor):
    arrive(monitor, on(1), [on(0)], account={"rows": 1})
    assert labels(monitor, on(0), as_of=on(5)) == 1


def test_an_arrival_day_that_is_written_anew_is_read_anew(monitor):
    """Its account, too, however often both were read before."""
    arrive(monitor, on(1), [on(1)])
    assert labels(monitor, on(0), as_of=on(5)) == 0
    arrive(monitor, on(1), [on(0)])
    assert labels(monitor, on(0), as_of=on(5)) == 1
    assert account_of(monitor, on(1)) == {BY_DAY: {str(on(0)): 1}}


def test_what_a_reader_does_to_an_account_is_no_matter_of_the_next(monitor):
    arrive(monitor, on(1), [on(0)])
    account_of(monitor, on(1)).clear()
    assert account_of(monitor, on(1)) == {BY_DAY: {str(on(0)): 1}}


def test_a_day_without_an_account_is_an_empty_one(monitor):
    assert account_of(monitor, date(2020, 1, 1)) == {}
