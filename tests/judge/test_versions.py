"""Versions side by side: each is judged by itself, and the champion's series is the model's."""

import re
from datetime import UTC, datetime, time

import pytest

from monitoring_dagster.act.promotion import promote
from monitoring_dagster.act.retraining.training import register, train
from monitoring_dagster.act.retraining.trigger import stored_breaches
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.judge.judged import newest_quality
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.quality.known_quality import breaches, evaluate
from monitoring_dagster.store.days.champions import champion_on, promoted_on
from monitoring_dagster.store.ledger.decided.promotions import Promotion
from tests.once import world_once
from tests.world import HISTORY_DAYS, START, day_after

DAYS = 8  # lived after the eight healthy ones, so that four of them have all their labels


@pytest.fixture(scope="module")
def three_versions(founded, tmp_path_factory):
    """The world, in which versions 2 and 3 are registered beside champion 1, made as it was."""

    def register_two(root):
        world = founded.copied_to(root)
        days = [day_after(START, -n) for n in range(HISTORY_DAYS, 0, -1)]
        candidate = train(world.monitor, world._labelled(days[:-5]), world._labelled(days[-5:]))
        for _ in range(2):
            register(world.monitor, candidate, tags={})
        return world

    return world_once(tmp_path_factory, "three_versions", register_two)


@pytest.fixture
def world(three_versions, tmp_path):
    return three_versions.copied_to(tmp_path)


def split(log, **shares):
    """The log with some shares of the requests answered by other versions: v2=0.1."""
    at, start = log.index.to_numpy() % 100 / 100, 0.0
    versions = log["model_version"].astype(str)
    for name, share in shares.items():
        versions = versions.mask((at >= start) & (at < start + share), name.removeprefix("v"))
        start += share
    return log.assign(model_version=versions)


def scrambled(log, *bad):
    """The log in which these versions answer the opposite."""
    rows = log["model_version"].isin(bad)
    opposite = {name: log[name].mask(rows, 1 - log[name]) for name in ("score", "prediction")}
    return log.assign(**opposite)


def live(world, serve, days=DAYS, *, acts=True):
    """Serve so for some days, monitor them, and let the sensor act; returns the retrainings."""
    done = []
    for _ in range(days):
        world.write(world.today, log=serve(world.served(world.today)))
        world.monitored(world.today)
        done += world.tick() if acts else []
        world.today = day_after(world.today)
    return done


def last(world):
    return day_after(world.today, -1)


def findings(world, *kinds):
    """The last judged day's, by subject."""
    return {one.subject: one for one in world.findings(last(world)) if one.kind in kinds}


def performance(world):
    return findings(world, FindingKind.PERFORMANCE_DROP)


def report_of(world, day, step="evaluation"):
    (one,) = [one for one in steps_of(world.monitor) if one.name == step]
    return one.run(world.monitor, day)


@pytest.mark.parametrize(("share", "severity"), [(0.1, Severity.P2), (0.6, Severity.P1)])
def test_a_scrambled_version_beside_a_healthy_champion_is_its_own_finding(world, share, severity):
    world.rows_a_day = 600
    done = live(world, lambda log: scrambled(split(log, v2=share), "2"))
    (found,) = performance(world).values()
    assert (found.subject, found.severity) == ("log_loss of version 2", severity)
    assert found.words.startswith("log_loss of version 2 was ")
    assert "version 1 is within tolerance: likely a fault of version 2" in found.words
    assert "concept drift" not in found.words
    assert re.search(r"; version 2 answers \d+% of the rows, champion is version 1$", found.words)
    assert done == []
    assert world.monitor.ledger.decisions("tiny") == []


def test_a_healthy_version_does_not_hide_the_champions_trouble(world):
    done = live(world, lambda log: scrambled(split(log, v2=0.5), "1"))
    (found,) = performance(world).values()
    assert (found.subject, found.severity) == ("log_loss", Severity.P1)
    assert found.words.startswith("log_loss of version 1 was ")
    assert len(done) == 1  # and a challenger is trained


def test_of_three_versions_the_bad_ones_are_told_apart(world):
    live(world, lambda log: scrambled(split(log, v2=0.3, v3=0.3), "2", "3"))
    found = performance(world)
    assert set(found) == {"log_loss of version 2", "log_loss of version 3"}
    assert len({one.fingerprint for one in found.values()}) == 2


