"""What is said of a clean day without Great Expectations is what it would have said."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from monitoring_dagster.sources.suites import contracts
from monitoring_dagster.sources.suites.kept_expectations import is_surely_kept
from monitoring_dagster.sources.suites.suites import Expectation, Suite

FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3, 4],
        "gaps": [1.5, None, 3.0, 4.0],
        "small": pd.Series([0.1, 0.2, 0.3, 0.4], dtype="float32"),
        "words": ["a", "b", "b", None],
        "ids": ["a", "b", "c", "d"],
        "coded": pd.Series(["a", "b", "a", "a"], dtype="category"),
        "mixed": pd.Series([1, "a", None, [2]], dtype=object),
        "flag": [True, False, True, True],
        "nothing": [None, None, None, None],
    }
)
ARGUMENTS = {
    "not_be_null": [{}, {"mostly": 0.75}, {"mostly": 0.76}, {"mostly": 0}],
    "be_unique": [{}, {"mostly": 0.3}],
    "be_in_set": [
        {"value_set": one}
        for one in (["a", "b"], ["a", "b", "c", "d"], [1, 2, 3, 4], [1.5, 3, 4], [], ["1", 2])
    ],
    "be_between": [
        {"min_value": 1, "max_value": 4},
        {"min_value": 1, "strict_min": True},
        {"max_value": 4, "strict_max": True},
        {"min_value": 0.1},
        {"max_value": 4.5, "mostly": 0.9},
        {"min_value": "a", "max_value": "d"},
    ],
}


def expectation(kind, **kwargs):
    return Expectation(f"expect_column_values_to_{kind}", kwargs, "critical")


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_great_expectations_never_contradicts_what_is_surely_kept(kind, monkeypatch):
    """Whatever a column holds: the doubtful is left to it, and the sure is what it says as well."""
    every = [
        expectation(kind, column=name, **arguments)
        for name in FRAME.columns
        for arguments in ARGUMENTS[kind]
    ]
    sure = [position for position, one in enumerate(every) if is_surely_kept(one, FRAME)]
    assert sure
    monkeypatch.setattr(contracts, "is_surely_kept", lambda *_: False)
    suite = Suite("churn", Path("churn.json"), tuple(every[position] for position in sure))
    assert contracts.validate(suite, FRAME) == []


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(expectation("be_unique", column="ids"), id="ids that are all different"),
        pytest.param(expectation("not_be_null", column="whole"), id="a column without gaps"),
        pytest.param(
            expectation("not_be_null", column="gaps", mostly=0.75), id="as few gaps as allowed"
        ),
        pytest.param(
            expectation("be_in_set", column="words", value_set=["a", "b"]), id="words of a set"
        ),
        pytest.param(
            expectation("be_between", column="gaps", min_value=0, max_value=4),
            id="numbers in range",
        ),
    ],
)
def test_a_clean_day_is_told_at_once(kept):
    assert is_surely_kept(kept, FRAME)


@pytest.mark.parametrize(
    "doubtful",
    [
        pytest.param(expectation("be_unique", column="words"), id="it is broken"),
        pytest.param(expectation("be_unique", column="gone"), id="no such column"),
        pytest.param(expectation("be_unique", column="mixed"), id="values of any kind"),
        pytest.param(expectation("be_between", column="small", min_value=0), id="shorter floats"),
        pytest.param(expectation("be_between", column="whole"), id="limits that are missing"),
        pytest.param(
            expectation("be_between", column="whole", min_valu=0), id="an argument that is misspelt"
        ),
        pytest.param(
            expectation("be_unique", column="ids", row_condition="whole > 1"), id="some rows only"
        ),
        pytest.param(expectation("be_null", column="nothing"), id="another expectation"),
    ],
)
def test_whatever_needs_great_expectations_is_left_to_it(doubtful):
    assert not is_surely_kept(doubtful, FRAME)


def test_an_empty_day_is_left_to_great_expectations():
    assert not is_surely_kept(expectation("be_unique", column="ids"), FRAME.iloc[:0])


def test_an_expectation_keeps_its_place_beside_those_that_are_kept():
    """In an error about it."""
    every = (expectation("be_unique", column="ids"), expectation("be_unique", colum="ids"))
    with pytest.raises(contracts.BadSuite, match=r"churn\.json, expectation 1: .* no 'colum'"):
        contracts.validate(Suite("churn", Path("churn.json"), every), FRAME)


def test_a_clean_day_does_not_import_great_expectations(tmp_path):
    """A fresh process judges a day in less time than that takes."""
    entry = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "n"}}
    (tmp_path / "x.json").write_text(json.dumps({"name": "x", "expectations": [entry]}))
    code = (
        "import sys, pandas; from pathlib import Path;"
        "from monitoring_dagster.sources.suites.contracts import validate;"
        "from monitoring_dagster.sources.suites.suites import load_suite;"
        "suite, frame = load_suite(Path(sys.argv[1])), pandas.DataFrame({'n': [1, 2]});"
        "assert validate(suite, frame) == []; assert 'great_expectations' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.json")]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
