"""What is told about quality: the whole, its parts, its probabilities, and what is expected."""

from dataclasses import replace
from datetime import datetime, time

import numpy as np

from monitoring_dagster.act.retraining.training import register, train
from monitoring_dagster.decide.judging.quality.quality_rules import quality_findings
from monitoring_dagster.judge import quality_verdict, revisions
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.estimates import estimate
from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality.evaluation import run as evaluate_day
from monitoring_dagster.measure.quality.known_quality import evaluate
from monitoring_dagster.measure.quality.quality_as_known import quality_as_known
from monitoring_dagster.stats.estimation.estimate_accuracy import Trust
from monitoring_dagster.stats.labels.maturity import Maturity
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.signals import StoredSignals
from tests.world import HISTORY_DAYS, LATEST_DAYS, START, day_after, stated

FIRST = day_after(START, 8)  # the first day after those that the world has lived through
DAYS = [day_after(FIRST, n) for n in range(5)]
LAST = day_after(DAYS[-1], LATEST_DAYS)
TOLERANT = {"performance": {"accuracy": {"absolute": 0.9}}}


def live(world, *, serve=lambda log: log, label=lambda rows: rows["label"]):
    """Five days served and labelled in another way, and all their labels."""
    truth = {}
    for day in DAYS:
        rows = world.rows(day)
        log = serve(world.served(day))
        truth |= dict(zip(rows["request_id"], label(rows), strict=True))
        world.write(day, log=log, labels=_told(world, day, truth))
    for day in [day_after(DAYS[-1], n + 1) for n in range(LATEST_DAYS)]:
        world.write(day, log=world.served(day), labels=_told(world, day, truth))
    for n in range((LAST - FIRST).days + 1):
        for step in (profile, drift, estimate, outcomes):
            step.run(world.monitor, day_after(FIRST, n))


def _told(world, day, truth):
    told = world.arriving(day)
    return told.assign(label=told["request_id"].map(truth).fillna(told["label"]))


def found(world, day=LAST):
    """What is told on a day, by kind."""
    monitor = world.monitor
    signals = [*quality_as_known(monitor, day), *quality_verdict.accuracy_signals(monitor, day)]
    log, traffic = StoredSignals(monitor, day, signals), traffic_on(monitor, day)
    found = quality_findings(monitor.spec, day, log.on(day), log, traffic)
    return {one.kind: one for one in found}


def flipped(rows, *, where):
    """Labels that mean the opposite in some rows, with the inputs as ever."""
    return np.where(where, 1 - rows["label"], rows["label"])


def test_nothing_is_told_of_quiet_days(world):
    live(world)
    assert found(world) == {}


def registered(world, **metrics):
    """A version like the first, of which something else was registered."""
    days = [day_after(START, -n) for n in range(HISTORY_DAYS, 0, -1)]
    made = train(world.monitor, world._labelled(days[:-5]), world._labelled(days[-5:]))
    changed = replace(made, baseline={**made.baseline, **metrics})
    return register(world.monitor, changed, tags={})


def test_segments_and_whole_have_one_baseline_wherever_it_is_shown(world):
    """The holdout was harder than the reference; a segment that is better than that is no drop."""
    version = registered(world, log_loss=0.63)
    live(
        world,
        serve=lambda log: log.assign(model_version=version),
        label=lambda rows: flipped(
            rows, where=(rows["country"] == "FR") & (rows["income"] > 57) & (rows["age"] > 60)
        ),
    )
    assert not {FindingKind.SEGMENT_DROP, FindingKind.PERFORMANCE_DROP} & found(world).keys()
    for report in (evaluate_day(world.monitor, DAYS[0]), estimate.run(world.monitor, DAYS[0])):
        rows = {row["group"]: row for row in report.table if row["metric"] == "log_loss"}
        whole, *parts = (rows[f"v{version}{one}"] for one in ("", " country=DE", " country=FR"))
        assert whole["baseline"] == 0.63  # what was registered stays visible
        assert min(one["baseline"] for one in parts) <= 0.63 <= max(x["baseline"] for x in parts)
        assert all(one["estimate"] < one["baseline"] for one in parts)


def test_a_bias_is_no_better_for_having_been_registered_and_none_is_worse_for_being_gone(world):
    world.spec_changes["rules"] = {"performance": {"bias": {"absolute": 0.05}}}
    version = registered(world, bias=0.3)
    live(
        world,
        serve=lambda log: log.assign(
            model_version=version, score=(log["score"] + 0.3).clip(upper=0.999)
        ),
    )
    told = found(world)[FindingKind.PERFORMANCE_DROP]
    assert told.words.startswith(f"bias of version {version} was 0.2")
    assert "baseline 0.3, at most 0.1" in told.words
    live(world, serve=lambda log: log.assign(model_version=version))
    assert FindingKind.PERFORMANCE_DROP not in found(world)


def test_truth_that_changed_behind_the_same_inputs_is_called_concept_drift(world):
    live(world, label=lambda rows: flipped(rows, where=rows["income"] > 50))
    told = found(world)
    assert (
        "not explained by the inputs: likely concept drift"
        in told[FindingKind.PERFORMANCE_DROP].words
    )
    assert FindingKind.EXPECTED_DROP not in told  # no estimate can see it


