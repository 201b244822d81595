"""An owner's own metric: what each row is worth, in SQL or in Python."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from monitoring_dagster.sources.rows.expressions import UnusableMetric, row_values
from monitoring_dagster.spec import MetricDefinition

ROWS = pa.table(
    {
        "label": ["1", "0", "1", "0"],
        "prediction": ["1", "1", "0", "0"],
        "score": [0.9, 0.6, 0.4, None],
        "rows": [5, 1, 2, 3],
        "amount": [10.0, 20.0, 30.0, None],
    }
)


def missed(rows):
    """An owner's function: 1 for a missed positive."""
    return pc.and_(pc.equal(rows["label"], 1), pc.equal(rows["prediction"], 0))


def too_few(rows):
    """An owner's function that is wrong about its rows."""
    return [1.0]


def broken(rows):
    """An owner's function that fails."""
    return 1 // (rows.num_rows - rows.num_rows)


def values(rows=ROWS, task="binary", **definition):
    return row_values(MetricDefinition(name="own", **definition), rows, task=task)


def test_an_expression_gives_each_row_its_value_in_order():
    found = values(expression="CASE WHEN label = 1 AND prediction = 0 THEN -20 ELSE 0 END")
    assert found.tolist() == [0, 0, -20, 0]


def test_a_value_that_is_missing_is_nan():
    np.testing.assert_array_equal(values(expression="score"), [0.9, 0.6, 0.4, np.nan])


def test_an_expression_may_use_further_columns():
    found = values(expression="amount * abs(prediction - label)", columns=["amount"])
    np.testing.assert_array_equal(found, [0, 20, 30, np.nan])


def test_classes_are_text_and_numbers_of_a_regression_are_numbers():
    classes = pa.table({"label": ["a", "b"], "prediction": ["a", "a"]})
    assert values(classes, "multiclass", expression="label = prediction").tolist() == [1, 0]
    numbers = pa.table({"label": [1.5, 2.0], "prediction": [1, 4]})
    assert values(numbers, "regression", expression="abs(prediction - label)").tolist() == [0.5, 2]


def test_a_python_function_sees_an_arrow_table():
    assert values(function=f"{__name__}:missed").tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        pytest.param({"expression": "labl + 1"}, "labl", id="a column that is not there"),
        pytest.param({"expression": "amount"}, "It sees label, prediction, score",
                     id="a column that it does not name"),
        pytest.param({"expression": "label +"}, "cannot be computed", id="no SQL"),
        pytest.param({"expression": "label, 1"}, "cannot be computed", id="two values"),
        pytest.param({"expression": "(SELECT count(*) FROM read_csv('/etc/passwd'))"},
                     "disabled", id="a file of somebody else's"),
        pytest.param({"function": "no.such:thing"}, "No module named 'no'", id="no such module"),
        pytest.param({"function": f"{__name__}:nothing"}, "nothing", id="no such function"),
        pytest.param({"function": f"{__name__}:broken"}, "by zero", id="it fails"),
        pytest.param({"function": f"{__name__}:too_few"}, "returned values of shape (1,)",
                     id="too few values"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_told_with_the_metric_and_its_columns(definition, words):
    with pytest.raises(UnusableMetric, match="own") as error:
        values(**definition)
    assert words in str(error.value)
