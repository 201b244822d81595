"""The same values count as the same, whatever type they arrive in."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.sources.rows.served import (
    profile_day,
    read_day,
    service_numbers,
    versions_of,
)
from monitoring_dagster.spec import Predictions
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.groups import Group

DAY = date(2025, 3, 1)
LOG = Predictions(path="{day}.parquet")
TRUTHS = [True, False, True, None]


def write(root, name=f"{DAY}.parquet", **columns):
    """A day of as many rows as *columns* have, usual but for them."""
    rows = len(next(iter(columns.values())))
    usual = {
        "request_id": [f"r{number}" for number in range(rows)],
        "served_at": pa.array([1_740_830_400_000_000] * rows, pa.timestamp("us", tz="UTC")),
        "model_version": ["1"] * rows,
        "prediction": [1] * rows,
    }
    pq.write_table(pa.table(usual | columns), root / name)


def counted(root, bins, log=LOG):
    """Rows per bin of column x, and how many are missing."""
    _, profiles = profile_day(log, DAY, root=root, bins={"1": {"x": bins}})
    column = profiles[Group("1")].columns["x"]
    return column.counts.tolist(), column.nulls


@pytest.mark.parametrize(
    "arrives",
    [
        pytest.param(pa.array(TRUTHS), id="booleans"),
        pytest.param(pa.array([1.0, 0.0, 1.0, None]), id="floats, as pandas has it with a gap"),
        pytest.param(pa.array([1, 0, 1, None], pa.int8()), id="small integers"),
        pytest.param(pa.array(["True", "False", "True", None]), id="Python's words"),
        pytest.param(pa.array(["TRUE", "false ", "1", None]), id="words and blanks"),
        pytest.param(pa.array(["1.0", "0.0", "1.0", None]), id="floats as text"),
        pytest.param(pa.array([1, 0, 1, None]).cast(pa.decimal128(21, 2)), id="decimals"),
    ],
)
@pytest.mark.parametrize(
    "reference",
    [
        pytest.param(pa.array([True, False]), id="of booleans"),
        pytest.param(pa.array([1, 0]), id="of 0 and 1"),
        pytest.param(pa.array(["True", "False"]), id="of Python's words"),
    ],
)
def test_true_is_true_however_it_is_written(tmp_path, reference, arrives):
    write(tmp_path, x=arrives)
    bins = CategoricalBins.from_reference(reference)
    counts, missing = counted(tmp_path, bins)
    found = {level.lower(): n for level, n in zip(bins.levels, counts, strict=False)}
    assert found in ({"true": 2, "false": 1}, {"1": 2, "0": 1})
    assert (sum(counts), missing) == (3, 1)


def test_another_value_beside_true_and_false_is_a_new_one(tmp_path):
    write(tmp_path, x=pa.array([1.0, 0.0, 2.0]))
    counts, _ = counted(tmp_path, CategoricalBins(("false", "true")))
    assert (counts[:2], sum(counts[2:])) == ([1, 1], 1)


@pytest.mark.parametrize(
    ("arrives", "missing"),
    [
        pytest.param(pa.array([1.5, 2.0, -3.0]), 0, id="doubles"),
        pytest.param(pa.array([1.5, 2.0, -3.0], pa.float32()), 0, id="floats"),
        pytest.param(pa.array([1.5, 2.0, -3.0]).cast(pa.decimal128(9, 1)), 0, id="decimals"),
        pytest.param(pa.array(["1.5", "2", "-3.0"]), 0, id="text"),
        pytest.param(pa.array([" 1.5", "2e0", "-3"]).cast(pa.string_view()), 0, id="string views"),
        pytest.param(pa.array(["1.5", "2", "-3"]).dictionary_encode(), 0, id="codes of text"),
        pytest.param(pa.array(["1.5", "2", "-3", "n/a", "old", ""]), 3, id="words among them"),
        pytest.param(pa.array([1500, 2000, -3000], pa.duration("ms")), 0, id="durations in ms"),
        pytest.param(
            pa.array([1_500_000_000, 2_000_000_000, -3_000_000_000], pa.duration("ns")),
            0,
            id="durations in ns, which Parquet stores as integers",
        ),
    ],
)
def test_a_number_is_a_number_however_it_is_written(tmp_path, arrives, missing):
    write(tmp_path, x=arrives)
    bins = NumericBins(np.array([-3.0, 0.0, 1.5]))
    assert counted(tmp_path, bins) == ([1, 0, 1, 1], missing)


def test_wide_integers_are_numbers(tmp_path):
    write(tmp_path, x=pa.array([2**63 + 5, 1], pa.uint64()))
    assert counted(tmp_path, NumericBins(np.array([2.0]))) == ([1, 1], 0)


@pytest.mark.parametrize(
    "arrives",
    [
        pytest.param(pa.array(["a", "b", "a"]).cast(pa.string_view()), id="string views"),
        pytest.param(pa.array([b"a", b"b", b"a"]), id="bytes"),
        pytest.param(pa.array(["a", "b", "a"]).dictionary_encode(), id="codes"),
    ],
)
def test_a_word_is_a_word_however_it_is_stored(tmp_path, arrives):
    write(tmp_path, x=arrives)
    counts, _ = counted(tmp_path, CategoricalBins(("a", "b")))
    assert counts[:2] == [2, 1]


def test_bytes_that_are_no_text_are_missing_and_take_nothing_down(tmp_path):
    write(tmp_path, x=pa.array([b"\xff\xfe", b"a"]))
    counts, missing = counted(tmp_path, CategoricalBins(("a",)))
    assert (counts[0], missing) == (1, 1)


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(pa.array([1.0, 1.0, None]), id="floats, since one row has none"),
        pytest.param(pa.array(["1", "1.0", " "]), id="text, one of them a float's"),
        pytest.param(pa.array([1.0, 1.0, float("nan")]), id="NaN"),
        pytest.param(pa.array(["1", "1.00", "None"]), id="the word None"),
        pytest.param(pa.array([1, 1, None]).cast(pa.decimal128(21, 2)), id="decimals"),
    ],
)
def test_version_1_is_version_1_however_it_is_written(tmp_path, stored):
    write(tmp_path, model_version=stored, x=[1.0, 2.0, 3.0])
    assert versions_of(LOG, DAY, root=tmp_path) == {"": 1, "1": 2}
    assert counted(tmp_path, NumericBins(np.array([1.0]))) == ([1, 1], 0)


@pytest.mark.parametrize("written", ["v1", "1.5", "latest", "10"])
def test_what_is_another_version_stays_one(tmp_path, written):
    write(tmp_path, model_version=[written])
    assert versions_of(LOG, DAY, root=tmp_path) == {written: 1}


def test_scores_beside_0_and_1_are_rounded_and_others_are_no_scores(tmp_path):
    """NaN too: a file's statistics leave it out, and no optimiser may take it for a number."""
    nan, wrong = float("nan"), [1.7, -0.2, float("inf")]
    scores = [1.0 + 2.3e-16, -1e-12, 0.5, 0.25, nan, *wrong]
    write(tmp_path, x=scores)
    log = LOG.model_copy(update={"score": "x"})
    assert counted(tmp_path, NumericBins(np.array([0.0, 0.3, 0.9999])), log) == ([1, 1, 1, 1], 4)


