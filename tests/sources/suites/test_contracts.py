"""What a suite says of a frame, and what is said of a suite that makes no sense."""

import json
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pytest

from monitoring_dagster.sources.suites import contracts
from monitoring_dagster.sources.suites.contracts import (
    broken_by_great_expectations,
    columns_of,
    great_expectations,
)
from monitoring_dagster.sources.suites.suites import BadSuite, Expectation, Suite, load_suite

FRAME = pd.DataFrame(
    {"age": [30.0, 40.0, 999.0, None], "country": ["DE", "FR", "XX", "secret"], "n": [1, 2, 3, 3]}
)


def validate(suite, frame, *, sensitive=(), batch_rows=1000):
    """What Great Expectations alone finds of a frame, whatever the engine could count."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    kinds = {"string": "VARCHAR", "large_string": "VARCHAR", "double": "DOUBLE"}
    columns = {one.name: kinds.get(str(one.type), str(one.type)) for one in table.schema}

    def read(names):
        batches = table.select(list(names)).to_batches(max_chunksize=batch_rows)
        yield from batches or [pa.RecordBatch.from_pylist([], table.select(list(names)).schema)]

    left = dict(enumerate(suite.expectations))
    broken = broken_by_great_expectations(suite, left, read, columns, sensitive=sensitive)
    return [breach for _, breach in sorted(broken.items())]


@pytest.fixture
def suite(tmp_path):
    """Write expectations into a file and load them."""

    def write(*expectations, content=None) -> Suite:
        path = tmp_path / "churn.json"
        path.write_text(content or json.dumps({"name": "churn", "expectations": expectations}))
        return load_suite(path)

    return write


def expect(kind, severity=None, **kwargs):
    """One entry of a suite."""
    entry = {"type": f"expect_{kind}", "kwargs": kwargs}
    return entry | ({"severity": severity} if severity else {})


def test_rows_that_break_a_rule_are_counted_with_examples(suite):
    """In numbers and shares; of a sensitive column in no more."""
    loaded = suite(
        expect("column_values_to_be_between", column="age", min_value=0, max_value=120),
        expect("column_values_to_be_in_set", "warning", column="country", value_set=["DE", "FR"]),
        expect("column_values_to_not_be_null", "info", column="age"),
    )
    between, in_set, not_null = validate(loaded, FRAME, sensitive={"country"})
    assert between.words == (
        "age values must be greater than or equal to 0.0 and less than or equal to 120.0:"
        " 1 of 3 values does not (33.3 %), for example 999"
    )
    assert [b.severity for b in (between, in_set, not_null)] == ["critical", "warning", "info"]
    assert [b.column for b in (between, in_set, not_null)] == ["age", "country", "age"]
    assert between.unexpected_share == pytest.approx(1 / 3)
    assert in_set.unexpected_share == pytest.approx(1 / 2)
    assert in_set.words.endswith("2 of 4 values do not (50 %)")
    assert "secret" not in in_set.words


def test_what_goes_wrong_inside_repeats_no_value_of_a_sensitive_column(suite):
    loaded = suite(expect("column_mean_to_be_between", column="country", min_value=1))
    (shown,) = validate(loaded, FRAME)
    (hidden,) = validate(loaded, FRAME, sensitive={"country"})
    assert ": it cannot be judged, Cannot perform reduction" in shown.words
    assert hidden.words.endswith(": it cannot be judged")


def test_a_frame_that_keeps_its_promises_has_no_breaches(suite):
    """Nothing to say is an empty list."""
    loaded = suite(
        expect("column_values_to_not_be_null", column="n"),
        expect("column_values_to_be_between", column="age", min_value=0, mostly=0.5),
    )
    assert validate(loaded, FRAME) == []
    assert validate(suite(), FRAME) == []


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        pytest.param(
            expect("column_mean_to_be_between", column="n", min_value=10),
            "n mean must be greater than or equal to 10.0: it is 2.25",
            id="an aggregate",
        ),
        pytest.param(
            expect("table_row_count_to_be_between", min_value=10),
            "Must have greater than or equal to 10 rows: it is 4",
            id="the size",
        ),
        pytest.param(
            expect("table_columns_to_match_set", column_set=["age", "n"]),
            "Must have exactly these columns (in any order): age n: it is 'age', 'country', 'n'",
            id="the columns",
        ),
        pytest.param(
            expect("column_values_to_be_of_type", column="country", type_="int64"),
            "country values must be of type int64: it is 'str'",
            id="a type",
        ),
        pytest.param(
            expect("column_distinct_values_to_be_in_set", column="country", value_set=["DE"]),
            "country distinct values must belong to this set: DE: that does not hold",
            id="distinct values",
        ),
        pytest.param(
            expect("column_most_common_value_to_be_in_set", column="n", value_set=[7]),
            "n most common value must belong to this set: 7: it is 3",
            id="a value of a row",
        ),
        pytest.param(
            expect("column_to_exist", column="income"),
            "income is a required field: there is no column 'income'",
            id="a column that must be there",
        ),
        pytest.param(
            expect("column_values_to_be_between", column="income", min_value=0),
            "income values must be greater than or equal to 0.0: there is no column 'income'",
            id="a column that is not there",
        ),
        pytest.param(
            expect("column_pair_values_a_to_be_greater_than_b", column_A="n", column_B="b"),
            "Values in n must always be greater than those in b: there is no column 'b'",
            id="one of two columns that is not there",
        ),
    ],
)
def test_a_breach_is_one_readable_sentence(suite, expectation, words):
    """What was expected, and what it is."""
    assert [breach.words for breach in validate(suite(expectation), FRAME)] == [words]


def test_what_cannot_be_judged_is_a_breach(suite):
    """Text where numbers are expected is the owner's news, not our failure."""
    loaded = suite(
        expect("column_mean_to_be_between", column="country", min_value=1),
        expect("column_values_to_be_unique", column="n"),
    )
    mean, unique = validate(loaded, FRAME)
    assert "it cannot be judged" in mean.words
    assert "2 of 4 values do not" in unique.words


