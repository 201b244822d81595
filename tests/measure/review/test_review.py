"""Which requests people see, how their answers come back, and what that estimates."""

import csv

import pandas as pd
import pytest

from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality.evaluation import run as evaluate_day
from monitoring_dagster.measure.quality.known_quality import evaluate
from monitoring_dagster.measure.review import review
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.sample import bound_of, key_of
from tests.world import START, as_table, day_after

SHARE = 0.2


@pytest.fixture
def reviewed(world):
    """The world, whose owner has people look at a fifth of all requests."""
    world.spec_changes |= {
        "review": {"share": SHARE, "batch_rows": 25},
        "further_labels": {
            "human": {"path": "data/human/{day}.parquet"},
            "weak": {"path": "data/weak/{day}.parquet", "error_rate": 0.2},
        },
    }
    return world


def batch(world, day=START):
    with review.batch_file(world.monitor, day).open(newline="") as file:
        return list(csv.DictReader(file))


def answer(world, source, day, labels):
    path = world.root / "data" / source / f"{day}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrived = pd.Timestamp(day) + pd.Timedelta(hours=20)
    as_file = as_table(labels.assign(arrived_at=arrived))
    import pyarrow.parquet as pq

    pq.write_table(as_file, path)


def test_a_quiet_day_has_its_random_share_and_nothing_that_the_model_said(reviewed):
    review.run(reviewed.monitor, START)
    rows = batch(reviewed)
    ids = reviewed.joined(START)["request_id"]
    assert {row["request_id"] for row in rows} == {
        one for one in ids if key_of(one) < bound_of(SHARE)
    }
    assert {"score", "prediction"} & set(rows[0]) == set()
    assert {row["label"] for row in rows} == {""}


def test_when_scores_drift_the_least_sure_come_too(reviewed):
    log = reviewed.served(START)
    reviewed.write(START, log=log.assign(score=0.5 + (log["score"] - 0.5) / 9))
    for step in (profile, drift):
        step.run(reviewed.monitor, START)
    report = review.run(reviewed.monitor, START)
    assert report.numbers["unsure"] == 25
    ids = [row["request_id"] for row in batch(reviewed)]
    assert len(ids) == len(set(ids)) == report.numbers["requests"]


def test_a_cell_that_a_spreadsheet_would_run_is_text(reviewed):
    log = reviewed.served(START).assign(plan="=cmd|' /C calc'!A0")
    reviewed.write(START, log=log)
    review.run(reviewed.monitor, START)
    assert {row["plan"] for row in batch(reviewed)} == {"'=cmd|' /C calc'!A0"}


def test_a_day_without_a_file_has_an_empty_batch(reviewed):
    day = day_after(START, 90)
    assert review.run(reviewed.monitor, day).numbers["requests"] == 0
    assert batch(reviewed, day) == []


def test_reviewed_labels_come_back_as_a_series_of_their_own(reviewed):
    review.run(reviewed.monitor, START)
    truth = reviewed.rows(START).set_index("request_id")["label"]
    ids = [row["request_id"] for row in batch(reviewed)]
    answer(reviewed, "human", START, pd.DataFrame({"request_id": ids, "label": truth[ids].values}))
    before = evaluate(reviewed.monitor, START, as_of=day_after(START, 9))
    outcomes.run(reviewed.monitor, START)
    human = evaluate(reviewed.monitor, START, as_of=START, source="human")
    assert sum(one.n for group, one in human.outcomes.items() if not group.segment) == len(ids)
    assert evaluate(reviewed.monitor, START, as_of=day_after(START, 9)).metrics == before.metrics
    evaluate_day(reviewed.monitor, START)
    stored = reviewed.monitor.results.read("tiny", "evaluation", START).to_pandas()
    assert set(stored["source"]) == {"", "human"}


def unsure(log):
    """Scores that drift, and the nearer to one half the less they tell."""
    return log.assign(score=0.5 + (log["score"] - 0.5) / 3)


def test_the_batch_says_why_each_row_is_in_it_and_how_likely_that_was(reviewed):
    reviewed.write(START, log=unsure(reviewed.served(START)))
    for step in (profile, drift, review):
        step.run(reviewed.monitor, START)
    stored = reviewed.monitor.results.read("tiny", "review", START).to_pandas()
    assert set(zip(stored["reason"], stored["probability"], strict=True)) == {
        ("random", SHARE),
        ("unsure", 1.0),
    }
    assert "probability" not in batch(reviewed)[0]


def test_a_day_that_is_drawn_again_keeps_its_share(reviewed):
    review.run(reviewed.monitor, START)
    before = batch(reviewed)
    reviewed.spec_changes["review"] = {"share": 0.9, "batch_rows": 25}
    review.run(reviewed.monitor, START)
    assert batch(reviewed) == before
    later = day_after(START)
    review.run(reviewed.monitor, later)
    assert len(batch(reviewed, later)) > 0.8 * len(reviewed.joined(later))


@pytest.mark.parametrize("raised_to", [0.05, 0.6])
def test_the_reviewed_series_is_right_on_average_though_the_least_sure_are_reviewed_too(
    reviewed, raised_to
):
    """Six days of drift, a random twentieth and the hundred least sure of each; then the owner
    raises the share, and the answers come: those of the hundred are no part of the series."""
    reviewed.spec_changes["review"] = {"share": 0.05, "batch_rows": 100}
    days = [day_after(START, n) for n in range(6)]
    for day in days:
        reviewed.write(day, log=unsure(reviewed.served(day)))
        for step in (profile, drift, review):
            step.run(reviewed.monitor, day)
    reviewed.spec_changes["review"] = {"share": raised_to, "batch_rows": 100}
    errors, rows = [], 0
    for day in days:
        truth = reviewed.rows(day).set_index("request_id")["label"]
        ids = [row["request_id"] for row in batch(reviewed, day)]
        answer(reviewed, "human", day, pd.DataFrame({"request_id": ids, "label": truth[ids]}))
        outcomes.run(reviewed.monitor, day)
        human = evaluate(reviewed.monitor, day, as_of=day, source="human")
        found = human.metrics[Group("1")]["accuracy"]
        joined = reviewed.joined(day)
        true = (joined["label"] == joined["prediction"]).mean()
        errors.append((found.value - true) * found.n)
        rows += found.n
    noise = (0.2 * 0.8 / rows) ** 0.5  # of a share of 0.8
    assert abs(sum(errors) / rows) < 2 * noise
    assert rows < 0.1 * 300 * len(days)


def test_weak_labels_are_corrected_for_their_known_errors(reviewed):
    joined = reviewed.joined(START)
    wrong = joined.index % 5 == 0  # one in five
    labels = joined["label"].where(~wrong, 1 - joined["label"])
    answer(reviewed, "weak", START, joined[["request_id"]].assign(label=labels))
    outcomes.run(reviewed.monitor, START)
    report = evaluate_day(reviewed.monitor, START)
    weak = evaluate(reviewed.monitor, START, as_of=START, source="weak")
    seen = next(iter(weak.metrics.values()))["accuracy"].value
    assert report.numbers["accuracy_weak"] == pytest.approx((seen - 0.2) / 0.6)
