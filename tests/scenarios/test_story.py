"""From healthy days to a retraining and back, as one world lives through it."""

import pandas as pd
import pytest

from monitoring_dagster.kinds import FindingKind, Severity
from tests.world import day_after


def test_thirty_healthy_days_bother_nobody(story):
    """No incident is opened, and no finding is worse than P3."""
    last = day_after(story.changes_on, -1)
    found = story.monitor.ledger.findings("tiny", story.days()[0], last)
    assert [one.words for one in found if one.severity < Severity.P3] == []
    assert [one for one in story.monitor.ledger.incidents() if one.opened_on <= last] == []


def test_a_relationship_that_changes_is_told_once_and_its_end_in_the_same_thread(story):
    """Of concept drift only quality speaks: the columns look as ever."""
    told = [one for one in story.monitor.ledger.incidents() if one.told]
    assert [one.kind for one in told] == [FindingKind.PERFORMANCE_DROP]
    (incident,) = told
    assert incident.severity is Severity.P1
    assert story.changes_on < incident.opened_on <= day_after(story.changes_on, 7)
    assert incident.closed_on is not None
    threads = pd.Series([thread for thread, _ in story.messages()]).value_counts()
    assert sorted(threads) == [3]  # its beginning, what became of the retraining, its end
    first, between, last = (text for _, text in story.messages())
    assert "v2 promoted" in between
    assert first == last == "tiny: performance drop resolved on 9 April after 2 days"


def test_the_challenger_that_learnt_the_change_replaces_the_champion(story):
    (retrained,) = story.retrained
    assert retrained.promoted
    first, second = story.monitor.ledger.promotions("tiny")
    assert (first.version, second.version, second.previous) == ("1", "2", "1")
    assert second.by == "gate"
    assert (second.paired.metric, second.paired.compared_with) == ("log_loss", "1")
    assert 0 < second.paired.low < second.paired.difference < second.paired.high
    assert second.reason == retrained.words["gate"]
    assert "log_loss" in second.reason
    assert "(p = 0.0" in second.reason


def test_the_decision_keeps_what_it_looked_at(story):
    asked, result = story.monitor.ledger.decisions("tiny")
    assert (asked.outcome, result.outcome) == ("retrain", "promoted")
    assert "log_loss worse than tolerated on 4 of the last 5 evaluated days" in asked.words
    broken = [day for day, said in asked.inputs["breaches"].items() if said]
    assert len(broken) == 4
    assert min(broken) == str(story.changes_on)


def test_the_days_after_the_promotion_are_served_by_version_2(story):
    at = story.monitor.ledger.promotions("tiny")[-1].at.date()
    served = {
        day: set(pd.read_parquet(story.file("predictions", day))["model_version"])
        for day in story.days()
    }
    assert {day for day, versions in served.items() if versions == {"2"}} == {
        day for day in story.days() if day >= at
    }


@pytest.mark.parametrize(
    ("days_later", "version", "blame"),
    [
        pytest.param(0, "1", "data", id="version 1 as ever, and the data meant the opposite"),
        pytest.param(9, "2", "version", id="version 2 promised another value, and keeps it"),
    ],
)
def test_attribution_tells_the_data_from_the_version(story, days_later, version, blame):
    day = day_after(story.changes_on, days_later)
    (row,) = story.monitor.results.read("tiny", "attribution", day).to_pylist()
    assert row["version"] == version
    before = row["baseline"] - row["version_effect"]  # what was promised before
    assert row["estimate"] - before == pytest.approx(row["version_effect"] + row["data_effect"])
    if blame == "data":
        assert row["version_effect"] == 0
        assert row["data_effect"] > 1
    else:
        assert row["version_effect"] != 0
        assert abs(row["data_effect"]) < 0.2
