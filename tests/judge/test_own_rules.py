"""A rule of the owner's on a stored signal needs a few lines of YAML, and nothing else."""

from dataclasses import replace

import pytest

from monitoring_dagster.kinds import FindingKind, Severity
from tests.world import LATEST_DAYS, START, attributes, day_after


def with_rules(world, **own):
    rules = attributes()["rules"] | {"own": own}
    return replace(world, spec_changes=world.spec_changes | {"rules": rules})


def findings(world, day):
    found = world.monitor.ledger.findings("tiny", day, day, FindingKind.OWN_RULE)
    return [(one.subject, one.severity, one.words) for one in found]


def lived(world, days=1, *, log=None):
    """Live some days; returns the last."""
    for _ in range(days):
        world.write(world.today, log=log(world.served(world.today)) if log else None)
        world.monitored(world.today)
        world.today = day_after(world.today)
    return day_after(world.today, -1)


def test_a_limit_on_a_number_of_the_service(world):
    rule = {
        "signal": "service.fallback_share",
        "above": 0.2,
        "severity": "P1",
        "first_step": "Ask the feature store.",
    }
    world = with_rules(world, many_fallbacks=rule)
    day = lived(world)
    assert findings(world, day) == []
    day = lived(world, log=lambda log: log.assign(status="fallback", synthetic=False))
    assert findings(world, day) == [
        (
            "many_fallbacks",
            Severity.P1,
            "many_fallbacks: service.fallback_share 1 is above 0.2. First: Ask the feature store.",
        )
    ]


def test_it_clears_as_every_rule_does(world):
    world = with_rules(world, low={"signal": "volume.rows", "above": 250})
    lived(world)
    (incident,) = world.monitor.ledger.open_incidents("tiny")
    assert incident.kind is FindingKind.OWN_RULE
    lived(world, 2, log=lambda log: log.head(200))  # two quiet days, see channels.clear_after_days
    kinds = [one.kind for one in world.monitor.ledger.open_incidents("tiny")]
    assert FindingKind.OWN_RULE not in kinds


def test_a_day_without_the_signal_neither_finds_nor_clears(world):
    world = with_rules(world, low={"signal": "prediction.mean", "subject": "score", "above": 0})
    lived(world)
    for _ in range(3):
        world.write(world.today)
        world.file("predictions", world.today).unlink()
        world.monitored(world.today)
        world.today = day_after(world.today)
    kinds = {one.kind for one in world.monitor.ledger.open_incidents("tiny")}
    assert kinds == {FindingKind.OWN_RULE, FindingKind.MISSING_DAY}


def test_a_quiet_rule_does_not_clear_what_another_one_found(world):
    """The one that fired has no number while files are missing; the other has one every day."""
    world = with_rules(
        world,
        sure={"signal": "prediction.mean", "subject": "score", "above": 0},
        many={"signal": "labels.arrived", "above": 1e9},
    )
    lived(world)
    for _ in range(3):
        world.write(world.today)
        world.file("predictions", world.today).unlink()
        world.monitored(world.today)
        world.today = day_after(world.today)
    kinds = {one.kind for one in world.monitor.ledger.open_incidents("tiny")}
    assert FindingKind.OWN_RULE in kinds


def test_quality_is_judged_as_it_is_known_that_day(world):
    """Its newest day is younger than its labels: the finding names the day that it is about."""
    world = with_rules(world, poor={"signal": "quality.accuracy", "below": 0.999})
    day = lived(world)
    (found,) = world.monitor.ledger.findings("tiny", day, day, FindingKind.OWN_RULE)
    assert found.subject == "poor (version 1)"
    assert found.about == day_after(day, -LATEST_DAYS)
    assert "is below 0.999" in found.words


def test_a_segment_is_named_with_its_value(world):
    rule = {"signal": "prediction.mean", "subject": "score", "segment": "country", "above": 0}
    world = with_rules(world, sure=rule)
    day = lived(world)
    subjects = [subject for subject, _, _ in findings(world, day)]
    countries = sorted(set(world.served(START)["country"]))
    assert subjects == [f"sure (score, version 1, country={one})" for one in countries]


def test_numbers_from_elsewhere_are_signals_too(world):
    (world.root / "complaints.csv").write_text(f"day,value\n{world.today},12\n")
    world = with_rules(world, complaints={"signal": "outside.complaints", "above": 10})
    world = replace(
        world,
        spec_changes=world.spec_changes | {"signals": {"complaints": {"path": "complaints.csv"}}},
    )
    day = lived(world)
    ((subject, _, words),) = findings(world, day)
    assert (subject, words) == ("complaints", "complaints: outside.complaints 12 is above 10")
    day = lived(world)  # of which the file says nothing
    assert findings(world, day) == []


@pytest.mark.parametrize("rerun", [False, True], ids=["once", "and once more"])
def test_a_day_that_is_judged_again_finds_the_same(world, rerun):
    world = with_rules(world, poor={"signal": "quality.accuracy", "below": 0.999, "breaches": 2,
                                        "of_days": 2})  # fmt: skip
    day = lived(world, 2)
    before = findings(world, day)
    if rerun:
        world.monitored(day)
    assert findings(world, day) == before != []
