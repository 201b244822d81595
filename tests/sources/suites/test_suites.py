"""A suite is read as its owner meant it, or refused with the place and the way out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import escaped
from monitoring_dagster.sources.suites.arguments import shown
from monitoring_dagster.sources.suites.suites import (
    BadSuite,
    Expectation,
    Suite,
    load_suite,
)


@pytest.fixture
def suite(tmp_path):
    """Write expectations into a file and load them."""

    def write(*expectations, content=None, **more) -> Suite:
        path = tmp_path / "churn.json"
        written = {"name": "churn", "expectations": expectations} | more
        path.write_text(json.dumps(written) if content is None else content)
        return load_suite(path)

    return write


def expect(kind, severity=None, **kwargs):
    """One entry of a suite."""
    entry = {"type": f"expect_{kind}", "kwargs": kwargs}
    return entry | ({"severity": severity} if severity else {})


def refused(suite, *expectations, **more) -> str:
    with pytest.raises(BadSuite) as told:
        suite(*expectations, **more)
    return str(told.value)


def test_a_suite_says_what_its_file_says(suite, tmp_path):
    loaded = suite(
        expect("column_to_exist", column="age"),
        expect("column_values_to_not_be_null", "warning", column="it's; DROP TABLE x"),
    )
    assert loaded == Suite(
        "churn",
        tmp_path / "churn.json",
        (
            Expectation("expect_column_to_exist", {"column": "age"}, "critical"),
            Expectation(
                "expect_column_values_to_not_be_null", {"column": "it's; DROP TABLE x"}, "warning"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("names", "called"),
    [
        pytest.param({"name": "own"}, "own", id="its name"),
        pytest.param({"expectation_suite_name": "old"}, "old", id="the name of 0.18"),
        pytest.param({"name": "own", "expectation_suite_name": "old"}, "own", id="both"),
        pytest.param({}, "churn", id="no name: that of the file"),
        pytest.param({"name": ""}, "churn", id="an empty name"),
        pytest.param({"name": None}, "churn", id="null"),
        pytest.param({"name": 7}, "7", id="a number"),
    ],
)
def test_a_suite_has_a_name(suite, names, called):
    assert suite(content=json.dumps({"expectations": []} | names)).name == called


def test_an_expectation_may_ask_nothing_further(suite):
    (one,) = suite({"type": "expect_table_row_count_to_be_between"}).expectations
    assert one.kwargs == {}


@pytest.mark.parametrize(
    "content",
    ["null", "[]", "3", '"text"', "{}", '{"expectations": {}}', '{"expectation": []}',
     '{"expectations": null}'],
)  # fmt: skip
def test_json_that_is_no_suite_is_told_what_one_looks_like(suite, tmp_path, content):
    assert refused(suite, content=content) == (
        f'{tmp_path / "churn.json"}: is no suite: it needs {{"name": ..., "expectations": [...]}}'
    )


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param(None, "None is no expectation: write {", id="null"),
        pytest.param("expect_column_to_exist", "'expect_column_to_exist' is no exp", id="text"),
        pytest.param([1], "[1] is no expectation: write {", id="a list"),
        pytest.param(
            expect("column_to_exist") | {"expectation_context": {}},
            "unknown key 'expectation_context'.", id="a key of 0.18 in a suite of 1",
        ),
        pytest.param(expect("column_to_exist") | {"kwargs": None}, "kwargs None is no object",
                     id="null for arguments"),
        pytest.param(expect("column_to_exist") | {"severity": None}, "unknown severity None.",
                     id="null for a severity"),
        pytest.param(expect("column_to_exist", "CRITICAL"), "unknown severity 'CRITICAL'.",
                     id="a severity in capitals"),
        pytest.param(expect("query_results_to_match_comparison"),
                     "expect_query_results_to_match_comparison asks another", id="a query"),
        pytest.param({"type": "../expect_column_to_exist"}, "unknown type '../expect_column",
                     id="a path for a type"),
    ],
)  # fmt: skip
def test_an_entry_that_is_none_is_told_by_its_number(suite, entry, told):
    words = refused(suite, expect("column_to_exist", column="age"), entry)
    assert f"churn.json, expectation 1: {told}" in words


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        pytest.param({"mostly": 0}, "", id="none of the rows"),
        pytest.param({"mostly": 1}, "", id="all of them"),
        pytest.param({"mostly": 1.0001}, "mostly is 1.0001: write a share", id="more than all"),
        pytest.param({"mostly": True}, "mostly is True", id="true is no share"),
        pytest.param({"mostly": None}, "mostly is None", id="null"),
        pytest.param({"min_value": 3, "max_value": 3}, "", id="a single value"),
        pytest.param({"min_value": 3.5, "max_value": 3}, "min_value 3.5 is above max_value 3: no",
                     id="no value at all"),
        pytest.param({"min_value": "b"}, "min_value is 'b': write a number, or a time",
                     id="a word"),
        pytest.param({"min_value": None, "max_value": -1}, "", id="one limit"),
    ],
)  # fmt: skip
def test_shares_and_limits_are_looked_at_on_their_edges(suite, kwargs, told):
    entry = expect("column_values_to_be_between", column="age", **({"min_value": 1} | kwargs))
    if not told:
        assert suite(entry).expectations[0].kwargs == entry["kwargs"]
        return
    words = refused(suite, entry)
    assert f"expect_column_values_to_be_between cannot be: {told}" in words


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        pytest.param({"regex_list": ["a", "(b"]}, "'(b' is no regular expression", id="in a list"),
        pytest.param({"regex": 7}, "7 is no regular expression", id="a number"),
        pytest.param({"regex": ""}, "", id="nothing to match"),
    ],
)
def test_patterns_are_compiled_before_any_row_is_looked_at(suite, kwargs, told):
    kind = "_list" if "regex_list" in kwargs else ""
    entry = expect(f"column_values_to_match_regex{kind}", column="age", **kwargs)
    if told:
        assert told in refused(suite, entry)
    else:
        assert suite(entry).expectations[0].kwargs == entry["kwargs"]


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        pytest.param([{"$PARAMETER": "low"}, 2], [35, 2], id="in a list"),
        pytest.param({"a": {"$PARAMETER": "low"}}, {"a": 35}, id="in an object"),
        pytest.param("$PARAMETER.low", 35, id="as text"),
        pytest.param({"$PARAMETER": "zero"}, 0, id="zero is a value"),
        pytest.param({"$PARAMETER": "low", "$PARAMETER.low": 7}, 7, id="the nearest value"),
        pytest.param("costs $PARAMETER", "costs $PARAMETER", id="a word in a text"),
    ],
)
def test_a_parameter_is_filled_in_wherever_it_stands(suite, value, filled):
    entry = expect("column_kl_divergence_to_be_less_than", column="age", partition_object=value)
    (one,) = suite(entry, suite_parameters={"low": 35, "zero": 0}).expectations
    assert one.kwargs["partition_object"] == filled


def test_parameters_that_are_no_object_give_no_value(suite):
    entry = expect("column_to_exist", column={"$PARAMETER": "low"})
    assert "nobody gives its value" in refused(suite, entry, suite_parameters=["low"])


@pytest.mark.parametrize(
    ("kwargs", "left"),
    [
        ({"column": "age", "result_format": "COMPLETE", "batch_id": "x"}, {"column": "age"}),
        ({"column": "age", "auto": False, "profiler_config": None}, {"column": "age"}),
        ({"column": "age", "auto": True}, {"column": "age", "auto": True}),
    ],
    ids=["how the run was set up", "what is off", "what is on, and is refused later"],
)
def test_of_0_18_only_what_asks_something_is_left(suite, kwargs, left):
    entry = {"expectation_type": "expect_column_kl_divergence_to_be_less_than", "kwargs": kwargs}
    assert suite(entry).expectations[0].kwargs == left
    entry = {"type": "expect_column_kl_divergence_to_be_less_than", "kwargs": kwargs}
    assert suite(entry).expectations[0].kwargs == kwargs


def test_a_folder_and_bytes_are_no_json(tmp_path):
    with pytest.raises(BadSuite, match="is not JSON: "):
        load_suite(tmp_path)
    path = tmp_path / "churn.json"
    for content in (b"\xff\xfe\x00", b"[" * 200_000, b'{"expectations": [], "a": 1, "a": 2}'):
        path.write_bytes(content)
        with pytest.raises(BadSuite, match=r"churn\.json: is not JSON: "):
            load_suite(path)


@settings(max_examples=30)
@given(st.text(max_size=100) | st.lists(st.text(max_size=30)))
def test_what_an_error_repeats_is_short_and_harmless(value):
    words = shown(value)
    assert len(words) <= 40
    assert escaped(words) == words
    assert len(ascii(value)) > 40 or words == ascii(value)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            expect("column_values_to_be_betwen", column="age"),
            "unknown type 'expect_column_values_to_be_betwen'."
            " Did you mean 'expect_column_values_to_be_between'?",
        ),
        ({"kwargs": {}}, "unknown type 'None'."),
        ({"type": "expect_column_to_exist", "kwarg": {}}, "Did you mean 'kwargs'?"),
        ({"type": "expect_column_to_exist", "kwargs": []}, "kwargs [] is no object"),
        (expect("column_to_exist", "warn", column="a"), "Did you mean 'warning'?"),
    ],
)
def test_a_wrong_entry_is_met_with_its_place_and_the_right_word(suite, entry, told):
    """Great Expectations would have dropped it in silence."""
    with pytest.raises(BadSuite) as error:
        suite(expect("column_to_exist", column="age"), entry)
    assert "churn.json, expectation 1: " in str(error.value)
    assert told in str(error.value)


def test_a_missing_file_is_named_with_the_way_out(tmp_path):
    """The spec named it, nobody wrote it."""
    with pytest.raises(BadSuite, match=r"churn\.json: no such file: write it, or take"):
        load_suite(tmp_path / "churn.json")


def test_loading_a_suite_does_not_import_great_expectations(tmp_path):
    """Dagster loads definitions often; the import costs seconds."""
    (tmp_path / "x.json").write_text(json.dumps({"name": "x", "expectations": []}))
    code = (
        "import sys; from pathlib import Path;"
        "from monitoring_dagster.sources.suites.suites import load_suite;"
        "load_suite(Path(sys.argv[1])); assert 'great_expectations' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.json")]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])


def test_a_suite_without_an_expectation_is_remarked_upon(suite):
    (remark,) = suite().remarks
    assert "holds no expectation, so no rule of your own is checked" in remark
    assert suite(expect("column_to_exist", column="age")).remarks == ()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param(expect("column_values_to_not_be_null", column="age", mostly=95),
                     "mostly is 95: write a share from 0 to 1", id="per cent"),
        pytest.param(expect("column_values_to_not_be_null", column="age", mostly="95%"),
                     "mostly is '95%'", id="per cent as text"),
        pytest.param(expect("column_values_to_not_be_null", column="age", mostly=-0.1),
                     "mostly is -0.1", id="below zero"),
        pytest.param(expect("column_values_to_be_between", column="n", min_value=9, max_value=1),
                     "min_value 9 is above max_value 1", id="limits the wrong way round"),
        pytest.param(expect("column_values_to_match_regex", column="country", regex="["),
                     "'[' is no regular expression", id="a pattern"),
        pytest.param(expect("column_values_to_be_of_type", column="n", type_="itn64"),
                     "there is no type 'itn64'. Did you mean 'int64'?", id="a type"),
        pytest.param(expect("column_values_to_be_in_type_list", column="n", type_list="int64"),
                     "write a list, such as ['int64']", id="one type for a list"),
        pytest.param(expect("column_values_to_be_in_type_list", column="n", type_list=[None]),
                     "there is no type None", id="no type"),
        pytest.param(expect("table_row_count_to_equal_other_table", other_table_name="x"),
                     "asks another table", id="another table"),
        pytest.param({"type": "expect_\x1b[31m" + 99 * "x"}, "Great Expectations 1 ships no such",
                     id="a hostile type"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_any_row_is_looked_at(suite, entry, told):
    """With the number of the expectation, and the way out; without importing the library."""
    with pytest.raises(BadSuite) as error:
        suite(expect("column_to_exist", column="age"), entry)
    assert "churn.json, expectation 1: " in str(error.value)
    assert told in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("", "is empty: write {", id="empty"),
        pytest.param(" \n", "is empty: write {", id="blank"),
        pytest.param('{"expectations": [], "expectations": []}', "'expectations' stands twice",
                     id="a key twice"),
        pytest.param('{"expectations": [{"type": NaN}]}', "NaN is no number of JSON", id="NaN"),
        pytest.param('{"expectations": [{"type_list": [str, object]}]}', "is not JSON",
                     id="Python for JSON"),
        pytest.param("expectations:\n  - type: x\n", "is not JSON", id="YAML for JSON"),
    ],
)  # fmt: skip
def test_a_file_that_python_would_read_somehow_is_refused(tmp_path, content, told):
    path = tmp_path / "churn.json"
    path.write_text(content)
    with pytest.raises(BadSuite, match=r"churn\.json: ") as error:
        load_suite(path)
    assert told in str(error.value)


def test_a_file_as_windows_writes_it_is_read(tmp_path):
    path = tmp_path / "churn.json"
    path.write_text(json.dumps({"expectations": []}), encoding="utf-8-sig")
    assert load_suite(path).expectations == ()


@pytest.mark.parametrize(
    ("kwargs", "columns"),
    [
        ({"column": "b"}, ["b"]),
        ({"column_A": "c", "column_B": "a"}, ["c", "a"]),
        ({"column_list": ["d", "b"]}, ["d", "b"]),
        ({"value_set": ["b"], "column": 7}, []),
    ],
)
def test_an_expectation_names_its_columns(kwargs, columns):
    assert Expectation("expect_column_to_exist", kwargs, "critical").named == columns
