"""Counted in the engine, a suite has the verdicts and the counts of Great Expectations."""

from itertools import product

import pyarrow as pa
import pytest

from monitoring_dagster.sources.suites.counted import counted_expectations
from monitoring_dagster.sources.suites.counted.counted_expectations import broken_by_count
from tests.sources.suites.small_days import (
    EMPTY,
    TABLE,
    expectation,
    on_day,
    said_by_great_expectations,
    suite_of,
)

HOSTILE = TABLE.column_names[-1]
VALUES_TO = "column_values_to_"
NUMBERS = ["whole", "gaps", "real", "wide", "short"]
STRICT = [{}, {"strict_min": True}, {"strict_max": True}]


def each(kind, columns, *kwargs):
    """One expectation of the kind for each column and each set of arguments."""
    return [expectation(kind, column=name, **more) for name, more in product(columns, kwargs)]


def pairs(kind, *names, **kwargs):
    ignored = ("both_values_are_missing", "either_value_is_missing", "neither")
    return [
        expectation(kind, column_A=a, column_B=b, ignore_row_if=how, **kwargs)
        for (a, b), how in product(names, ignored)
    ]


def rows(kind, *names, **kwargs):
    ignored = ("all_values_are_missing", "any_value_is_missing", "never")
    return [
        expectation(kind, column_list=list(some), ignore_row_if=how, **kwargs)
        for some, how in product(names, ignored)
    ]


