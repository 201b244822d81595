"""The same values count as the same, whatever type they arrive in."""

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.sources.rows.served import (
    profile_day,
    versions_of,
)
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.groups import Group
from tests.sources.rows.small_log import DAY, LOG, write

TRUTHS = [True, False, True, None]


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


def test_scores_beside_0_and_1_are_rounded_and_others_are_no_scores(tmp_path):
    """NaN too: a file's statistics leave it out, and no optimiser may take it for a number."""
    nan, wrong = float("nan"), [1.7, -0.2, float("inf")]
    scores = [1.0 + 2.3e-16, -1e-12, 0.5, 0.25, nan, *wrong]
    write(tmp_path, x=scores)
    log = LOG.model_copy(update={"score": "x"})
    assert counted(tmp_path, NumericBins(np.array([0.0, 0.3, 0.9999])), log) == ([1, 1, 1, 1], 4)
