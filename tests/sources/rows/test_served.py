"""Where every row of a day went, how it is profiled, and how the service did."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.rows import MissingDay, columns_of
from monitoring_dagster.sources.rows.served import (
    Latency,
    PredictionAccount,
    ServiceNumbers,
    deployments_of,
    profile_day,
    profiled_columns,
    read_day,
    service_numbers,
    versions_of,
)
from monitoring_dagster.spec import Predictions
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.groups import Group
from tests.sources.rows.small_log import DAY, LOG, PREDICTIONS, SCHEMA, read, served, write


def test_only_ok_rows_of_real_traffic_count(log, tmp_path):
    """Errors, fallbacks, test traffic and second answers are left out and accounted for."""
    log(
        [
            served("a"),
            served("b", status="error"),
            served("c", status="fallback"),
            served("d", status=None),
            served("e", is_test=True),
            served("f", is_test=True, status="error"),
            served("g", is_test=None),
            served("a", minute=1),
            served("b", minute=1),
        ]
    )
    account, rows = read(PREDICTIONS, tmp_path)
    assert account == PredictionAccount(
        rows=9, counted=3, errors=2, fallback=1, synthetic=2, duplicate_ids=1
    )
    assert sorted(rows) == [("a", 30.0), ("b", 30.0), ("g", 30.0)]


def test_a_log_without_status_and_test_traffic_counts_every_row(log, tmp_path):
    """Columns that the spec does not name are not looked at."""
    log([served("a", status="error"), served("b", is_test=True)])
    account, rows = read(Predictions(path="log/{day}.parquet"), tmp_path)
    assert account == PredictionAccount(2, 2, 0, 0, 0, 0)
    assert len(rows) == 2


def test_the_first_answer_counts_wherever_it_stands(log, tmp_path):
    """By the time of serving, not by the place in the file; an error is no answer."""
    log(
        [
            served("a", minute=5, age=5.0),
            served("a", minute=1, age=1.0),
            served("a", minute=0, age=0.0, status="error"),
        ]
    )
    _, rows = read(PREDICTIONS, tmp_path)
    assert rows == [("a", 1.0)]


def test_rows_without_a_request_id_are_no_duplicates_of_each_other(log, tmp_path):
    """They were served; only no label will find them."""
    log([served(None), served(None, minute=1), served("a"), served("a", minute=1)])
    account, rows = read(PREDICTIONS, tmp_path)
    assert (account.counted, account.duplicate_ids, len(rows)) == (3, 1, 3)


row = st.builds(
    served,
    st.sampled_from(["a", "b", "c", None]),
    minute=st.integers(0, 3),
    status=st.sampled_from(["ok", "error", "fallback", None, "timeout"]),
    is_test=st.sampled_from([True, False, None]),
    age=st.floats(0, 9),
)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(row, max_size=12))
def test_the_account_adds_up_whatever_the_log_holds(tmp_path_factory, rows):
    """Every row is in exactly one kind, and as many rows come as are counted."""
    root = tmp_path_factory.mktemp("law")
    (root / "log").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), root / "log" / f"{DAY}.parquet")
    account, counted = read(PREDICTIONS, root)
    parts = (account.counted, account.errors, account.fallback, account.synthetic)
    assert account.rows == len(rows) == sum(parts) + account.duplicate_ids
    assert len(counted) == account.counted
    ids = [request_id for request_id, _ in counted if request_id is not None]
    assert len(ids) == len(set(ids))


def test_an_empty_day_is_a_day_with_no_rows(log, tmp_path):
    """It is read like any other, and differs from a missing one."""
    log([])
    account, rows = read(PREDICTIONS, tmp_path)
    assert (account.rows, rows) == (0, [])
    assert service_numbers(PREDICTIONS, DAY, root=tmp_path).error_rate is None


def test_the_service_is_judged_on_real_traffic(log, tmp_path):
    """All requests that were not tests, second ones too; the stages add up to the total."""
    log(
        [
            served("a", feature_ms=0.0, model_ms=0.0),
            served("a", feature_ms=1.0, model_ms=50.0),
            served("b", feature_ms=2.0, model_ms=100.0, status="error"),
            served("c", feature_ms=1.0, model_ms=None, status="fallback"),
            served("d", feature_ms=1.0, model_ms=float("nan")),
            served("e", model_ms=1e9, is_test=True, status="error"),
        ]
    )
    numbers = service_numbers(PREDICTIONS, DAY, root=tmp_path)
    assert (numbers.requests, numbers.errors, numbers.fallback) == (5, 1, 1)
    assert numbers.error_rate == pytest.approx(0.2)
    assert numbers.latency_ms["model"] == Latency(50.0, pytest.approx(95.0), 99.0)
    assert numbers.latency_ms["total"] == Latency(51.0, pytest.approx(96.9), pytest.approx(100.98))
    assert list(numbers.latency_ms) == ["total", "features", "model"]


def test_a_total_that_is_measured_is_not_added_up(log, tmp_path):
    """The owner's own column wins."""
    log([served("a")])
    spec = PREDICTIONS.model_copy(update={"latency_ms": {"model": "model_ms", "total": "age"}})
    assert service_numbers(spec, DAY, root=tmp_path).latency_ms["total"].p50 == 30.0