MOSTLY = [{}, {"mostly": 0.5}, {"mostly": 2 / 3}, {"mostly": 0}]
FAMILIES = {
    "missing values": [
        *each(f"{VALUES_TO}be_null", ["gaps", "no word", "lists"], *MOSTLY),
        *each(f"{VALUES_TO}not_be_null", ["real", "price", "at", HOSTILE], *MOSTLY),
        *each("column_proportion_of_non_null_values_to_be_between", ["gaps", "no number"],
              {"min_value": 0.5}, {"max_value": 2 / 3}),
    ],
    "sets": [
        *each(f"{VALUES_TO}be_in_set", ["whole", "wide"], {"value_set": [1, 2, 3, 7, 9]},
              {"value_set": [2.0, 5.5], "mostly": 0.5}),
        *each(f"{VALUES_TO}not_be_in_set", ["words", "odd"], {"value_set": ["it's", "a\\b", "b"]}),
        *each(f"{VALUES_TO}be_in_set", ["flag", "perhaps"], {"value_set": [True]}),
        *each("column_distinct_values_to_be_in_set", ["words"], {"value_set": ["a", "b"]},
              {"value_set": ["a", "b", "", "Straße"]}),
        *each("column_distinct_values_to_contain_set", ["words"], {"value_set": ["a", "b"]},
              {"value_set": ["a", "x"]}),
        *each("column_distinct_values_to_equal_set", ["gaps"], {"value_set": [1, 3, -4]},
              {"value_set": [1, 3]}, {"value_set": [1, 3, -4, 5]}),
        *each("column_most_common_value_to_be_in_set", ["words", "ids"],
              {"value_set": ["b", "id-1"]}, {"value_set": ["b", "id-1"], "ties_okay": True}),
    ],
    "ranges": [
        *each(f"{VALUES_TO}be_between", NUMBERS, *({"min_value": 1, "max_value": 3, **it}
                                                   for it in STRICT)),
        *each(f"{VALUES_TO}be_between", ["short"], {"min_value": 0.1}, {"max_value": 0.3}),
        *each(f"{VALUES_TO}be_between", ["at", "since"],
              *({"min_value": "2026-03-01T02:00:00Z", "max_value": "2026-03-01 04:00", **it}
                for it in STRICT)),
        *each(f"{VALUES_TO}be_between", ["on"], {"min_value": "2026-03-02"}),
    ],
    "lengths and patterns": [
        *each("column_value_lengths_to_be_between", ["words"], {"min_value": 1, "max_value": 6},
              {"min_value": 1, "max_value": 6, "strict_max": True}),
        *each("column_value_lengths_to_equal", ["ids", "odd"], {"value": 4}),
        *each(f"{VALUES_TO}match_regex", ["ids"], {"regex": r"^id-[1-5]$"}, {"regex": r"\d"},
              {"regex": r"^\w+-\d$"}, {"regex": "^id-[1-5]$", "mostly": 0.8}),
        *each(f"{VALUES_TO}not_match_regex", ["ids"], {"regex": "[12]"}),
        *each(f"{VALUES_TO}match_regex_list", ["ids"], {"regex_list": ["1", "2"]},
              {"regex_list": ["id", "2"], "match_on": "all"}),
        *each(f"{VALUES_TO}not_match_regex_list", ["ids"], {"regex_list": ["1", "2"]}),
    ],
    "numbers of a column": [
        expectation(f"column_{what}_to_be_between", column=name, **limits)
        for what, name, limits in product(
            ("min", "max", "mean", "sum", "median", "stdev"),
            ["whole", "gaps", "wide", "no number"],
            ({"min_value": 2}, {"max_value": 2}),
        )
    ] + each("column_max_to_be_between", ["at"], {"max_value": "2026-03-01T23:00:00Z"},
             {"max_value": "2026-03-01T23:00:00Z", "strict_max": True}),
    "groups": [
        *each(f"{VALUES_TO}be_unique", ["whole", "ids", "real", "at", "flag", "short", "on"],
              {}, {"mostly": 0.6}),
        *each("column_unique_value_count_to_be_between", ["whole", "real", "words"],
              {"min_value": 3, "max_value": 4}, {"min_value": 5}),
        *each("column_proportion_of_unique_values_to_be_between", ["gaps", "no word"],
              {"min_value": 0.75}, {"max_value": 0.5}),
        *rows("compound_columns_to_be_unique", ["gaps", "words"], ["gaps", "round"]),
    ],
    "two columns": [
        *pairs("column_pair_values_a_to_be_greater_than_b", ("whole", "gaps"), ("at", "at"),
               ("words", "ids")),
        *pairs("column_pair_values_a_to_be_greater_than_b", ("real", "round"), or_equal=True),
        *pairs("column_pair_values_to_be_equal", ("gaps", "round"), ("words", "words"), mostly=0.4),
        *pairs("column_pair_values_to_be_in_set", ("gaps", "words"),
               value_pairs_set=[[1, "a"], [None, "b"], [3, None]]),
    ],
    "several columns": [
        *rows("select_column_values_to_be_unique_within_record", ["gaps", "round", "whole"]),
        *rows("multicolumn_values_to_be_equal", ["gaps", "round"]),
        *rows("multicolumn_sum_to_equal", ["gaps", "round"], sum_total=2),
    ],
    "types": [
        *each(f"{VALUES_TO}be_of_type", ["whole", "gaps", "round", "real", "short", "small",
                                         "words", "flag", "perhaps", "at", "no number"],
              {"type_": "int64"}, {"type_": "float64"}, {"type_": "str"}, {"type_": "bool"}),
        *each(f"{VALUES_TO}be_in_type_list", ["small", "at"],
              {"type_list": ["uint8", "datetime64"]}, {"type_list": ["object", "int"]}),
    ],
    "the table": [
        expectation("table_row_count_to_equal", value=6),
        expectation("table_row_count_to_be_between", min_value=6, strict_min=True),
        expectation("table_column_count_to_be_between", max_value=20),
        expectation("table_columns_to_match_set", column_set=["gaps"], exact_match=False),
        expectation("column_to_exist", column="gone"),
    ],
}  # fmt: skip


def judged(expectations, table, root, **more):
    with on_day(table, root) as asked:
        return broken_by_count(suite_of(*expectations), asked, **more)


