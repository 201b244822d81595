"""Frames are read column by column: what cannot be read costs only itself, and says why."""

from datetime import date, time, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.sources.tables.frames import NotATable

VIEW = pa.array(["a", "b"]).cast(pa.string_view())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param(VIEW, ["a", "b"], id="string views, as of Polars"),
        pytest.param(pa.DictionaryArray.from_arrays([1, 0], VIEW), ["b", "a"], id="categories"),
        pytest.param(pa.array([1, 1, 2]).dictionary_encode(), [1, 1, 2], id="coded numbers"),
        pytest.param(pd.Series([1, "C2", 2.0, True]), ["1", "C2", "2", "true"], id="mixed objects"),
        pytest.param(pd.Series([None, "a", np.nan]), [None, "a", None], id="missing objects"),
        pytest.param(pd.Series([2**70, 1]), [str(2**70), "1"], id="very large numbers"),
        pytest.param(pd.cut(pd.Series([1, 3]), [0, 2, 4]), ["(0, 2]", "(2, 4]"], id="pd.cut"),
        pytest.param(
            pd.Series(pd.interval_range(0, 2)), ["(0, 1]", "(1, 2]"], id="intervals of pandas"
        ),
        pytest.param(pd.Series([1, None], dtype="Int64"), [1, None], id="nullable"),
        pytest.param(pd.Series([0, 2], dtype="Sparse[int64]"), [0, 2], id="sparse"),
        pytest.param(pd.to_timedelta(pd.Series([1.5, 2]), unit="s"), [1.5, 2.0], id="durations"),
        pytest.param(pd.Series([time(1, 0, 1), None]), [3601.0, None], id="times of day"),
        pytest.param(pa.array([timedelta(days=1)], pa.duration("ns")), [86400.0], id="nanoseconds"),
        pytest.param(pd.Series([Decimal("1.50"), 2]), [Decimal("1.50"), Decimal(2)], id="decimals"),
        pytest.param(pd.Series([date(2026, 1, 1)]), [date(2026, 1, 1)], id="days"),
        pytest.param(pd.Series(np.float32([0.5, 1])), [0.5, 1.0], id="32 bits"),
    ],
)
def test_a_column_is_read_as_what_it_means(column, values):
    given = pd.DataFrame({"x": column}) if isinstance(column, pd.Series) else {"x": column}
    found = Table.of(given, side="reference")
    assert found.left_out == {}
    assert next(found.read(["x"]))["x"].to_pylist() == values


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pd.Series([[1], [2]]), id="lists"),
        pytest.param(pd.Series([{"a": 1}, {"a": 2}]), id="dicts"),
        pytest.param(pd.Series([b"a", b"b"]), id="bytes"),
        pytest.param(pd.Series([UUID(int=1), UUID(int=2)]), id="uuids"),
        pytest.param(pd.Series([object(), object()]), id="objects"),
        pytest.param(pd.Series(np.array([1j, 2j])), id="complex numbers"),
        pytest.param(pd.Series(pd.period_range("2026-01", periods=2, freq="M")), id="periods"),
    ],
)
def test_a_column_that_cannot_be_read_is_left_out_with_the_reason(column):
    found = Table.of(pd.DataFrame({"x": column, "n": [1.0, 2.0]}), side="reference")
    assert found.schema.names == ["n"]
    assert found.left_out.keys() == {"x"}


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        (pd.DataFrame({0: [1], 1: [2]}), ["0", "1"]),
        (pd.DataFrame({"a": [1]}, index=pd.Index(["k"], name="key")), ["a", "key"]),
        (pd.DataFrame({"a": [1]}, index=[5]), ["a"]),
        (pd.DataFrame({("a", "x"): [1], ("a", "y"): [2]}), ["('a', 'x')", "('a', 'y')"]),
    ],
    ids=["numbers for names", "a named index", "an index without a name", "names of two levels"],
)
def test_names_are_text_and_only_a_named_index_is_a_column(frame, names):
    assert Table.of(frame, side="reference").schema.names == names


@pytest.mark.parametrize("thing", [3.5, [1, 2], pd.Series([1]), np.zeros((2, 2)), {"a": 1}])
def test_what_is_no_table_is_one_clear_error(thing):
    with pytest.raises(NotATable, match=f"the reference is a {type(thing).__name__} that cannot"):
        Table.of(thing, side="reference")