def test_a_stage_without_numbers_is_left_out(log, tmp_path):
    """Unknown is not zero."""
    log([served("a", model_ms=None)])
    assert list(service_numbers(PREDICTIONS, DAY, root=tmp_path).latency_ms) == ["features"]


def test_the_most_frequent_unknown_statuses_are_named(tmp_path):
    stored = ["success"] * 4 + ["done"] * 3 + [None] * 2 + ["x"] + ["error"] * 9
    write(tmp_path, status=stored)
    log = LOG.model_copy(update={"status": "status"})
    found = service_numbers(log, DAY, root=tmp_path)
    assert found.errors == len(stored)
    assert list(found.unknown_statuses.items()) == [("success", 4), ("done", 3), ("(missing)", 2)]


@pytest.mark.parametrize("written", ["v1", "1.5", "latest", "10"])
def test_what_is_another_version_stays_one(tmp_path, written):
    write(tmp_path, model_version=[written])
    assert versions_of(LOG, DAY, root=tmp_path) == {written: 1}


def test_of_answers_at_one_time_the_account_and_the_rows_agree_on_one(tmp_path):
    """By version, then by prediction, then by place: never both, never none."""
    write(
        tmp_path,
        request_id=["a"] * 4,
        model_version=["2", "1", "1", "1"],
        prediction=[0, 1, 0, 0],
        x=[1.0, 2.0, 3.0, 4.0],
    )
    account, rows = read(LOG, tmp_path, columns=["x"])
    assert (account.counted, account.duplicate_ids) == (1, 3)
    assert rows == [(3.0,)]


def test_a_row_without_a_time_is_a_later_answer_than_one_with(tmp_path):
    noon = datetime(2025, 3, 1, 12, tzinfo=UTC)
    write(tmp_path, request_id=["a", "a"], served_at=[None, noon], x=[1.0, 2.0])
    assert read(LOG, tmp_path, columns=["x"])[1] == [(2.0,)]


def test_rows_are_read_as_they_are_asked_for(tmp_path):
    write(tmp_path, x=["1.5", "old"])
    _, batches = read_day(
        LOG, DAY, root=tmp_path, columns=["x"], readings={"x": "TRY_CAST({} AS DOUBLE)"}
    )
    assert pa.Table.from_batches(batches).to_pydict() == {"x": [1.5, None]}


def test_the_account_is_whole_before_any_row_is_taken(tmp_path):
    write(tmp_path, x=[1.0])
    account, batches = read_day(LOG, DAY, root=tmp_path, columns=["x"])
    (tmp_path / f"{DAY}.parquet").unlink()
    assert account.rows == 1
    with pytest.raises(MissingDay):
        next(batches)


@given(*[st.integers(0, 10**9)] * 5)
def test_what_is_left_over_counts(counted, errors, fallback, synthetic, duplicate_ids):
    rows = counted + errors + fallback + synthetic + duplicate_ids
    found = PredictionAccount.of(rows, errors, fallback, synthetic, duplicate_ids)
    assert found == PredictionAccount(rows, counted, errors, fallback, synthetic, duplicate_ids)


BINS = {"1": {"x": NumericBins(np.array([0.0]))}, "2": {"plan": CategoricalBins(("a", "b"))}}


def test_a_profile_is_by_version_over_the_bins_of_that_version(tmp_path):
    write(
        tmp_path,
        model_version=["1", "1.0", "2", "3", None],
        x=[-1.0, 1.0, 1.0, 1.0, 1.0],
        plan=["a", "a", "b", "a", "a"],
    )
    account, found = profile_day(LOG, DAY, root=tmp_path, bins=BINS)
    assert account.counted == 5
    assert {group.version: one.rows for group, one in found.items()} == {
        "1": 2, "2": 1, "3": 1, "(missing)": 1,
    }  # fmt: skip
    assert found[Group("1")].columns["x"].counts.tolist() == [1, 1]
    assert list(found[Group("2")].columns) == ["plan"]
    assert found[Group("3")].columns == {}


