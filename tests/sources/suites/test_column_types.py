"""The name of a type in a suite means the same values, whatever library it is of."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.sources.suites.column_types import (
    KNOWN,
    is_counted_type,
    is_of_type,
    plain_name,
)


def objects(*values):
    return pd.Series(values, dtype=object)


COLUMNS = {
    "text": objects("a", None),
    "integer": pd.Series([1, 2]),
    "float": pd.Series([1.5, 2.0]),
    "decimal": objects(Decimal("1.5"), None),
    "bool": pd.Series([True, False]),
    "time": pd.Series(pd.to_datetime(["2026-03-01"])),
    "date": objects(date(2026, 3, 1), None),
    "duration": pd.Series(pd.to_timedelta([1], unit="s")),
    "category": pd.Series(pd.period_range("2026-01", periods=2, freq="M")).astype("category"),
    "list": objects([1], [2]),
    "mapping": objects({"a": 1}),
    "bytes": objects(b"a"),
}
NAMES = {
    "text": ["str", "string", "VARCHAR", "StringType", "StringType()", "string[pyarrow]", "text"],
    "integer": ["int", "INTEGER", "bigint", "LongType", "int64", "Int64", "np.int64"],
    "float": ["float", "Double", "FLOATTYPE", "float64", "numpy.float64", "real"],
    "decimal": ["Decimal", "numeric", "DecimalType"],
    "bool": ["bool", "np.bool_", "BOOLEAN", "BooleanType()"],
    "time": ["datetime64[ns]", "datetime64[us, Europe/Berlin]", "Timestamp", "TimestampType"],
    "date": ["date", "DateType", "datetime.date"],
    "duration": ["timedelta64[ns]", "timedelta", "INTERVAL"],
    "category": ["category", "CategoricalDtype"],
    "list": ["list", "ndarray", "tuple"],
    "mapping": ["dict", "STRUCT", "map"],
    "bytes": ["bytes", "BINARY"],
}


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in NAMES.items() for n in names])
def test_every_library_calls_a_kind_of_values_its_own_name(kind, name):
    assert plain_name(name) in KNOWN
    found = {of for of, column in COLUMNS.items() if is_of_type(column, name)}
    assert found == {kind}


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        pytest.param("  Int64 ", "int64", id="blanks and capitals"),
        pytest.param("pandas.core.arrays.CategoricalDtype", "categoricaldtype", id="a module"),
        pytest.param("datetime64[ns, UTC]", "datetime64", id="a unit and a zone"),
        pytest.param("timedelta64[s]", "timedelta64", id="a unit"),
        pytest.param("string[pyarrow]", "string[pyarrow]", id="where words are stored"),
        pytest.param("", "", id="nothing"),
        pytest.param("a" * 1000, "a" * 1000, id="a long word"),
        pytest.param("'; DROP TABLE x", "'; drop table x", id="SQL"),
    ],
)
def test_a_name_is_taken_without_what_its_library_adds(written, plain):
    assert plain_name(written) == plain


@given(st.sampled_from(sorted(KNOWN)), st.booleans(), st.sampled_from(["", " ", "\t"]))
def test_case_module_and_blanks_change_no_known_name(name, capitals, blanks):
    written = f"{blanks}numpy.{name.upper() if capitals else name}{blanks}"
    if name.startswith(("datetime64", "timedelta64")):
        written = f"{written.strip()}[ns]"
    assert plain_name(written) == name


@pytest.mark.parametrize(
    ("column", "name", "met"),
    [
        pytest.param(pd.Series([1], dtype="int32"), "int32", True, id="its very size"),
        pytest.param(pd.Series([1], dtype="int32"), "int64", False, id="another size"),
        pytest.param(pd.Series([1], dtype="int32"), "int", True, id="a kind has all sizes"),
        pytest.param(pd.Series([1], dtype="uint8"), "uint8", True, id="without a sign"),
        pytest.param(pd.Series([1.0, None]), "int64", True, id="whole numbers with a gap"),
        pytest.param(pd.Series([1.0, None]), "int", True, id="so are they as a kind"),
        pytest.param(pd.Series([1.0, None]), "uint8", False, id="but none without a sign"),
        pytest.param(pd.Series([1.0, 2.0]), "int64", False, id="floats without a gap are floats"),
        pytest.param(pd.Series([1.0, 2.5, None]), "int64", False, id="a fraction beside the gap"),
        pytest.param(pd.Series([np.nan] * 2), "int64", True, id="nothing but gaps"),
        pytest.param(pd.Series([1.0, np.inf, None]), "float64", True, id="infinity"),
        pytest.param(pd.Series([1, None], dtype="Int64"), "int64", True, id="that may be missing"),
        pytest.param(pd.Series(["a"], dtype="category"), "str", True, id="words of a category"),
        pytest.param(pd.Series(["a"], dtype="category"), "int", False, id="which are no numbers"),
        pytest.param(pd.Series(["a", None], dtype="str"), "object", True, id="words of pandas 2"),
        pytest.param(pd.Series([1]), "object", False, id="numbers are no objects"),
        pytest.param(objects(1, "a"), "object", True, id="anything may be an object"),
        pytest.param(objects(1, "a"), "str", False, id="some words are no words"),
        pytest.param(objects(1, "a"), "int", False, id="some numbers are no numbers"),
        pytest.param(objects(True, None), "int", False, id="a flag is no number"),
        pytest.param(objects(True, 1), "bool", False, id="a flag beside a number"),
        pytest.param(objects(datetime(2026, 3, 1)), "date", False, id="a time is no day"),  # noqa: DTZ001
        pytest.param(objects(datetime(2026, 3, 1)), "timestamp", True, id="a time"),  # noqa: DTZ001
        pytest.param(objects(timedelta(1)), "timedelta", True, id="a duration as an object"),
        pytest.param(pd.Series(["a"], dtype="string"), "str", True, id="words of an extension"),
        pytest.param(pd.Series([1j]), "float", False, id="complex numbers are of no kind"),
    ],
)
def test_values_are_of_a_type_or_not(column, name, met):
    assert is_of_type(column, name) is met


@pytest.mark.parametrize("name", ["itn64", "float128", "", "int128", "datetime65"])
def test_what_no_library_has_is_unknown_and_met_by_no_column(name):
    assert plain_name(name) not in KNOWN
    assert not any(is_of_type(column, name) for column in COLUMNS.values())


@pytest.mark.parametrize("name", ["int", "str", "object", "bool"])
def test_an_empty_column_of_objects_is_of_no_kind_but_objects(name):
    assert is_of_type(objects(), name) is (name == "object")


COUNTED = {
    "BIGINT": pa.array([1, 2], pa.int64()),
    "SMALLINT": pa.array([1, None], pa.int16()),
    "UTINYINT": pa.array([1, 2], pa.uint8()),
    "FLOAT": pa.array([1.5, None], pa.float32()),
    "DOUBLE": pa.array([1.0, None], pa.float64()),
    "VARCHAR": pa.array(["a", None]),
    "BOOLEAN": pa.array([True, False]),
    "TIMESTAMP": pa.array([0, None], pa.timestamp("us")),
    "TIMESTAMP WITH TIME ZONE": pa.array([0, 1], pa.timestamp("us", "UTC")),
}


@pytest.mark.parametrize("duckdb_type", COUNTED)
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_column_that_stays_where_it_is_has_the_type_it_would_have_in_pandas(duckdb_type, name):
    array = COUNTED[duckdb_type]
    values = [one for one in array.to_pylist() if one is not None]
    are_whole = duckdb_type not in ("FLOAT", "DOUBLE") or all(one == int(one) for one in values)
    counted = is_counted_type(
        duckdb_type, name, rows=len(array), values=len(values), are_whole=are_whole
    )
    assert counted is is_of_type(array.to_pandas(), name)


def test_a_truth_with_a_gap_is_a_python_int_as_great_expectations_has_it():
    asked = {"rows": 3, "are_whole": True}
    assert is_counted_type("BOOLEAN", "int", values=2, **asked)
    assert not is_counted_type("BOOLEAN", "int", values=3, **asked)
    assert is_counted_type("BOOLEAN", "str", values=0, **asked)