@pytest.mark.parametrize("table", [TABLE, EMPTY], ids=["rows", "no rows"])
@pytest.mark.parametrize("family", FAMILIES)
def test_great_expectations_says_the_same(family, table, tmp_path):
    expectations = FAMILIES[family]
    broken, left = judged(expectations, table, tmp_path)
    said = said_by_great_expectations(expectations, table)
    assert not left
    assert [*broken] == [position for position, one in sorted(said.items()) if not one.success]
    assert table is EMPTY or broken
    for position, breach in broken.items():
        found = said[position].found
        is_of_rows = "distinct" not in breach.expectation and not said[position].raised
        if is_of_rows and found.get("unexpected_count") and breach.unexpected_share is not None:
            rows_judged = found["element_count"] - (found.get("missing_count") or 0)
            assert f": {found['unexpected_count']} of {rows_judged} " in breach.words


@pytest.mark.parametrize("method", ["nearest", "linear", "lower", "higher", "midpoint"])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_great_expectations_says_the_same_of_quantiles(method, share, tmp_path):
    """One at a time: it keeps the first answer of a column for the next question about it."""
    ranges = {"quantiles": [share], "value_ranges": [[0.5, 2.2]]}
    asked = expectation("column_quantile_values_to_be_between", column="round",
                        quantile_ranges=ranges, allow_relative_error=method)  # fmt: skip
    broken, _ = judged([asked], TABLE, tmp_path)
    assert (not broken) is said_by_great_expectations([asked], TABLE)[0].success


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param(expectation(f"{VALUES_TO}be_between", column="gaps", min_value=0, max_value=2),
                     "'gaps' should be between 0 and 2: 3 of 4 values are not (75 %),"
                     " for example 3, -4", id="different numbers, each once"),
        pytest.param(expectation(f"{VALUES_TO}be_in_set", column="words", value_set=["a", "b"],
                                 mostly=0.9),
                     "'words' should be one of 'a', 'b' in at least 90 % of cases: 2 of 5 values"
                     " are not (40 %), for example '', 'Straße'", id="a share of them"),
        pytest.param(expectation(f"{VALUES_TO}not_be_null", column="words"),
                     "'words' should not be missing: 1 of 6 rows is (16.7 %)", id="missing"),
        pytest.param(expectation(f"{VALUES_TO}be_unique", column="whole"),
                     "'whole' should be unique: 2 of 6 values are not (33.3 %), for example 3",
                     id="repeated"),
        pytest.param(expectation("column_mean_to_be_between", column="whole", min_value=10),
                     "'whole' should have a mean of at least 10: it is 4.16667", id="a mean"),
        pytest.param(expectation("column_mean_to_be_between", column="no number"),
                     "'no number' should have a mean of anything: it has none", id="no mean"),
        pytest.param(expectation("column_median_to_be_between", column="whole", min_value=10),
                     "'whole' should have a median of at least 10: it has 3", id="a median"),
        pytest.param(expectation("column_distinct_values_to_equal_set", column="words",
                                 value_set=["a", "b", "c"]),
                     "'words' should hold exactly 'a', 'b', 'c': 'c' is missing; 2 of 5 values are"
                     " others (40 %), for example '', 'Straße'", id="another set"),
        pytest.param(expectation("column_most_common_value_to_be_in_set", column="words",
                                 value_set=["a"]),
                     "'words' should have a most common value among 'a': another one has 2 of 5"
                     " rows, for example 'b'", id="the most common"),
        pytest.param(expectation(f"{VALUES_TO}be_of_type", column="words", type_="int64"),
                     "'words' should be of type int64: it arrives as VARCHAR", id="a type"),
        pytest.param(expectation("column_pair_values_to_be_equal", column_A="gaps",
                                 column_B="round"),
                     "'gaps' should equal 'round': 3 of 5 rows are not (60 %), for example"
                     " 3 and 4, nothing and 5, -4 and 6", id="two columns"),
        pytest.param(expectation(f"{VALUES_TO}be_unique", column="agee"),
                     "expect_column_values_to_be_unique cannot be judged: there is no column"
                     " 'agee'.", id="a column that is not there"),
    ],
)  # fmt: skip
def test_a_breach_names_column_count_share_and_examples(asked, words, tmp_path):
    broken, _ = judged([asked], TABLE, tmp_path)
    assert broken[0].words.startswith(words)


