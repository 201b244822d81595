"""Which requests people see, how their answers come back, and what that estimates."""

import csv

import pandas as pd
import pytest

from monitoring_dagster.pipeline import drift, outcomes, profile, review
from monitoring_dagster.pipeline.evaluation import evaluate
from monitoring_dagster.pipeline.evaluation import run as evaluate_day
from monitoring_dagster.stats.sample import bound_of, key_of
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
