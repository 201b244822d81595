"""Values of any Arrow type become numbers or names, and equal values are equal however typed."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.values import (
    WrongType,
    arrow,
    as_plain,
    categories,
    is_numeric,
    is_time,
    is_words,
    names_of,
    numbers,
    plain,
    plain_type,
)

NAN, INF = float("nan"), float("inf")


def runs(ends, values):
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends), values)


def named(values):
    codes, names = categories(values, column="c")
    assert len(set(names)) == len(names)
    assert set(codes.tolist()) - {-1} == set(range(len(names))), "every name has a row"
    return [None if code < 0 else names[code] for code in codes]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(pa.array([True, None, False]), ["true", None, "false"], id="booleans"),
        pytest.param(pa.array([1, 2]), ["1", "2"], id="integers"),
        pytest.param(pa.array([1.0, np.nan, 2.5]), ["1", None, "2.5"], id="floats with NaN"),
        pytest.param(pa.array([0.1 + 0.2, 0.3]), ["0.3", "0.3"], id="the last bits of a sum"),
        pytest.param(pa.array([-0.0, 0.0]), ["0", "0"], id="a negative zero"),
        pytest.param(pa.array([INF, -INF]), ["inf", "-inf"], id="infinite"),
        pytest.param(pa.array([2.0**62, 2.0**63, -(2.0**63)]),
                     [str(2**62), "9.223372e+18", "-9.223372e+18"], id="beyond whole numbers"),
        pytest.param(pa.array([1e15, 1e300]), ["1000000000000000", "1e+300"], id="huge"),
        pytest.param(pa.array([2**60 + 1, 2**60]), [str(2**60 + 1), str(2**60)], id="long keys"),
        pytest.param(pa.array(np.float16([0.5, 2])), ["0.5", "2"], id="halves"),
        pytest.param(pa.array([0.1], pa.float32()), ["0.1"], id="singles"),
        pytest.param(pa.array([Decimal("1.00"), Decimal("2.50")]), ["1", "2.5"], id="decimals"),
        pytest.param(pa.array([Decimal("100"), None]), ["100", None], id="whole decimals"),
        pytest.param(pa.array(["x", None]).dictionary_encode(), ["x", None], id="dictionary"),
        pytest.param(pa.array([1.0, 2.5]).dictionary_encode(), ["1", "2.5"], id="of numbers"),
        pytest.param(pa.nulls(2), [None, None], id="nothing but nulls"),
        pytest.param(pa.array(["NA", "n/a", "", "none", "-"]), [None, None, None, "none", "-"],
                     id="what stands for nothing"),
        pytest.param(pa.array(["a\x00b", "<b>", " a", "é", "😀" * 99]),
                     ["a\x00b", "<b>", " a", "é", "😀" * 99], id="any text"),
        pytest.param(pa.array([date(2026, 3, 1)]), ["2026-03-01"], id="a date"),
        pytest.param(pa.array([datetime(2026, 3, 1)]), ["2026-03-01"],  # noqa: DTZ001
                     id="midnight"),
        pytest.param(pa.array([datetime(2026, 3, 1, 6, 0, 0, 500_000)]),  # noqa: DTZ001
                     ["2026-03-01 06:00:00.5"], id="half a second"),
        pytest.param(pa.array([datetime(2026, 3, 1, 6, tzinfo=UTC)]), ["2026-03-01 06:00:00Z"],
                     id="a moment of a zone"),
        pytest.param(pa.array([timedelta(minutes=1.5), None]), ["90", None], id="a duration"),
        pytest.param(pa.array([time(0, 1, 0)]), ["60"], id="a time of day"),
        pytest.param(
            pa.array([str(i) for i in range(127)] + [None]).dictionary_encode(),
            [str(i) for i in range(127)] + [None],
            id="a full dictionary",
        ),
        pytest.param(
            pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["a", None, "a"])),
            ["a", None, "a"],
            id="a dictionary with a null and a twin in it",
        ),
        pytest.param(pa.array(["p", "q", None, "r"])[1:], ["q", None, "r"], id="a slice"),
        pytest.param(pa.array([1, None, 3, 4])[1:3], [None, "3"], id="a slice of numbers"),
        pytest.param(pa.array(["a", "b"], pa.string_view()), ["a", "b"], id="views"),
        pytest.param(pa.array(["a", "b"], pa.large_string()), ["a", "b"], id="long text"),
        pytest.param(runs([2, 3], pa.array(["a", None])), ["a", "a", None], id="runs"),
        pytest.param(pa.chunked_array([["a"], [], ["b", "a"]]), ["a", "b", "a"], id="chunks"),
        pytest.param(pa.chunked_array([], pa.string()), [], id="no chunk"),
        pytest.param(pa.array([], pa.int8()), [], id="no row"),
    ],
)  # fmt: skip
def test_values_become_names(values, expected):
    assert named(values) == expected
    assert names_of(values if isinstance(values, pa.Array) else values.combine_chunks()).to_pylist(
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.array([[1]]), id="lists"),
        pytest.param(pa.array([{"a": 1}]), id="records"),
        pytest.param(pa.array([b"a"]), id="bytes"),
    ],
)
def test_nested_values_are_refused_by_name(values):
    assert plain_type(values.type) is None
    with pytest.raises(WrongType, match=r"column 'tags' arrives as .* which has no categories"):
        categories(values, column="tags")
    with pytest.raises(WrongType, match="column 'tags' was numeric in the reference"):
        numbers(values, column="tags")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(pa.array([1, 2]), [1, 2], id="integers"),
        pytest.param(pa.array([1, None]), [1, NAN], id="a null"),
        pytest.param(pa.array([1.5, NAN, INF]), [1.5, NAN, INF], id="NaN and infinite"),
        pytest.param(pa.array([255, None], pa.uint8()), [255, NAN], id="small integers"),
        pytest.param(pa.array([2**53, None]), [2.0**53, NAN], id="large ones"),
        pytest.param(pa.array([True, False, None]), [1, 0, NAN], id="booleans"),
        pytest.param(pa.array([Decimal("1.25"), None]), [1.25, NAN], id="decimals"),
        pytest.param(pa.array(["1.5", "x", "", None]), [1.5, NAN, NAN, NAN], id="text"),
        pytest.param(pa.array(["1", "2", "1"]).dictionary_encode(), [1, 2, 1], id="named numbers"),
        pytest.param(pa.array([1, 2, 1]).dictionary_encode(), [1, 2, 1], id="a dictionary"),
        pytest.param(pa.array([timedelta(seconds=90)]), [90], id="a duration"),
        pytest.param(pa.array([500], pa.duration("ms")), [0.5], id="in milliseconds"),
        pytest.param(pa.array([time(0, 1, 0)]), [60], id="a time of day"),
        pytest.param(pa.nulls(2), [NAN, NAN], id="nothing but nulls"),
        pytest.param(pa.array([0, 1, None, 3])[1:], [1, NAN, 3], id="a slice"),
        pytest.param(pa.chunked_array([[1], [], [None, 2]]), [1, NAN, 2], id="chunks"),
        pytest.param(pa.chunked_array([["1"], ["x"]]), [1, NAN], id="chunks of text"),
        pytest.param(pa.chunked_array([], pa.int64()), [], id="no chunk"),
        pytest.param(pa.array([], pa.string()), [], id="no row of text"),
    ],
)
def test_values_become_numbers(values, expected):
    found = numbers(values, column="x")
    assert np.array_equal(found.astype(np.float64), np.array(expected, float), equal_nan=True)


@pytest.mark.parametrize(
    "values",
    [pa.array([date(2026, 3, 1)]), pa.array([datetime(2026, 3, 1, tzinfo=UTC)])],
    ids=["days", "moments"],
)
def test_points_in_time_are_no_numbers(values):
    """Their mean would be a day, and any later day would drift."""
    assert is_time(values.type)
    with pytest.raises(WrongType, match=r"'x' was numeric .* declare `kind: categorical`"):
        numbers(values, column="x")


def test_numbers_without_a_null_are_not_copied():
    values = pa.array(np.arange(1000.0))
    assert np.shares_memory(numbers(values, column="x"), np.from_dlpack(values))


def test_a_null_does_not_show_what_lies_below_it():
    """The buffer holds any number there."""
    mask = np.array([False, True, False])
    values = pa.array(np.array([1.0, 777.0, 3.0]), mask=mask)
    assert plain(values, nulls_as=np.float64(-1)).tolist() == [1.0, -1.0, 3.0]
    assert plain(values[1:], nulls_as=np.float64(-1)).tolist() == [-1.0, 3.0]


@pytest.mark.parametrize(
    ("arrow_type", "read_as"),
    [
        pytest.param(pa.int8(), pa.int8(), id="numbers as they are"),
        pytest.param(pa.bool_(), pa.bool_(), id="truth values"),
        pytest.param(pa.null(), pa.null(), id="nulls"),
        pytest.param(pa.decimal128(9, 2), pa.decimal128(9, 2), id="decimals"),
        pytest.param(pa.string_view(), pa.string(), id="views of text"),
        pytest.param(pa.duration("ns"), pa.float64(), id="durations in seconds"),
        pytest.param(pa.time32("s"), pa.float64(), id="times of day in seconds"),
        pytest.param(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.string()),
                     id="names by number"),
        pytest.param(pa.dictionary(pa.int8(), pa.int64()), pa.int64(), id="numbers by number"),
        pytest.param(pa.run_end_encoded(pa.int32(), pa.duration("s")), pa.float64(), id="runs"),
        pytest.param(pa.dictionary(pa.int8(), pa.list_(pa.int8())), None, id="lists by number"),
        pytest.param(pa.list_(pa.string()), None, id="lists"),
        pytest.param(pa.binary(), None, id="bytes"),
    ],
)  # fmt: skip
def test_every_type_is_read_as_one_of_a_few(arrow_type, read_as):
    assert plain_type(arrow_type) == read_as


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(pa.array(["a"], pa.string_view()), pa.array(["a"]), id="views of text"),
        pytest.param(pa.array([1500], pa.duration("us")), pa.array([0.0015]), id="a duration"),
        pytest.param(pa.array([time(0, 0, 1)], pa.time32("ms")), pa.array([1.0]), id="a time"),
        pytest.param(pa.array([7, 7]).dictionary_encode(), pa.array([7, 7]), id="a dictionary"),
        pytest.param(runs([2], pa.array([90], pa.duration("s"))), pa.array([90.0, 90.0]),
                     id="runs of durations"),
    ],
)  # fmt: skip
def test_values_are_read_as_their_plain_type_says(values, expected):
    found = as_plain(values)
    assert found.type == plain_type(values.type)
    assert found.equals(expected)


@pytest.mark.parametrize(
    ("arrow_type", "kind"),
    [
        (pa.float16(), "numeric"), (pa.uint64(), "numeric"), (pa.decimal256(50, 2), "numeric"),
        (pa.bool_(), ""), (pa.null(), ""), (pa.duration("s"), ""), (pa.binary(), ""),
        (pa.string(), "words"), (pa.large_string(), "words"), (pa.string_view(), "words"),
        (pa.dictionary(pa.int8(), pa.string()), "words"), (pa.dictionary(pa.int8(), pa.int8()), ""),
        (pa.date32(), "time"), (pa.timestamp("us", tz="UTC"), "time"), (pa.time32("s"), ""),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_measured_what_is_named_and_what_is_a_point_in_time(arrow_type, kind):
    kinds = {"numeric": is_numeric, "words": is_words, "time": is_time}
    assert [name for name, holds in kinds.items() if holds(arrow_type)] == ([kind] if kind else [])


whole = st.integers(-(2**24), 2**24)


@given(st.lists(st.none() | whole))
def test_a_whole_number_has_one_name_in_every_type(values):
    """A file may write the same column as integers today and as floats tomorrow."""
    expected = [None if one is None else str(one) for one in values]
    types = (pa.int32(), pa.int64(), pa.float32(), pa.float64())
    for of in types:
        assert named(pa.array(values, of)) == expected
    assert named(pa.array(expected, pa.string())) == expected
    decimals = [None if one is None else Decimal(one) for one in values]
    assert named(pa.array(decimals, pa.decimal128(20, 2))) == expected


@given(st.lists(st.none() | st.floats(width=32)), st.integers(0, 5))
def test_numbers_are_what_numpy_reads_wherever_the_column_is_cut(values, cut):
    array = pa.array(values, pa.float64())
    expected = np.array([NAN if one is None else one for one in values], float)
    for found in (array, pa.chunked_array([array[:cut], array[cut:]])):
        assert np.array_equal(numbers(found, column="x"), expected, equal_nan=True)


@given(st.lists(st.none() | st.sampled_from(["a", "b", "NA", "1.0", ""])))
def test_codes_are_small_and_names_come_as_they_first_appear(values):
    codes, names = categories(pa.array(values, pa.string()), column="c")
    first = list(dict.fromkeys(one for one in values if one not in (None, "NA", "")))
    assert names == first
    assert [None if code < 0 else names[code] for code in codes] == [
        one if one in first else None for one in values
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1.0, NAN], [1.0, None], id="a list with NaN"),
        pytest.param(np.array([1, 2]), [1, 2], id="an array"),
        pytest.param(np.array(["a", None], object), ["a", None], id="objects"),
        pytest.param(range(2), [0, 1], id="a range"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_anything_that_is_an_array_is_one_of_arrows(values, expected):
    assert arrow(values).to_pylist() == expected


@pytest.mark.parametrize("values", [pa.array([1.0, NAN]), pa.chunked_array([[1], [2]])])
def test_what_arrow_has_already_stays_as_it_is(values):
    assert arrow(values) is values
