"""What is known of a day's labels, whatever comes late, comes again or is looked at first."""

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure.quality import arrived_labels as outcomes
from monitoring_dagster.measure.quality.arrived_labels import feed_signals, run
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days import known_labels
from monitoring_dagster.store.days.known_labels import OUTCOMES, account_of, known_outcomes
from monitoring_dagster.store.monitor import House
from tests.world import stated

START, DAYS = date(2025, 3, 3), 5
ALL = Group("1")
SPEC = {
    "name": "tiny",
    "owner": "team:small",
    "task": "binary",
    "first_day": START,
    "predictions": {"path": "served/{day}.parquet", "score": "score"},
    "labels": {
        "path": "told/{day}.parquet",
        "mature_after_days": 1,
        "expire_after_days": 3,
        "keep": "last",
    },
}


def found_on(monitor, day):
    """What is wrong with the labels, as known on a day."""
    return stated(monitor, day, feed_signals(monitor, day))


def on(day):
    return START + timedelta(days=day)


def at(day, hour):
    return datetime.combine(on(day), datetime.min.time(), UTC) + timedelta(hours=hour)


def serve(root, day, ids):
    """Predictions of 1, each with a score of 0.9."""
    put(root, "served", day, pa.table({
        "request_id": pa.array(ids, pa.string()),
        "served_at": pa.array([at(day, 12)] * len(ids), pa.timestamp("us", "UTC")),
        "model_version": pa.array(["1"] * len(ids), pa.string()),
        "prediction": pa.array([1] * len(ids), pa.int64()),
        "score": pa.array([0.9] * len(ids), pa.float64()),
        "amount": pa.array([100.0] * len(ids), pa.float64()),
    }))  # fmt: skip


def tell(root, day, labels, *, folder="told"):
    """Labels by request."""
    put(root, folder, day, pa.table({
        "request_id": pa.array(labels, pa.string()),
        "label": pa.array(labels.values(), pa.int64()),
        "arrived_at": pa.array([at(day, 18)] * len(labels), pa.timestamp("us", "UTC")),
    }))  # fmt: skip


def put(root, folder, day, table):
    (root / folder).mkdir(exist_ok=True, parents=True)
    pq.write_table(table, root / folder / f"{on(day)}.parquet")


def monitor_of(root, **changed):
    return House.at(root, {}).monitor(ModelSpec.model_validate(SPEC | changed))


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path)


def results(monitor):
    """Every stored byte."""
    folder = monitor.results.root
    return {path.name: path.read_bytes() for path in folder.rglob("*.parquet")}


def cells(monitor, day, **asked):
    """Rows by label of one prediction day; every prediction is 1."""
    found = known_outcomes(monitor, on(day), **{"as_of": on(DAYS), **asked})
    return {label: n for (label, _), n in found[ALL].cells.items()} if found else {}


PREDICTIONS = {0: ["a", "b"], 1: ["c"], 2: ["d", "e"], 3: ["f"], 4: ["a"]}
LABELS = {
    0: {"a": 1},
    1: {"a": 0, "b": 1, "c": 1},
    2: {"a": 1, "b": 1, "c": 0, "d": 1, "x": 1},
    3: {"b": 0, "d": 0, "e": 1, "c": 1},
    4: {"a": 1, "f": 1, "e": 0, "d": 1},
}


def deliver(root, day, kind):
    if kind == "served":
        serve(root, day, PREDICTIONS[day])
    else:
        tell(root, day, LABELS[day])


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    """The results of days lived one after the other."""
    root = tmp_path_factory.mktemp("in_order")
    monitor = monitor_of(root)
    for day in range(DAYS):
        for kind in ("served", "told"):
            deliver(root, day, kind)
        run(monitor, on(day))
    return results(monitor)


@settings(max_examples=6, deadline=None)
@given(
    order=st.permutations([(day, kind) for day in range(DAYS) for kind in ("served", "told")]),
    there=st.sets(st.sampled_from([(day, k) for day in range(DAYS) for k in ("served", "told")])),
    spoilt=st.sets(st.sampled_from([(day, k) for day in range(DAYS) for k in ("served", "told")])),
)
def test_files_may_come_in_any_order_late_or_anew(tmp_path_factory, in_order, order, there, spoilt):
    """Once each day has run with its last files, nothing tells what happened before: no byte."""
    root = tmp_path_factory.mktemp("any_order")
    monitor = monitor_of(root)
    for day, kind in there:
        deliver(root, day, kind)
    for day, kind in spoilt:
        (root / kind).mkdir(exist_ok=True)
        (root / kind / f"{on(day)}.parquet").write_bytes(b"rot")
    for day, kind in order:
        deliver(root, day, kind)
        run(monitor, on(day))
    assert results(monitor) == in_order


def test_a_correction_is_told_as_of_the_day_on_which_it_came(monitor):
    """Each day's count is one label for every request, and yesterday's answer stays what it was."""
    for day in range(DAYS):
        deliver(monitor.root, day, "served")
        deliver(monitor.root, day, "told")
        run(monitor, on(day))
    assert [cells(monitor, 0, as_of=on(day)) for day in range(4)] == [
        {"1": 1}, {"0": 1, "1": 1}, {"1": 2}, {"0": 1, "1": 1},
    ]  # fmt: skip
    account = account_of(monitor, on(3))
    assert {name: account[name] for name in ("rows", "joined", "late", "corrected")} == {
        "rows": 4, "joined": 1, "late": 0, "corrected": 3,
    }  # fmt: skip
    assert account["by_day"] == {str(on(0)): 0, str(on(1)): 0, str(on(2)): 1}


