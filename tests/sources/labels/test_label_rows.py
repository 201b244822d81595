"""What is wrong with a label row has one name, wherever it is read, stored or counted."""

import json

import pytest

from monitoring_dagster.sources.labels.label_rows import (
    FOREIGN,
    JUDGED,
    TOLD,
    Fault,
)
from monitoring_dagster.sources.labels.labels import join_labels
from monitoring_dagster.sources.rows.row_sql import quoted
from tests.sources.labels.two_feeds import at, on, serve, spec_of, tell, times


@pytest.mark.parametrize(
    ("task", "served", "told", "fault"),
    [
        pytest.param("binary", {}, {"labels": [None]}, Fault.MISSING, id="no label"),
        pytest.param("binary", {}, {"ids": [None]}, Fault.MISSING, id="no id"),
        pytest.param("binary", {}, {"ids": [1.79e18]}, Fault.DIGITS, id="an id without its digits"),
        pytest.param("binary", {}, {"labels": [2]}, Fault.LABEL, id="a third class"),
        pytest.param("binary", {}, {"arrived_at": ["soon"]}, Fault.TIME, id="no time"),
        pytest.param("binary", {}, {"arrived_at": times(at(9))}, Fault.FUTURE, id="a time to come"),
        pytest.param("multiclass", {"prediction": [1]}, {"labels": ["low"]}, Fault.CLASS,
                     id="a class that nobody predicts"),
        pytest.param("binary", {"prediction": [7]}, {}, Fault.PREDICTION, id="no answer"),
        pytest.param("binary", {"score": [1.5]}, {}, Fault.SCORE, id="no probability"),
    ],
)  # fmt: skip
def test_each_thing_that_may_be_wrong_is_met_by_its_own_fault(tmp_path, task, served, told, fault):
    serve(tmp_path, 0, ["a"], **served)
    tell(tmp_path, 0, told.get("ids", ["a"]), told.get("labels"),
         **{k: v for k, v in told.items() if k not in ("ids", "labels")})  # fmt: skip
    _, seen = join_labels(spec_of(task), on(0), root=tmp_path)
    assert seen.invalid == 1
    (odd,) = [one for one in seen.oddities if one.kind in [*Fault]]
    assert Fault(odd.kind) is fault


def test_a_fault_is_its_word_in_sql_and_in_json():
    assert all(f"{one}" == one.value and json.loads(json.dumps(one)) == one for one in Fault)
    assert all(f"'{one}'".isprintable() and one.isalpha() for one in Fault)


def test_tables_of_one_question_are_three_and_need_no_quotes():
    names = {TOLD, JUDGED, FOREIGN}
    assert len({name.casefold() for name in names}) == 3
    assert {quoted(name).strip('"') for name in names} == names
    assert all(name.isidentifier() and name.islower() for name in names)