def test_an_empty_frame_is_judged_like_any_other(suite):
    """No row breaks a rule for rows; what must be measured cannot be."""
    loaded = suite(
        expect("column_values_to_be_between", column="age", min_value=0),
        expect("column_mean_to_be_between", column="n", min_value=1),
        expect("table_row_count_to_be_between", min_value=1),
        expect("column_to_exist", column="age"),
    )
    words = [breach.words for breach in validate(loaded, FRAME.iloc[:0])]
    assert len(words) == 2
    assert words[0].endswith("that does not hold")
    assert words[1].endswith("it is 0")


def test_breaches_come_in_the_order_of_the_suite(suite):
    """Great Expectations shuffles them, and runs the same rule twice if told to."""
    wanted = ["n", "age", "n", "country", "gone"]
    loaded = suite(*(expect("column_values_to_be_null", column=name) for name in wanted))
    assert [breach.column for breach in validate(loaded, FRAME)] == wanted


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "is no suite"),
        ('{"name": "x"}', "is no suite"),
        ('{"expectations": {}}', "is no suite"),
        ('{"expectations": ["x"]}', "expectation 0: 'x' is no expectation"),
    ],
)
def test_a_file_that_is_no_suite_is_named(suite, content, told):
    """With the form that it should have."""
    with pytest.raises(BadSuite, match=rf"churn\.json.*{told}"):
        suite(content=content)


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        ({"column": "age", "min_valu": 0}, "takes no 'min_valu'. Did you mean 'min_value'?"),
        ({"min_value": 0}, "needs column: write the name of a column"),
        ({"column": "age"}, "needs min_value or max_value"),
        ({"column": "age", "min_value": 0, "mostly": 2}, "mostly"),
    ],
)
def test_a_wrong_argument_is_met_with_its_place(suite, kwargs, told):
    """Before any row is looked at."""
    entry = expect("column_values_to_be_between", **kwargs)
    with pytest.raises(BadSuite) as error:
        validate(suite(entry), FRAME)
    assert "churn.json, expectation 0: expect_column_values_to_be_between" in str(error.value)
    assert told in str(error.value)


def test_what_great_expectations_saved_itself_is_read(tmp_path):
    """Its own file has more keys, and loses nothing."""
    saved = great_expectations().ExpectationSuite(
        name="own", expectations=[expect("column_to_exist", column="x")]
    )
    path = tmp_path / "own.json"
    path.write_text(json.dumps(saved.to_json_dict()))
    assert [breach.column for breach in validate(load_suite(path), FRAME)] == ["x"]


def test_the_cheap_check_of_types_refuses_none_that_exists():
    """It knows the types by their files' names, without importing anything."""
    great_expectations()
    from great_expectations.expectations import registry

    from monitoring_dagster.sources.suites.suites import _known_types

    there = registry.list_registered_expectation_implementations()
    assert {name for name in there if name.startswith("expect_")} <= _known_types()


def test_a_type_that_is_only_planned_is_met_by_the_dear_check(suite):
    """Great Expectations ships some files without an expectation in them."""
    loaded = suite(expect("multicolumn_values_to_be_unique", column_list=["age", "n"]))
    with pytest.raises(BadSuite, match=r"expectation 0: unknown type .*Did you mean"):
        validate(loaded, FRAME)


def test_nothing_is_printed(suite, capfd):
    """No progress bar, no notice."""
    validate(suite(expect("column_to_exist", column="x")), FRAME)
    assert "".join(capfd.readouterr()) == ""


