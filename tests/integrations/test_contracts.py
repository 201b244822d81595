"""What a suite says of a frame, and what is said of a suite that makes no sense."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from monitoring_dagster.integrations.contracts import (
    BadSuite,
    Suite,
    check_arguments,
    great_expectations,
    load_suite,
    validate,
)

FRAME = pd.DataFrame(
    {"age": [30.0, 40.0, 999.0, None], "country": ["DE", "FR", "XX", "secret"], "n": [1, 2, 3, 3]}
)


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


def test_rows_that_break_a_rule_are_counted_and_never_shown(suite):
    """In numbers and shares; the values themselves stay where they are."""
    loaded = suite(
        expect("column_values_to_be_between", column="age", min_value=0, max_value=120),
        expect("column_values_to_be_in_set", "warning", column="country", value_set=["DE", "FR"]),
        expect("column_values_to_not_be_null", "info", column="age"),
    )
    between, in_set, not_null = validate(loaded, FRAME)
    assert between.words == (
        "age values must be greater than or equal to 0.0 and less than or equal to 120.0:"
        " 1 of 4 rows do not (25.0%)"
    )
    assert [b.severity for b in (between, in_set, not_null)] == ["critical", "warning", "info"]
    assert [b.column for b in (between, in_set, not_null)] == ["age", "country", "age"]
    assert between.unexpected_share == pytest.approx(1 / 3)
    assert in_set.unexpected_share == pytest.approx(1 / 2)
    assert "2 of 4 rows do not (50.0%)" in in_set.words
    assert "secret" not in in_set.words


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
            "Must have exactly these columns (in any order): age n: it is age, country, n",
            id="the columns",
        ),
        pytest.param(
            expect("column_values_to_be_of_type", column="country", type_="int64"),
            "country values must be of type int64: it is str",
            id="a type",
        ),
        pytest.param(
            expect("column_distinct_values_to_be_in_set", column="country", value_set=["DE"]),
            "country distinct values must belong to this set: DE: 3 values are too many, 0 missing",
            id="values, which are counted",
        ),
        pytest.param(
            expect("column_most_common_value_to_be_in_set", column="n", value_set=[7]),
            "n most common value must belong to this set: 7: that does not hold",
            id="a value of a row, which is not told",
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
    assert "it could not be judged" in mean.words
    assert "2 of 4 rows do not" in unique.words


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


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        ({"column": "age", "min_valu": 0}, "takes no 'min_valu'. Did you mean 'min_value'?"),
        ({"min_value": 0}, "column field required"),
        ({"column": "age"}, "min_value and max_value cannot both be None"),
        ({"column": "age", "min_value": 0, "mostly": 2}, "mostly"),
    ],
)
def test_a_wrong_argument_is_met_with_its_place(suite, kwargs, told):
    """Before any row is looked at."""
    loaded = suite(expect("column_values_to_be_between", **kwargs))
    for ask in (lambda: check_arguments(loaded), lambda: validate(loaded, FRAME)):
        with pytest.raises(BadSuite) as error:
            ask()
        assert "churn.json, expectation 0: expect_column_values_to_be_between" in str(error.value)
        assert told in str(error.value)


def test_a_missing_file_is_named_with_the_way_out(tmp_path):
    """The spec named it, nobody wrote it."""
    with pytest.raises(BadSuite, match=r"churn\.json: no such file: write it, or take"):
        load_suite(tmp_path / "churn.json")


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

    from monitoring_dagster.integrations.contracts import _known_types

    there = registry.list_registered_expectation_implementations()
    assert {name for name in there if name.startswith("expect_")} <= _known_types()


def test_a_type_that_is_only_planned_is_met_by_the_dear_check(suite):
    """Great Expectations ships some files without an expectation in them."""
    loaded = suite(expect("multicolumn_values_to_be_unique", column_list=["age", "n"]))
    with pytest.raises(BadSuite, match=r"expectation 0: unknown type .*Did you mean"):
        validate(loaded, FRAME)


def test_loading_a_suite_does_not_import_great_expectations(tmp_path):
    """Dagster loads definitions often; the import costs seconds."""
    (tmp_path / "x.json").write_text(json.dumps({"name": "x", "expectations": []}))
    code = (
        "import sys; from pathlib import Path;"
        "from monitoring_dagster.integrations.contracts import load_suite;"
        "load_suite(Path(sys.argv[1])); assert 'great_expectations' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.json")]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])


def test_nothing_is_printed(suite, capfd):
    """No progress bar, no notice."""
    validate(suite(expect("column_to_exist", column="x")), FRAME)
    assert "".join(capfd.readouterr()) == ""


def test_a_process_without_a_main_file_lives_though_pyspark_is_there():
    """PySpark ends such a process when Great Expectations imports it; and it stays importable."""
    code = (
        "import sys; from monitoring_dagster.integrations.contracts import great_expectations as g;"
        " g(); print('pyspark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