def test_before_labels_come_a_day_is_pending_and_nothing_is_told(world):
    live(world, label=lambda rows: flipped(rows, where=rows["income"] > 50))
    early = evaluate(world.monitor, DAYS[-1], as_of=day_after(DAYS[-1], -1))
    assert (early.maturity, early.judged, dict(early.metrics)) == (Maturity.PENDING, False, {})
    assert FindingKind.PERFORMANCE_DROP not in found(world, day_after(FIRST, -1))


def test_a_segment_falls_while_the_whole_is_within_its_tolerance(world):
    world.spec_changes["rules"] = TOLERANT | {
        "segments": {"country": {"FR": {"accuracy": {"absolute": 0.15}}}}
    }
    live(world, label=lambda rows: flipped(rows, where=rows["country"] == "FR"))
    told = found(world)
    assert FindingKind.PERFORMANCE_DROP not in told
    drop = told[FindingKind.SEGMENT_DROP]
    assert (drop.subject, drop.severity) == ("accuracy where country is FR", Severity.P2)


def test_scores_that_promise_too_much_are_told_though_predictions_are_as_good(world):
    def surer(log):
        odds = np.log(log["score"] / (1 - log["score"]))
        return log.assign(score=1 / (1 + np.exp(-4 * odds)))

    world.spec_changes["rules"] = TOLERANT
    live(world, serve=surer)
    told = found(world)
    assert "overconfident" in told[FindingKind.MISCALIBRATION].words
    assert FindingKind.PERFORMANCE_DROP not in told


def test_harder_rows_are_expected_to_go_worse_before_any_label(world):
    def unsure(log):
        score = 0.5 + (log["score"] - 0.5) / 5
        return log.assign(score=score)

    live(world, serve=unsure)
    drop = found(world, DAYS[-1])[FindingKind.EXPECTED_DROP]
    assert drop.subject == "log_loss"
    assert "expected to be" in drop.words
    assert "estimates of log_loss" in drop.words  # their own record


def test_estimates_with_a_poor_record_are_recorded_and_not_told(world, monkeypatch):
    def unsure(log):
        return log.assign(score=0.5 + (log["score"] - 0.5) / 5)

    live(world, serve=unsure)
    usual = quality_verdict.accuracy_of
    monkeypatch.setattr(
        quality_verdict,
        "accuracy_of",
        lambda *given, **more: replace(usual(*given, **more), trust=Trust.LOW),
    )
    assert found(world, DAYS[-1])[FindingKind.EXPECTED_DROP].severity is Severity.P3


def test_each_day_on_which_labels_came_is_a_revision_with_its_cause(world):
    day = START
    results = world.monitor.results
    evaluate_day(world.monitor, day)
    notes = results.metadata("tiny", "evaluation", day)
    assert notes["revision"] == str(LATEST_DAYS + 1)
    assert notes["cause"] == f"labels of {day_after(day, LATEST_DAYS)}"


def test_a_late_label_revises_the_days_it_belongs_to_and_no_other(world):
    arrived = world.arriving(day_after(START, 1))
    counts = arrived["request_id"].isin(world.joined(day_after(START, 1))["request_id"])
    late, came = arrived[counts].head(1), day_after(START, 8)
    world.write(day_after(START, 1), labels=arrived.drop(late.index))
    world.write(came, labels=late)
    for day in (day_after(START, 1), came):
        outcomes.run(world.monitor, day)
    before = evaluate(world.monitor, day_after(START, 1), as_of=day_after(came, -1))
    after = evaluate(world.monitor, day_after(START, 1), as_of=came)
    assert sum(one.n for one in after.outcomes.values()) == 2 + sum(
        one.n for one in before.outcomes.values()
    )  # in the whole, and in its country
    same = [
        evaluate(world.monitor, START, as_of=one).metrics for one in (day_after(came, -1), came)
    ]
    assert same[0] == same[1]


def test_labels_that_come_after_the_wait_revise_what_was_said_of_their_day(world):
    world.spec_changes["labels"] = {
        "path": "data/labels/{day}.parquet",
        "mature_after_days": LATEST_DAYS,
        "expire_after_days": 20,
        "keep": "last",
    }
    monitor, wrong = world.monitor, world.joined(START)
    came = day_after(START, 8)
    corrected = wrong[["request_id"]].assign(label=1 - wrong["label"])
    world.write(came, labels=corrected.assign(arrived_at=datetime.combine(came, time(9))))
    outcomes.run(monitor, came)
    said = stated(monitor, came, revisions.revision_signals(monitor, came))
    assert [(one.kind, one.severity) for one in said] == [
        (FindingKind.REVISED_QUALITY, Severity.P2)
    ]
    assert str(START) in said[0].words
    back = day_after(came, 1)  # and the correction is corrected
    again = wrong[["request_id", "label"]].assign(arrived_at=datetime.combine(back, time(9)))
    world.write(back, labels=again)
    outcomes.run(monitor, back)
    assert (
        "not worse than tolerated any more"
        in next(revisions.revision_signals(monitor, back)).reason
    )