def test_a_change_of_the_truth_is_concept_drift_in_every_version(world):
    world.changes_on = world.today
    live(world, lambda log: split(log, v2=0.4), acts=False)
    found = performance(world)
    assert set(found) == {"log_loss", "log_loss of version 2"}
    assert all("likely concept drift" in one.words for one in found.values())


def test_a_version_of_few_rows_has_no_verdict_and_is_not_fine(world):
    live(world, lambda log: scrambled(split(log, v2=0.05), "2"))  # 15 of 300 rows
    assert performance(world) == {}
    day = day_after(last(world), -4)
    assert breaches(world.monitor, evaluate(world.monitor, day, as_of=last(world))) == {"1": {}}
    check = report_of(world, day).checks["performance"]
    assert check.passed
    assert "version 1: within tolerance of the baseline" in check.words
    assert re.search(r"version 2: no verdict \(\d+ labels, \d+ predictions\)", check.words)


def test_the_check_of_a_day_warns_of_another_version_and_names_each_number(world):
    live(world, lambda log: scrambled(split(log, v2=0.5), "2"), days=5)
    day = day_after(last(world), -4)
    report = report_of(world, day)
    check = report.checks["performance"]
    assert (check.passed, str(check.tone)) == (False, "WARN")
    assert "log_loss of version 2 was" in check.words
    assert "version 1: within tolerance" in check.words
    assert report.numbers["accuracy"] > 0.7  # the champion's is the model's
    assert not [name for name in report.numbers if "v2" in name]  # a series keeps one name
    newest = newest_quality(world.monitor, last(world))
    assert {("quality.log_loss", "1"), ("quality.log_loss", "2")} == {
        (one.name, one.version) for one in newest
    }


def test_a_labels_fault_of_one_version_leaves_the_other_judged(world):
    """Nine in ten answers never get a label: the day has few, and the others' are all there."""
    day = world.today
    for _ in range(5):
        log = split(world.served(world.today), v2=0.8)
        world.write(world.today, log=log)
        labels = world.arriving(world.today)
        numbers = labels["request_id"].str.partition("/")[2].astype(int)
        world.write(world.today, log=log, labels=labels[numbers % 100 >= 80])
        world.monitored(world.today)
        world.today = day_after(world.today)
    known = evaluate(world.monitor, day, as_of=last(world))
    assert known.coverage < known.min_coverage
    assert breaches(world.monitor, known) == {"1": {}}
    assert stored_breaches(world.monitor, last(world))[day] == {"1": {}}


def test_after_a_promotion_at_noon_the_new_champion_is_judged_by_its_own_days(world):
    """Bad version 2 takes over at noon: its half day is the model's, and it is retrained for."""
    noon = datetime.combine(world.today, time(12), UTC)
    promote(world.monitor, "2", previous="1", reason="by hand", by="ada", at=noon)
    world.models["2"] = world.models["1"]
    turned = []

    def serve(log):
        first, turned[:] = not turned, [1]
        log = log.assign(model_version="2")
        return scrambled(split(log, v1=0.5) if first else log, "2")

    live(world, serve, days=7)
    assert champion_on(world.monitor, day_after(START, 7)) == "1"
    assert champion_on(world.monitor, day_after(START, 8)) == "2"
    found = performance(world)
    assert set(found) == {"log_loss"}
    assert found["log_loss"].words.startswith("log_loss of version 2 was ")
    assert found["log_loss"].severity is Severity.P1


def test_after_a_rollback_what_the_bad_version_did_is_for_the_record(world):
    at = datetime.combine(world.today, time(1), UTC)
    promote(world.monitor, "2", previous="1", reason="by hand", by="ada", at=at)
    world.models["2"] = world.models["1"]
    live(world, lambda log: scrambled(log, "2"), days=4)
    back = datetime.combine(world.today, time(1), UTC)
    promote(world.monitor, "1", previous="2", reason="angry callers", by="ada", at=back)
    live(world, lambda log: scrambled(log, "2"), days=4)
    (found,) = performance(world).values()
    assert (found.subject, found.severity) == ("log_loss of version 2", Severity.P3)
    assert found.words.endswith("version 2 serves no more, champion is version 1")
    assert world.monitor.ledger.decisions("tiny") == []


