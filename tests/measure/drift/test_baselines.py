"""What a day is compared with: every baseline from stored profiles, named in the result."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring_dagster.decide.judging.drift_rules import drift_findings
from monitoring_dagster.measure import contract
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.drift.baselines import compared_with
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.profiles import profiles_of
from monitoring_dagster.store.days.signals import StoredSignals
from monitoring_dagster.store.references.version_reference import folder_of, reference_of
from monitoring_dagster.views.backtest import backtest
from tests.world import START, day_after

BASELINES = [
    {"kind": "training"},
    {"kind": "rolling", "days": 5},
    {"kind": "same_weekday", "days": 7},
    {"kind": "frozen", "days": 5},
]
DAYS = [day_after(START, n) for n in range(9)]
SHIFTED = DAYS[6]  # from here on everybody earns more


@pytest.fixture(scope="module")
def lived(founded, tmp_path_factory):
    """Nine days, of which the last three are shifted, against four baselines."""
    world = founded.copied_to(tmp_path_factory.mktemp("baselines"))
    world = replace(world, spec_changes={"rules": {"drift": {"baselines": BASELINES}}})
    for day in DAYS:
        log = world.served(day)
        shift = 20 if day >= SHIFTED else 0
        world.write(day, log=log.assign(income=log["income"] + shift))
        profile.run(world.monitor, day)
        drift.run(world.monitor, day)
    return world


def income(world, day):
    rows = world.monitor.results.read("tiny", DRIFT, day).to_pylist()
    return {
        row["baseline"].partition(" (")[0]: row
        for row in rows
        if row["column"] == "income" and not row["segment"]
    }


def compared(world, day):
    reference = reference_of(world.monitor, "1")
    return {
        one.label.partition(" (")[0]: one
        for one in compared_with(world.monitor, reference, [day])[day]
    }


def test_every_baseline_is_judged_and_named(lived):
    assert set(income(lived, SHIFTED)) == {
        "training", "rolling, 5 days", "same weekday, 7 days", "frozen, 5 days",
    }  # fmt: skip
    verdicts = {name: row["verdict"] for name, row in income(lived, SHIFTED).items()}
    assert verdicts.pop("same weekday, 7 days") == "INSUFFICIENT"  # there was no such week yet
    assert set(verdicts.values()) == {"DRIFT"}


def test_a_rolling_window_gets_used_to_what_lasts(lived):
    """Two shifted days among five: the window is drawn after them, the training data are not."""
    first, third = income(lived, SHIFTED), income(lived, DAYS[8])
    rolling = "rolling, 5 days"
    assert third[rolling]["effect"] < 0.8 * first[rolling]["effect"]
    assert third["training"]["effect"] == pytest.approx(first["training"]["effect"], abs=0.1)


def test_a_window_holds_the_days_before_and_never_the_day_itself(lived):
    rows = [profiles_of(lived.monitor, day)[Group("1")].rows for day in DAYS]
    window = compared(lived, DAYS[6])["rolling, 5 days"].profiles
    assert window[Group("1")].rows == sum(rows[1:6])
    week = compared(lived, DAYS[8])["same weekday, 7 days"].profiles
    assert week[Group("1")].rows == rows[1]
    assert week[Group("1", "country", "DE")].rows < rows[1]


def test_a_day_in_quarantine_is_part_of_no_window(lived, tmp_path):
    world = replace(lived.copied_to(tmp_path), spec_changes=lived.spec_changes)
    before = compared(world, DAYS[6])["rolling, 5 days"].profiles[Group("1")].rows
    bad = DAYS[3]
    log = world.served(bad)
    world.write(bad, log=log.assign(score=100 * log["score"]))
    contract.run(world.monitor, bad)
    after = compared(world, DAYS[6])["rolling, 5 days"].profiles[Group("1")].rows
    assert after == before - profiles_of(world.monitor, bad)[Group("1")].rows


def test_before_a_window_has_days_there_is_no_verdict_and_it_says_so(lived):
    row = income(lived, START)["rolling, 5 days"]
    assert (row["verdict"], row["reason"]) == ("INSUFFICIENT", "the reference has no rows")
    assert "frozen, 5 days, not over yet" in income(lived, DAYS[2])


def test_a_frozen_window_never_changes(lived, tmp_path):
    """Its digest names its bytes; rows that arrive later for its days change nothing."""
    world = lived.copied_to(tmp_path)
    world = replace(world, spec_changes=lived.spec_changes)
    before = next(one for one in income_labels(world, DAYS[8]) if one.startswith("frozen"))
    assert len(before.partition("(")[2]) == 9  # eight digits and the bracket
    world.write(DAYS[1], log=world.served(DAYS[1]).head(20))
    profile.run(world.monitor, DAYS[1])
    drift.run(world.monitor, DAYS[8])
    after = next(one for one in income_labels(world, DAYS[8]) if one.startswith("frozen"))
    assert after == before
    (folder_of(world.monitor, "1") / "frozen_5.parquet").unlink()
    drift.run(world.monitor, DAYS[8])
    assert before not in income_labels(world, DAYS[8])  # only now it is made anew


def income_labels(world, day):
    return {row["baseline"] for row in world.monitor.results.read("tiny", "drift", day).to_pylist()}


def test_a_finding_names_the_baseline_where_there_are_several(lived):
    """Of those against which it drifted the one from which it moved furthest, then the others."""
    at_once = {"alerts": {"feature_drift": {"breaches": 1, "of_days": 1}}}
    changes = {"rules": {**lived.spec_changes["rules"], **at_once}}
    monitor = replace(lived, spec_changes=changes).monitor
    log, traffic = StoredSignals(monitor, SHIFTED), traffic_on(monitor, SHIFTED)
    told = drift_findings(monitor.spec, SHIFTED, log.on(SHIFTED), log, traffic, [])
    (found,) = [one for one in told if one.subject == "income"]
    rows = income(lived, SHIFTED).values()
    furthest, *others = sorted(rows, key=lambda row: -row["effect"])
    assert found.words.startswith(f"income of version 1 against {furthest['baseline']}: ")
    for row in others:
        how = "also" if row["verdict"] == "DRIFT" else "not"
        said = f"{how} against {row['baseline']}" in found.words
        assert said is (row["verdict"] != "INSUFFICIENT")


def test_a_backtest_says_what_the_stored_verdicts_say_and_writes_nothing(lived):
    before = lived.memory()
    found = backtest(lived.monitor)
    assert found.days == DAYS
    stored = {
        (row["baseline"], row["column"], day)
        for day in DAYS
        for row in lived.monitor.results.read("tiny", DRIFT, day).to_pylist()
        if row["verdict"] == "DRIFT" and not row["segment"]
    }
    assert {(*key, day) for key, days in found.drifted.items() for day in days} == stored
    assert lived.memory() == before


def test_another_threshold_is_judged_from_stored_profiles_alone(lived, tmp_path):
    world = lived.copied_to(tmp_path)
    for day in DAYS:
        world.file("predictions", day).unlink()
    strict = replace(world, spec_changes={"rules": {"drift": {"min_effect": 0.9}}})
    found = backtest(strict.monitor, first=SHIFTED - timedelta(days=1))
    assert found.days == DAYS[5:]
    assert ("training", "income") not in found.drifted