def test_a_process_without_a_main_file_lives_though_pyspark_is_there():
    """PySpark ends such a process when Great Expectations imports it; and it stays importable."""
    code = (
        "import sys; from monitoring_dagster.sources.suites.contracts import great_expectations;"
        " great_expectations(); print('pyspark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


TEXTS = pd.DataFrame({"a": ['{"x": 1}', "none", "{}", None, "nor this"] * 2})


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_what_is_asked_of_each_row_is_added_up_over_batches(suite, batch_rows, monkeypatch):
    """Whatever the batches are, the count is that of the whole day."""
    monkeypatch.setattr(contracts, "_ROWS_AT_ONCE", batch_rows)
    loaded = suite(
        expect("column_values_to_be_json_parseable", column="a"),
        expect("column_values_to_be_json_parseable", column="a", mostly=0.5),
        expect("column_values_to_be_json_parseable", column="a", mostly=0.51),
    )
    broken = validate(loaded, TEXTS, batch_rows=batch_rows)
    assert [one.unexpected_share for one in broken] == [0.5, 0.5]
    assert "4 of 8 values do not (50 %), for example 'none', 'nor this'" in broken[0].words


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        pytest.param({"column": "b"}, ["b"], id="one column"),
        pytest.param({"column_A": "c", "column_B": "a"}, ["a", "c"], id="two"),
        pytest.param({"column_list": ["d", "b"]}, ["b", "d"], id="a list of columns"),
        pytest.param({"column": "gone"}, ["a"], id="none that is there: rows are counted"),
        pytest.param({"column": "b", "row_condition": "d > 0"}, ["b", "d"], id="of a condition"),
        pytest.param({"column": "b", "row_condition": {"x": 1}}, ["a", "b", "c", "d"],
                     id="a condition of another form"),
    ],
)  # fmt: skip
def test_only_what_an_expectation_looks_at_is_read(asked, columns):
    one = Expectation("expect_column_values_to_be_unique", asked, "critical")
    assert columns_of(one, ["a", "b", "c", "d"]) == columns


def test_some_rows_alone_are_judged_where_a_condition_says_which(suite):
    loaded = suite(
        expect("column_values_to_be_unique", column="n", row_condition="n < 3",
               condition_parser="pandas"),
        expect("column_values_to_be_unique", column="n", row_condition="n > 1",
               condition_parser="pandas"),
    )  # fmt: skip
    (broken,) = validate(loaded, FRAME)
    assert broken.unexpected_share == pytest.approx(2 / 3)


OLD = {
    "expectation_suite_name": "churn",
    "ge_cloud_id": None,
    "meta": {"great_expectations_version": "0.18.22"},
    "expectations": [
        {
            "expectation_type": "expect_column_values_to_be_between",
            "kwargs": {
                "column": "age", "min_value": 0, "max_value": 120, "result_format": "COMPLETE",
                "parse_strings_as_datetimes": None, "strict_min": False,
            },
            "meta": {"profiler_details": {}},
        },
        {
            "expectation_type": "expect_column_values_to_be_in_type_list",
            "kwargs": {"column": "country", "type_list": ["object", "STRING"]},
            "meta": {},
        },
        {
            "expectation_type": "expect_table_columns_to_match_set",
            "kwargs": {"column_set": ["age", "n"], "exact_match": False},
            "meta": {},
        },
    ],
}  # fmt: skip


def test_a_suite_of_0_18_means_the_same_and_is_remarked_upon(suite):
    """Types and arguments are those of 1; how the run was set up is no matter."""
    loaded = suite(content=json.dumps(OLD))
    assert loaded.name == "churn"
    (breach,) = validate(loaded, FRAME)
    assert "1 of 3 values does not (33.3 %)" in breach.words
    (remark,) = loaded.remarks
    assert "churn.json is in the format of Great Expectations 0.18" in remark
    assert "`monitoring-dagster expectations migrate` writes `type` for" in remark


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param({"expectation_type": "expect_column_to_exist", "kwargs": {"colum": "a"}},
                     "takes no 'colum'. Did you mean 'column'?", id="an argument"),
        pytest.param({"expectation_type": "expect_column_values_to_be_vector", "kwargs": {}},
                     "unknown type 'expect_column_values_to_be_vector'", id="a type of a package"),
        pytest.param({"expectation_type": "expect_column_to_exist", "type": "expect_x"},
                     "`type` and `expectation_type` differ", id="both formats"),
        pytest.param(
            {
                "expectation_type": "expect_column_values_to_be_between",
                "kwargs": {"column": "age", "min_value": 0, "parse_strings_as_datetimes": True},
            },
            "takes no 'parse_strings_as_datetimes'", id="what 1 does no more"),
    ],
)  # fmt: skip
def test_what_0_18_said_otherwise_is_refused(suite, entry, told):
    with pytest.raises(BadSuite) as error:
        validate(suite(entry), FRAME)
    assert "churn.json, expectation 0: " in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("parameter", "where", "low"),
    [
        pytest.param({"$PARAMETER": "low"}, {"suite_parameters": {"low": 35}}, 35, id="format 1"),
        pytest.param({"$PARAMETER": "low"}, {"evaluation_parameters": {"low": 35}}, 35, id="0.18"),
        pytest.param({"$PARAMETER": "low", "$PARAMETER.low": 35}, {}, 35, id="beside it"),
        pytest.param({"$PARAMETER": "low"}, {}, None, id="nowhere"),
        pytest.param(
            {"$PARAMETER": "low + 1"}, {"suite_parameters": {"low": 35}}, None, id="a sum"
        ),
        pytest.param("$PARAMETER.low", {}, None, id="as text"),
    ],
)
def test_a_parameter_has_the_value_that_the_suite_gives_it(suite, parameter, where, low):
    """A daily run is given none."""
    entry = expect("column_values_to_be_between", column="age", min_value=parameter)
    content = json.dumps({"expectations": [entry]} | where)
    if low is not None:
        (breach,) = validate(suite(content=content), FRAME)
        assert "greater than or equal to 35.0: 1 of 3 values does not" in breach.words
        return
    with pytest.raises(BadSuite) as error:
        suite(content=content)
    assert "expectation 0: expect_column_values_to_be_between: min_value is the parameter 'low" in (
        str(error.value)
    )
    assert "write the value itself" in str(error.value)