def test_drift_of_one_version_is_told_of_that_one(world):
    def spoilt(log, *versions):
        rows = log["model_version"].isin(versions)
        return log.assign(income=log["income"].mask(rows, log["income"] + 40))

    live(world, lambda log: spoilt(split(log, v2=0.4), "2"), days=3)
    (found,) = findings(world, FindingKind.FEATURE_DRIFT).values()
    assert found.subject == "income of version 2"
    assert found.words.startswith("income of version 2: ")
    live(world, lambda log: spoilt(split(log, v2=0.4), "1", "2"), days=3)
    (found,) = findings(world, FindingKind.FEATURE_DRIFT).values()  # one input, one problem
    assert found.subject == "income"
    assert "(likewise version 2)" in found.words


def test_answers_that_drift_are_told_of_each_version(world):
    def pushed(log):
        return log.assign(score=log["score"] ** 8)

    live(world, lambda log: pushed(split(log, v2=0.4)), days=3)
    found = findings(world, FindingKind.PREDICTION_DRIFT)
    assert {"score", "score of version 2"} <= set(found)
    assert found["score"].severity is Severity.P1
    assert found["score of version 2"].severity is Severity.P2


def test_an_expected_drop_is_told_of_the_version_that_it_is_expected_of(world):
    def unsure(log):
        rows = log["model_version"] == "2"
        return log.assign(score=log["score"].mask(rows, 0.5 + (log["score"] - 0.5) / 5))

    live(world, lambda log: unsure(split(log, v2=0.4)), days=4)
    found = findings(world, FindingKind.EXPECTED_DROP)
    assert set(found) == {"log_loss of version 2"}
    (check,) = report_of(world, last(world), "estimate").checks.values()
    assert not check.passed
    assert "log_loss of version 2" in check.words


def promotion(version, previous, day, hour=12):
    at = datetime.combine(day, time(hour), UTC)
    return Promotion("tiny", version, previous, "", "", at)


@pytest.mark.parametrize(
    ("made", "day", "champion"),
    [
        pytest.param([], 0, None, id="nothing is written down"),
        pytest.param([("1", None, 0)], 0, "1", id="from the day on which it is made"),
        pytest.param([("1", None, 1)], 0, None, id="not before it"),
        pytest.param([("2", "1", 1)], 0, "1", id="before the first that was written down"),
        pytest.param([("1", None, 0), ("2", "1", 3)], 2, "1", id="a later one is not known yet"),
        pytest.param([("1", None, 0), ("2", "1", 3)], 3, "2", id="its noon is its day"),
        pytest.param([("2", "1", 3), ("1", "2", 3)], 3, "1", id="rolled back on the same day"),
    ],
)
def test_the_champion_of_a_day_is_the_one_of_its_end(made, day, champion):
    promotions = [promotion(*one[:2], day_after(START, one[2])) for one in made]
    assert promoted_on(promotions, day_after(START, day)) == champion


def test_where_no_promotion_is_written_down_the_alias_tells_else_the_rows(world, monkeypatch):
    live(world, lambda log: split(log, v2=0.6), days=1)
    day = last(world)
    monkeypatch.setattr(type(world.monitor.ledger), "promotions", lambda *_: [])
    assert champion_on(world.monitor, day) == "1"  # MLflow's
    assert champion_on(world.monitor, START) == "1"  # alone
    monkeypatch.setattr(type(world.monitor.registry), "champion", lambda *_: None)
    assert champion_on(world.monitor, day) == "2"
    assert champion_on(world.monitor, day_after(day, 50)) is None


@pytest.mark.parametrize(
    ("version", "severity", "expected"),
    [
        ("1", Severity.P1, Severity.P1),  # the champion, whatever its share
        ("2", Severity.P1, Severity.P1),  # half of the rows
        ("3", Severity.P1, Severity.P2),
        ("3", Severity.P3, Severity.P3),
        ("4", Severity.P1, Severity.P3),  # serves no more
    ],
)
def test_how_urgent_a_versions_trouble_is(version, severity, expected):
    traffic = Traffic("1", {"1": 0.2, "2": 0.5, "3": 0.3})
    assert max(severity, traffic.at_most(version)) is expected
