"""A day is judged where its rows are, and by Great Expectations only where nobody else can."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from monitoring_dagster.sources.rows.rows import MissingDay
from monitoring_dagster.sources.suites import broken_expectations as judging
from monitoring_dagster.sources.suites.broken_expectations import broken_expectations
from tests.sources.suites.small_days import DAY, LOG, TABLE, expectation, on_day, suite_of

UNIQUE = expectation("column_values_to_be_unique", "warning", column="whole")
PARSEABLE = expectation("column_values_to_be_json_parseable", "info", column="words")
DECIMALS = expectation("column_values_to_be_between", column="price", min_value=2)


@pytest.fixture
def broken(tmp_path):
    """What a small day breaks of a suite."""
    on_day(TABLE, tmp_path)

    def of(*expectations, **more):
        return broken_expectations(suite_of(*expectations), LOG, DAY, root=tmp_path, **more)

    return of


def test_breaches_stand_in_the_order_of_the_suite_whoever_found_them(broken):
    found = broken(PARSEABLE, UNIQUE, DECIMALS)
    assert [one.column for one in found] == ["words", "whole", "price"]
    assert [one.severity for one in found] == ["info", "warning", "critical"]
    assert "1 of 5 values does not (20 %), for example 1.50" not in found[2].words
    assert "1 of 5 values does not (20 %), for example '1.50'" in found[2].words


def test_a_sensitive_column_is_one_whoever_judges_it(broken):
    for breach in broken(PARSEABLE, UNIQUE, DECIMALS, sensitive=["words", "whole", "price"]):
        assert "for example" not in breach.words
        assert "values" in breach.words


def test_a_suite_that_is_kept_has_no_breach(broken):
    assert broken(expectation("column_values_to_be_unique", column="ids")) == []
    assert broken() == []


def test_spark_is_asked_where_the_model_says_so(broken, monkeypatch):
    asked = []

    def in_spark(predictions, day, *, root):
        asked.append(day)
        return judging.questions.asked_day(predictions, day, root=root)

    monkeypatch.setattr(judging.spark, "asked_day", in_spark)
    assert len(broken(UNIQUE, engine="spark")) == 1
    assert asked == [DAY]


def test_a_day_that_never_came_is_missing(tmp_path):
    with pytest.raises(MissingDay):
        broken_expectations(suite_of(UNIQUE), LOG, DAY, root=tmp_path)


def test_a_broken_day_imports_neither_great_expectations_nor_pandas(tmp_path):
    """A fresh process judges it in less time than that takes."""
    pq.write_table(TABLE, tmp_path / f"{DAY}.parquet")
    entries = [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "whole"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "ids", "regex": "x"}},
        {"type": "expect_column_median_to_be_between",
         "kwargs": {"column": "real", "min_value": 9}},
    ]  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps({"name": "x", "expectations": entries}))
    code = (
        "import sys; from datetime import date; from pathlib import Path;"
        "from monitoring_dagster.sources.suites.broken_expectations import broken_expectations;"
        "from monitoring_dagster.sources.suites.suites import load_suite;"
        "from monitoring_dagster.spec.sources import Predictions;"
        "root = Path(sys.argv[1]); suite = load_suite(root / 'x.json');"
        "log, day = Predictions(path='{day}.parquet'), date.fromisoformat(sys.argv[2]);"
        "assert len(broken_expectations(suite, log, day, root=root)) == 3;"
        "assert not {'great_expectations', 'pandas', 'pyspark'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(DAY)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