@pytest.mark.parametrize(
    ("stored", "kinds"),
    [
        pytest.param(["OK", "Ok ", " ok", "ERROR", "Fallback"], (3, 1, 1), id="case and blanks"),
        pytest.param(["ok", "success", "200", None, "ok"], (2, 3, 0), id="other words are errors"),
    ],
)
def test_a_status_counts_in_any_spelling(tmp_path, stored, kinds):
    write(tmp_path, status=stored)
    log = LOG.model_copy(update={"status": "status"})
    account, _ = read_day(log, DAY, root=tmp_path, columns=[])
    assert (account.counted, account.errors, account.fallback) == kinds


def test_the_most_frequent_unknown_statuses_are_named(tmp_path):
    stored = ["success"] * 4 + ["done"] * 3 + [None] * 2 + ["x"] + ["error"] * 9
    write(tmp_path, status=stored)
    log = LOG.model_copy(update={"status": "status"})
    found = service_numbers(log, DAY, root=tmp_path)
    assert found.errors == len(stored)
    assert list(found.unknown_statuses.items()) == [("success", 4), ("done", 3), ("(missing)", 2)]


@pytest.mark.parametrize(
    ("stored", "synthetic"),
    [
        (["True", "false", None], 1),
        ([1.0, 0.0, None], 1),
        (["test", "prod", "prod"], 0),
    ],
)
def test_test_traffic_is_what_says_so(tmp_path, stored, synthetic):
    """A word that is no truth value takes no day down: the contract tells of it."""
    write(tmp_path, is_test=stored)
    log = LOG.model_copy(update={"synthetic": "is_test"})
    assert read_day(log, DAY, root=tmp_path, columns=[])[0].synthetic == synthetic


@pytest.mark.parametrize(
    "stored", [["", "", "a"], [float("nan"), None, 1.0]], ids=["empty text", "NaN"]
)
def test_an_empty_id_is_none(tmp_path, stored):
    write(tmp_path, request_id=stored)
    account, _ = read_day(LOG, DAY, root=tmp_path, columns=[])
    assert (account.counted, account.duplicate_ids) == (3, 0)


def test_text_that_is_no_time_comes_last_and_takes_no_day_down(tmp_path):
    """Of two answers the one with a time is the first."""
    times = ["10.03.2025", "2025-03-01T10:00:00+02:00"]
    write(tmp_path, request_id=["a", "a"], served_at=times, x=[1.0, 2.0])
    _, batches = read_day(LOG, DAY, root=tmp_path, columns=["x"])
    assert pa.Table.from_batches(batches)["x"].to_pylist() == [2.0]