def test_the_values_of_a_segment_add_up_to_the_version(tmp_path):
    write(tmp_path, x=[-1.0, 1.0, 2.0], plan=["a", None, "a"], model_version=["1"] * 3)
    _, found = profile_day(LOG, DAY, root=tmp_path, bins=BINS, segments=["plan"])
    parts = {group.value: one for group, one in found.items() if group.segment == "plan"}
    assert {value: one.rows for value, one in parts.items()} == {"a": 2, "(missing)": 1}
    assert parts["a"].columns["x"].counts.tolist() == [1, 1]
    assert found[Group("1")].rows == 3


def test_only_rows_that_count_are_profiled(log, tmp_path):
    log([served("a"), served("a", minute=1), served("b", status="error"), served(is_test=True)])
    bins = {"1": {"age": NumericBins(np.array([0.0]))}}
    _, found = profile_day(PREDICTIONS, DAY, root=tmp_path, bins=bins)
    assert {group: one.rows for group, one in found.items()} == {Group("1"): 1}


@pytest.mark.parametrize(
    ("bins", "segments", "columns"),
    [
        ({}, [], ["model_version"]),
        (BINS, [], ["model_version", "plan", "x"]),
        ({"1": {"x": BINS["1"]["x"]}}, ["plan", "x"], ["model_version", "plan", "x"]),
        ({}, ["model_version"], ["model_version"]),
    ],
    ids=["nothing is watched", "a column of each version", "a segment that is watched too",
         "the version as a segment"],
)  # fmt: skip
def test_what_a_profile_needs_is_read_once(bins, segments, columns):
    assert profiled_columns(LOG, bins, segments) == columns


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({"segments": ["plam"]}, "'plam'. Did you mean 'plan'?", id="a segment"),
        pytest.param({"bins": {"1": {"y": BINS["1"]["x"]}}}, "'y'", id="a feature"),
    ],
)
def test_a_profile_of_what_is_not_there_is_refused_with_its_name(tmp_path, changed, told):
    write(tmp_path, x=[1.0], plan=["a"])
    with pytest.raises(UnknownColumn, match=r"2025-03-01\.parquet has no column") as error:
        profile_day(LOG, DAY, root=tmp_path, **({"bins": BINS} | changed))
    assert told in str(error.value)


def test_versions_are_counted_where_rows_count_duplicates_included(log, tmp_path):
    log(
        [
            served("a", model_version="10"),
            served("a", model_version="10"),
            served("b", model_version="9", status="error"),
            served("c", model_version="8", is_test=True),
            served("d", model_version=None),
            served("e", model_version="'; DROP TABLE x"),
        ]
    )
    assert versions_of(PREDICTIONS, DAY, root=tmp_path) == {"": 1, "'; DROP TABLE x": 1, "10": 2}


@pytest.mark.parametrize(
    ("requests", "errors", "rate"), [(0, 0, None), (4, 0, 0.0), (4, 1, 0.25), (4, 4, 1.0)]
)
def test_a_rate_of_errors_needs_requests(requests, errors, rate):
    assert ServiceNumbers(requests, errors, 0, {}).error_rate == rate


@pytest.mark.parametrize(
    ("stored", "median"),
    [
        pytest.param([10, 20, 30], 20.0, id="whole numbers"),
        pytest.param(["10", "20", "30 ms"], 15.0, id="text, of which one is no number"),
        pytest.param([10.0, float("inf"), float("nan")], 10.0, id="infinity and NaN are none"),
        pytest.param(["fast"] * 3, None, id="words"),
        pytest.param([None] * 3, None, id="nothing"),
        pytest.param([True] * 3, 1.0, id="yes"),
    ],
)
def test_a_latency_is_the_quantile_of_what_is_a_number(tmp_path, stored, median):
    write(tmp_path, ms=stored)
    log = LOG.model_copy(update={"latency_ms": {"it's": "ms"}})
    found = service_numbers(log, DAY, root=tmp_path).latency_ms
    assert {stage: one.p50 for stage, one in found.items()} == (
        {} if median is None else {"total": median, "it's": median}
    )


def test_a_request_of_which_one_stage_is_missing_has_no_total(tmp_path):
    write(tmp_path, a=[1.0, 1.0], b=[10.0, None])
    log = LOG.model_copy(update={"latency_ms": {"a": "a", "b": "b"}})
    found = service_numbers(log, DAY, root=tmp_path).latency_ms
    assert found["total"] == Latency(11.0, 11.0, 11.0)
    assert found["a"] == Latency(1.0, 1.0, 1.0)


