"""From healthy days to a retraining and back, as one world lives through it."""

import pandas as pd
import pytest

from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.attribution.attribution import attributed
from monitoring_dagster.measure.attribution.world_or_model import world_or_model
from tests.world import FEATURES, day_after


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


def attribution(story, days_later):
    """The signals about all rows of versions, by name, and the version if they name one."""
    day, monitor = day_after(story.changes_on, days_later), story.monitor
    found = attributed(monitor, day, as_of=max(story.days()))
    within = [
        one
        for version in found.windows.versions()
        for one in world_or_model(monitor, found.windows, version)
    ]
    return {
        (one.name.partition(".")[2], one.version): one
        for one in (*found.signals, *within)
        if one.subject not in ("country", *FEATURES)
    }


def test_attribution_finds_that_the_relation_changed_and_no_version_did(story):
    found = attribution(story, 3)
    change = found["change", ""]
    assert change.low > 0, "worse"
    assert found["within", ""].value == pytest.approx(change.value, abs=1e-12)
    assert found["relation", "1"].low > 0
    assert found["relation", "1"].value > 0.9 * found["change", "1"].value
    assert found["inputs", "1"].low <= 0 <= found["inputs", "1"].high


def test_attribution_gives_the_new_version_what_the_gate_saw(story):
    found = attribution(story, 9)
    effect, (_, second) = found["version_effect", "2"], story.monitor.ledger.promotions("tiny")
    assert effect.high < 0, "better"
    assert effect.effect == -second.paired.difference
    assert "of the gate that promoted it" in effect.reason