def test_predictions_that_come_late_find_the_labels_that_waited(monitor):
    """Pending is no finding: the missing file is one of its own day."""
    serve(monitor.root, 1, ["b"])
    tell(monitor.root, 1, {"a": 1, "b": 0})
    run(monitor, on(1))
    account = account_of(monitor, on(1))
    assert (account["joined"], account["pending"], account["orphan"]) == (1, 1, 0)
    assert found_on(monitor, on(1)) == []
    serve(monitor.root, 0, ["a"])
    run(monitor, on(0))
    assert cells(monitor, 0) == {"1": 1}
    assert account_of(monitor, on(1))["pending"] == 0


def test_nothing_new_is_nothing_to_do(monitor, monkeypatch):
    """A day that runs again reads itself alone; the later ones have seen all that there is."""
    for day in range(DAYS):
        deliver(monitor.root, day, "served")
        deliver(monitor.root, day, "told")
        run(monitor, on(day))
    joined = []
    monkeypatch.setattr(outcomes, "count_changes", watched(outcomes.count_changes, joined))
    run(monitor, on(0))
    assert joined == [on(0)]
    tell(monitor.root, 0, {"a": 1, "b": 1})
    run(monitor, on(0))
    assert joined[1:] == [on(0), on(1), on(2), on(3)], "the fourth day is out of reach"


def watched(join, joined):
    def wrapper(spec, day, **asked):
        joined.append(day)
        return join(spec, day, **asked)

    return wrapper


def test_a_file_that_comes_while_its_day_is_computed_is_seen(monitor, monkeypatch):
    """Another process may judge the day before at the same time, and find nothing stored yet."""
    serve(monitor.root, 0, ["a"])
    tell(monitor.root, 1, {"a": 1})
    join = outcomes.count_changes

    def slow(spec, day, **asked):
        found = join(spec, day, **asked)
        if not (monitor.root / "told" / f"{on(0)}.parquet").exists():
            tell(monitor.root, 0, {"a": 1})
        return found

    monkeypatch.setattr(outcomes, "count_changes", slow)
    run(monitor, on(1))
    assert account_of(monitor, on(1))["duplicate"] == 1


def test_a_second_opinion_is_a_series_of_its_own(tmp_path):
    """It is never mixed in, and one that did not come today is no finding."""
    human = {"path": "human/{day}.parquet", "mature_after_days": 2}
    monitor = monitor_of(tmp_path, further_labels={"human": human})
    serve(tmp_path, 0, ["a", "b"])
    tell(tmp_path, 0, {"a": 1, "b": 1})
    tell(tmp_path, 1, {})
    tell(tmp_path, 1, {"a": 0}, folder="human")
    for day in (0, 1):
        run(monitor, on(day))
        assert found_on(monitor, on(day)) == []
    assert cells(monitor, 0) == {"1": 2}
    assert cells(monitor, 0, source="human") == {"0": 1}
    assert account_of(monitor, on(1), source="human")["joined"] == 1


def test_metrics_that_need_the_rows_are_summed_as_labels_arrive(tmp_path):
    """And taken away with the label that is corrected."""
    lost = {"name": "lost", "expression": "amount * (1 - label)", "columns": ["amount"]}
    monitor = monitor_of(tmp_path, metrics=[lost])
    serve(tmp_path, 0, ["a", "b"])
    tell(tmp_path, 0, {"a": 0, "b": 0})
    tell(tmp_path, 1, {"b": 1})
    run(monitor, on(0))
    run(monitor, on(1))
    means = [
        known_outcomes(monitor, on(0), as_of=on(day))[ALL].sums["value:lost"].mean for day in (0, 1)
    ]
    assert means == [100.0, 50.0]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        pytest.param(b"rot", FindingKind.UNREADABLE_DATA, id="no table"),
        pytest.param({"a": 1, "x": 1}, FindingKind.ORPHAN_LABELS, id="half of no request"),
        pytest.param({"a": None, "b": 1}, FindingKind.UNREADABLE_DATA, id="half without a value"),
        pytest.param({"a": 1, "b": 1}, None, id="all is well"),
    ],
)
def test_what_is_wrong_with_a_delivery_is_found(monitor, labels, kind):
    """By kind; limits are 5 % of the rows."""
    serve(monitor.root, 0, ["a", "b"])
    if isinstance(labels, bytes):
        (monitor.root / "told").mkdir()
        (monitor.root / "told" / f"{on(0)}.parquet").write_bytes(labels)
    else:
        tell(monitor.root, 0, labels)
    report = run(monitor, on(0))
    assert [one.kind for one in found_on(monitor, on(0))] == ([kind] if kind else [])
    assert report.checks["labels"].passed is (kind is None)


def test_the_account_is_the_one_that_was_stored(monitor):
    """As JSON, beside the counts."""
    serve(monitor.root, 0, ["a"])
    tell(monitor.root, 0, {"a": 1})
    run(monitor, on(0))
    stored = monitor.results.metadata("tiny", OUTCOMES, on(0))
    assert json.loads(stored[known_labels.ACCOUNT]) == account_of(monitor, on(0))
