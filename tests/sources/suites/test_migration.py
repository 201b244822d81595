"""A suite of 0.18 is rewritten with nothing lost, or refused with file and place."""

import json

import pytest

from monitoring_dagster.sources.suites.contracts import great_expectations
from monitoring_dagster.sources.suites.migration import migrated
from monitoring_dagster.sources.suites.suites import BadSuite, load_suite

OLD = {
    "data_asset_type": None,
    "expectation_suite_name": "churn",
    "evaluation_parameters": {"low": 18},
    "ge_cloud_id": "3f1c",
    "meta": {"great_expectations_version": "0.18.22", "team": "ädel"},
    "expectations": [
        {
            "expectation_type": "expect_column_values_to_be_between",
            "kwargs": {
                "column": "age", "min_value": {"$PARAMETER": "low"}, "max_value": 120,
                "parse_strings_as_datetimes": None, "result_format": "BASIC",
            },
            "meta": {"notes": {"format": "markdown", "content": ["of **adults**"]}},
            "ge_cloud_id": "77",
            "success_on_last_run": True,
            "expectation_context": {"description": None},
        },
        {
            "expectation_type": "expect_column_to_exist", "kwargs": {"column": "country"},
            "meta": {}, "notes": "since May", "severity": "warning",
        },
    ],
}  # fmt: skip
NEW = {
    "name": "churn",
    "id": "3f1c",
    "meta": {"great_expectations_version": "0.18.22", "team": "ädel"},
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "age", "min_value": 18, "max_value": 120},
            "meta": {"notes": {"format": "markdown", "content": ["of **adults**"]}},
            "id": "77",
        },
        {
            "type": "expect_column_to_exist",
            "kwargs": {"column": "country"},
            "severity": "warning",
            "meta": {},
            "notes": "since May",
        },
    ],
}


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_order_meta_notes_and_ids_stay_and_the_rest_is_what_is_read(tmp_path):
    path = written(tmp_path / "churn.json", OLD)
    before = load_suite(path)
    text = migrated(path)
    assert json.loads(text) == NEW
    assert [*json.loads(text)] == [*NEW]
    after = load_suite(written(path, text))
    assert after.expectations == before.expectations
    assert (before.remarks != (), after.remarks) == (True, ())


def test_great_expectations_1_takes_it_whole():
    suite = great_expectations().ExpectationSuite(
        **{key: one for key, one in NEW.items() if key != "id"}
    )
    assert [one.expectation_type for one in suite.expectations] == [
        one["type"] for one in NEW["expectations"]
    ]


def test_what_is_migrated_is_not_migrated_again(tmp_path):
    path = written(tmp_path / "churn.json", migrated(written(tmp_path / "old.json", OLD)))
    assert migrated(path) is None
    by_hand = {"name": "own", "custom": 1, "expectations": []}
    assert migrated(written(path, by_hand)) is None


def test_a_suite_without_an_expectation_has_its_name_moved(tmp_path):
    path = written(tmp_path / "x.json", {"expectation_suite_name": "own", "expectations": []})
    assert json.loads(migrated(path)) == {"name": "own", "expectations": []}


def one(kind="expect_column_to_exist", **changed):
    return {"expectation_type": kind, "kwargs": {"column": "age"}} | changed


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param(one("expect_column_values_to_be_vector"), "unknown type", id="no more"),
        pytest.param(
            one(kwargs={"column": "age", "parse_strings_as_datetimes": True}),
            "takes no 'parse_strings_as_datetimes'", id="asked",
        ),
        pytest.param(
            one(kwargs={"column": {"$PARAMETER": "which"}}), "nobody gives its value",
            id="a parameter without a value",
        ),
        pytest.param(one(owner="ada"), "unknown key 'owner'", id="an unknown key"),
    ],
)  # fmt: skip
def test_what_cannot_be_migrated_is_refused_with_file_and_position(tmp_path, entry, told):
    path = written(tmp_path / "churn.json", OLD | {"expectations": [one(), entry]})
    with pytest.raises(BadSuite) as error:
        migrated(path)
    assert str(error.value).startswith(f"{path}, expectation 1: ")
    assert told in str(error.value)


def test_a_key_of_the_suite_that_would_be_lost_is_refused(tmp_path):
    path = written(tmp_path / "churn.json", OLD | {"citations": []})
    with pytest.raises(BadSuite, match=r"\.json: unknown key 'citations', which would be lost"):
        migrated(path)