def test_no_status_but_ok_error_and_fallback_is_known(tmp_path):
    """In any case, with any blanks; of others three are named, by frequency and then by name."""
    stored = ["ok", " OK ", "Error", "FALLBACK", "b", "c", "a", "c", "d"]
    write(tmp_path, status=stored)
    log = LOG.model_copy(update={"status": "status"})
    found = service_numbers(log, DAY, root=tmp_path)
    assert (found.requests, found.errors, found.fallback) == (9, 6, 1)
    assert list(found.unknown_statuses.items()) == [("c", 2), ("a", 1), ("b", 1)]


def test_a_day_of_test_traffic_alone_has_no_requests(tmp_path):
    write(tmp_path, is_test=[True, True], ms=[1.0, 2.0])
    log = LOG.model_copy(update={"synthetic": "is_test", "latency_ms": {"model": "ms"}})
    assert service_numbers(log, DAY, root=tmp_path) == ServiceNumbers(0, 0, 0, {}, {})
    account, rows = read(log, tmp_path, columns=["ms"])
    assert (account.synthetic, account.counted, rows) == (2, 0, [])


@pytest.mark.parametrize("name", ["request_id", "served_at", "model_version", "prediction"])
def test_without_a_column_that_says_which_rows_count_there_is_no_answer(tmp_path, name):
    write(tmp_path, x=[1.0])
    there = pq.read_table(tmp_path / f"{DAY}.parquet")
    pq.write_table(there.drop_columns(name), tmp_path / f"{DAY}.parquet")
    for ask in (read_day, service_numbers, versions_of):
        further = {"columns": ["x"]} if ask is read_day else {}
        with pytest.raises(UnknownColumn, match=f"has no column '{name}'"):
            ask(LOG, DAY, root=tmp_path, **further)


DEPLOYED = LOG.model_copy(update={"feature_code": "sha", "libraries": "pip", "status": "status"})


def deployed(root, log=DEPLOYED, **columns):
    rows = len(next(iter(columns.values())))
    write(root, **{"status": ["ok"] * rows, **columns})
    found = deployments_of(log, DAY, root=root, columns=columns_of(log, DAY, root=root))
    return [(one.version, one.feature_code, one.libraries, one.rows) for one in found]


def test_rows_that_count_are_grouped_by_what_answered_them_the_most_rows_first(tmp_path):
    found = deployed(
        tmp_path,
        model_version=["1", "1.0", "2", "2", "2", None],
        sha=["a", " a ", "b", "b", "", "b"],
        pip=["numpy==2", "numpy==2", None, None, None, "x"],
        status=["ok", "ok", "ok", "error", "ok", "fallback"],
    )
    assert found == [("1", "a", "numpy==2", 2), ("2", "b", None, 1), ("2", None, None, 1)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({"sha": [7, 7]}, [("1", "7", None, 2)], id="numbers, and no libraries"),
        pytest.param({"pip": ["x", "x"]}, [("1", None, "x", 2)], id="no feature code"),
        pytest.param({"age": [1, 2]}, [], id="neither"),
        pytest.param({"pip": [{"numpy": "2"}] * 2}, [("1", None, '{"numpy":"2"}', 2)],
                     id="a struct"),
        pytest.param({"pip": pa.array([[("numpy", "2")]] * 2, pa.map_(pa.string(), pa.string()))},
                     [("1", None, '{"numpy":"2"}', 2)], id="a map"),
        pytest.param({"sha": pa.nulls(2)}, [("1", None, None, 2)], id="nothing but nulls"),
        pytest.param({"sha": ["x" * 9_999] * 2}, [("1", "x" * 4_000, None, 2)], id="much too long"),
        pytest.param({"sha": [b"\xff", b"\xff"]}, [("1", "\\xFF", None, 2)], id="bytes"),
    ],
)  # fmt: skip
def test_what_a_row_says_of_its_service_is_read_in_any_type(tmp_path, columns, expected):
    assert deployed(tmp_path, **columns) == expected


def test_a_column_of_something_else_costs_a_hundred_groups_at_most(tmp_path):
    found = deployed(tmp_path, sha=[f"{n:03}" for n in range(150)] + ["7"])
    assert len(found) == 100
    assert found[0] == ("1", "000", None, 1)


def test_one_column_may_stand_for_both(tmp_path):
    log = DEPLOYED.model_copy(update={"libraries": "sha"})
    assert deployed(tmp_path, log, sha=["a", "a"]) == [("1", "a", "a", 2)]
    assert deployed(tmp_path, log.model_copy(update={"feature_code": "model_version"}),
                    sha=["a", "a"]) == [("1", "1", "a", 2)]  # fmt: skip