@pytest.mark.parametrize("family", FAMILIES)
def test_of_a_sensitive_column_no_value_is_told(family, tmp_path):
    """Neither as an example nor as the largest one."""
    sensitive = set(TABLE.column_names)
    broken, _ = judged(FAMILIES[family], TABLE, tmp_path, sensitive=sensitive)
    for breach in broken.values():
        assert ", for example" not in breach.words
        if breach.expectation.startswith(("expect_column_min", "expect_column_max")):
            assert breach.words.endswith(("it is not", "it has none"))


def test_one_sensitive_column_of_two_is_enough(tmp_path):
    asked = expectation("column_pair_values_to_be_equal", column_A="gaps", column_B="round")
    broken, _ = judged([asked], TABLE, tmp_path, sensitive={"round"})
    assert "3 of 5 rows" in broken[0].words
    assert "for example" not in broken[0].words


@pytest.mark.parametrize(
    "regex", [r"^x$", r"\d", "."], ids=["before the last line feed", "a digit of any script", "all"]
)
def test_texts_that_python_reads_in_its_own_way_are_left(regex, tmp_path):
    asked = expectation(f"{VALUES_TO}match_regex", column="odd", regex=regex)
    assert judged([asked], TABLE, tmp_path) == ({}, {0: asked})


def test_what_the_engine_does_not_know_is_left_in_its_place(tmp_path):
    known = expectation(f"{VALUES_TO}be_unique", column="ids")
    unknown = expectation(f"{VALUES_TO}be_json_parseable", column="words")
    some_rows = expectation(f"{VALUES_TO}be_unique", column="ids", row_condition="whole > 1")
    assert judged([known, unknown, some_rows], TABLE, tmp_path) == ({}, {1: unknown, 2: some_rows})


def test_groups_that_do_not_fit_into_memory_are_counted_part_by_part(tmp_path, monkeypatch):
    """Equal values in the same part: the counts are those of one pass."""
    values = [f"v{number}" for number in range(500)] + ["v7", "v7", "v8"]
    table = pa.table({"a": values, "b": [1] * len(values)})
    asked = [
        expectation(f"{VALUES_TO}be_unique", column="a"),
        expectation("compound_columns_to_be_unique", column_list=["a", "b"]),
        expectation("column_unique_value_count_to_be_between", column="a", max_value=1),
        expectation("column_most_common_value_to_be_in_set", column="a", value_set=["v7"]),
    ]
    whole, _ = judged(asked, table, tmp_path)
    monkeypatch.setattr(counted_expectations, "_GROUPS_AT_ONCE", 50)
    parted, _ = judged(asked, table, tmp_path)
    assert [*whole] == [*parted] == [0, 1, 2]
    assert "5 of 503 values are not (1 %), for example 'v7', 'v8'" in whole[0].words
    assert {one.words[:60] for one in whole.values()} == {one.words[:60] for one in parted.values()}
    assert "it has 500" in parted[2].words


def test_a_column_is_read_once_whatever_is_asked_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(counted_expectations, "_COLUMNS_AT_ONCE", 2)
    asked = [
        *each(f"{VALUES_TO}be_between", ["whole", "gaps", "real"], {"min_value": -1e9}),
        *each(f"{VALUES_TO}not_be_null", ["whole", "flag"], {}),
        *each("column_mean_to_be_between", ["whole", "real"], {"min_value": -1e9}),
    ]
    queries = []
    with on_day(TABLE, tmp_path) as day:

        def ask(sql):
            queries.append(sql)
            return day.ask(sql)

        counting = counted_expectations.AskedDay(
            day.engine, day.columns, day.table, day.quoted, ask
        )
        broken_by_count(suite_of(*asked), counting)
    assert len(queries) == 2
    for name in ("whole", "gaps", "real", "flag"):
        assert sum(f'"{name}"' in sql for sql in queries) == 1
