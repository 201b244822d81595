"""The values of labels, predictions and scores show what is predicted."""

import pyarrow as pa
import pytest

from monitoring_dagster.standalone.reading.answers import PredictedTarget


@pytest.mark.parametrize(
    ("label", "prediction", "score", "task"),
    [
        ([0, 1, None], [1, 0, 1], [0.1, 0.9, 0.5], "binary"),
        ([False, True], [1, 0], [0.1, 0.9], "binary"),
        (["0", "1"], ["1", "0"], [0.1, 0.9], "binary"),
        ([0.0, 1.0], None, [0.1, 0.9], "binary"),
        (["no", "yes"], ["yes", "no"], [0.1, 0.9], "binary"),
        (["no", "yes"], [1, 0], [0.1, 0.9], "binary"),
        ([1, 2, 3], [1, 2, 3], [0.5, 0.9, 0.9], "multiclass"),
        (["a", "b", "c"], ["a", "b", "c"], [0.5, 0.9, 0.9], "multiclass"),
        ([0, 1], [0, 2], [0.1, 0.9], "multiclass"),
        ([0.5, 1.0], [0.4, 2.0], None, "regression"),
        (list(range(30)), list(range(30)), None, "regression"),
    ],
)
def test_the_task_is_seen_in_the_values(label, prediction, score, task):
    given = [None if one is None else pa.chunked_array([one]) for one in (prediction, score)]
    found = PredictedTarget.of(pa.chunked_array([label]), prediction=given[0], score=given[1])
    assert found.task == task