COLUMNS = pd.DataFrame(
    {
        "words": ["a", "b", "c", None],
        "old words": pd.Series(["a", "b", "c", None], dtype=object),
        "coded": pd.Series(["a", "b", "a", "a"], dtype="category"),
        "whole": [1, 2, 3, 4],
        "gaps": [1.0, None, 3.0, 4.0],  # whole numbers with a gap, as pandas holds them
        "real": [1.5, 2.0, 3.0, None],
        "flag": pd.Series([True, None, False, True], dtype=object),
        "at": pd.to_datetime(["2026-03-01", "2026-03-02", None, "2026-03-04"], utc=True),
        "mixed": pd.Series([1, "a", None, 2.5], dtype=object),
    }
)


@pytest.mark.parametrize(
    ("column", "names", "met"),
    [
        pytest.param("words", ["str", "object"], True, id="words, as pandas 2 and 3 have it"),
        pytest.param("words", ["object"], True, id="words of pandas 2"),
        pytest.param("words", ["VARCHAR"], True, id="words of SQL"),
        pytest.param("words", ["StringType"], True, id="words of Spark"),
        pytest.param("words", ["int64", "float64"], False, id="words for numbers"),
        pytest.param("old words", ["object"], True, id="objects"),
        pytest.param("old words", ["str"], True, id="words in objects"),
        pytest.param("coded", ["category"], True, id="a category"),
        pytest.param("coded", ["str"], True, id="the words of a category"),
        pytest.param("whole", ["int64"], True, id="whole numbers"),
        pytest.param("whole", ["Int64"], True, id="whole numbers that may be missing"),
        pytest.param("whole", ["BIGINT"], True, id="whole numbers of SQL"),
        pytest.param("whole", ["int32"], False, id="another size"),
        pytest.param("whole", ["float64"], False, id="whole for real"),
        pytest.param("gaps", ["int64"], True, id="whole numbers with a gap"),
        pytest.param("gaps", ["float64"], True, id="which might be real ones"),
        pytest.param("real", ["int64"], False, id="real for whole"),
        pytest.param("flag", ["bool"], True, id="a flag with a gap"),
        pytest.param("at", ["datetime64[ns, UTC]"], True, id="times of a zone"),
        pytest.param("at", ["Timestamp"], True, id="times of pandas"),
        pytest.param("mixed", ["str"], False, id="words among others"),
    ],
)
def test_a_type_is_read_as_what_it_means(suite, column, names, met):
    """pandas 3 calls words str, and older suites do not."""
    asked = [expect("column_values_to_be_in_type_list", column=column, type_list=names)]
    if len(names) == 1:
        asked.append(expect("column_values_to_be_of_type", column=column, type_=names[0]))
    found = contracts._results(suite(*asked), dict(enumerate(suite(*asked).expectations)), COLUMNS)
    assert {one.success for one in found.values()} == {met}


@pytest.mark.parametrize("zone", ["", "T00:00:00Z", "T01:00:00+01:00"])
def test_limits_of_times_are_times(suite, zone):
    """Great Expectations would compare a time with a date, and fail."""
    entry = expect("column_values_to_be_between", column="at", min_value=f"2026-03-02{zone}")
    loaded = suite(entry)
    found = contracts._results(loaded, dict(enumerate(loaded.expectations)), COLUMNS)
    assert (found[0].raised, found[0].found["unexpected_count"]) == (None, 1)
