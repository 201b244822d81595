"""What people decide about labels changes the counts from that day on, and never before."""

from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from monitoring_dagster.measure.quality.arrived_labels import run
from monitoring_dagster.measure.quality.decided_labels import bring_in
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.known_labels import account_of, known_outcomes
from monitoring_dagster.store.ledger.decided.label_decisions import Decision, LabelDecision
from tests.tiny import DAY, after, monitor_of, noon, put

ALL = Group("1")


@pytest.fixture
def monitor(tmp_path):
    """Three requests of DAY, whose labels came on that day; others are accepted for ten."""
    found = monitor_of(tmp_path)
    put(tmp_path, "served", {
        "request_id": ["a", "b", "c"], "served_at": [noon()] * 3, "model_version": ["1"] * 3,
        "prediction": [1] * 3, "score": [0.9] * 3,
    })  # fmt: skip
    tell(found, 0, {"a": 1, "b": 0})
    run(found, DAY)
    return found


def tell(monitor, lag, labels):
    at = [noon(after(lag))] * len(labels)
    told = {"request_id": list(labels), "label": list(labels.values()), "arrived_at": at}
    put(monitor.root, "told", told, after(lag))


def decide(monitor, lag, request, decision=Decision.DISCARD):
    at = datetime.combine(after(lag), datetime.min.time(), UTC) + timedelta(hours=9)
    one = LabelDecision("tiny", request, DAY, decision, "odd", "ann", at)
    monitor.ledger.label_decisions.record([one])
    run(monitor, after(lag))


def cells(monitor, lag):
    found = known_outcomes(monitor, DAY, as_of=after(lag))
    return {label: n for (label, _), n in found[ALL].cells.items()} if ALL in found else {}


def test_a_discarded_label_counts_until_that_day(monitor):
    decide(monitor, 2, "b")
    assert [cells(monitor, lag) for lag in (0, 1, 2)] == [
        {"1": 1, "0": 1}, {"1": 1, "0": 1}, {"1": 1}
    ]  # fmt: skip
    account = account_of(monitor, after(2))
    assert (account["discarded"], account["restored"]) == (1, 0)
    assert account["decided_by_day"] == {str(DAY): -1}


def test_a_kept_one_counts_again(monitor):
    decide(monitor, 2, "b")
    decide(monitor, 3, "b", Decision.KEEP)
    assert [cells(monitor, lag) for lag in (2, 3)] == [{"1": 1}, {"1": 1, "0": 1}]
    assert account_of(monitor, after(3))["restored"] == 1


def test_both_on_one_day_change_nothing(monitor):
    decide(monitor, 2, "b")
    decide(monitor, 2, "b", Decision.KEEP)
    assert cells(monitor, 2) == {"1": 1, "0": 1}
    assert account_of(monitor, after(2)).get("discarded", 0) == 0


def test_one_is_discarded_on_the_day_on_which_another_is_restored(monitor):
    tell(monitor, 1, {"c": 0})
    run(monitor, after(1))
    decide(monitor, 2, "b")
    decide(monitor, 3, "b", Decision.KEEP)
    decide(monitor, 3, "c")
    assert [cells(monitor, lag) for lag in (1, 2, 3)] == [
        {"1": 1, "0": 2}, {"1": 1, "0": 1}, {"1": 1, "0": 1}
    ]  # fmt: skip
    decide(monitor, 3, "a")
    assert cells(monitor, 3) == {"0": 1}
    account = account_of(monitor, after(3))
    assert (account["discarded"], account["restored"]) == (2, 1)


def test_a_label_that_comes_while_its_request_is_discarded_counts_for_nothing(monitor):
    decide(monitor, 1, "c")
    tell(monitor, 3, {"c": 1})
    run(monitor, after(3))
    assert cells(monitor, 3) == {"1": 1, "0": 1}
    decide(monitor, 4, "c", Decision.KEEP)
    assert [cells(monitor, lag) for lag in (3, 4)] == [{"1": 1, "0": 1}, {"1": 2, "0": 1}]


def test_a_request_that_nobody_served_changes_nothing(monitor):
    decide(monitor, 2, "x' OR 1=1 --")
    assert cells(monitor, 2) == {"1": 1, "0": 1}


def test_the_same_again_writes_nothing(monitor):
    decide(monitor, 2, "b")
    stamp = monitor.results.stamp("tiny", "label_decisions", after(2))
    bring_in(monitor, arrived=[DAY, after(2)])
    assert monitor.results.stamp("tiny", "label_decisions", after(2)) == stamp


def test_without_a_decision_nothing_is_written(monitor):
    bring_in(monitor, arrived=[DAY], changed=DAY)
    assert monitor.results.days("tiny", "label_decisions") == []


def test_where_files_cannot_be_counted_nothing_is_changed_until_they_can(monitor):
    path = monitor.root / "served" / f"{DAY}.parquet"
    whole = path.read_bytes()
    pq.write_table(pq.read_table(path).drop_columns(["score"]), path)
    decide(monitor, 2, "b")
    assert cells(monitor, 2) == {"1": 1, "0": 1}
    assert "no column 'score'" in account_of(monitor, after(2))["decisions_error"]
    path.write_bytes(whole)
    bring_in(monitor, arrived=[DAY], changed=DAY)
    assert cells(monitor, 2) == {"1": 1}
    assert "decisions_error" not in account_of(monitor, after(2))
