"""Labels as people write them: the same value is the same label, and one bad row costs one row."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels import label_tables
from monitoring_dagster.sources.labels.label_oddities import (
    ORPHAN,
)
from monitoring_dagster.sources.labels.label_rows import Fault
from monitoring_dagster.sources.labels.labels import join_labels, labelled_rows
from tests.sources.labels.two_feeds import (
    BIG,
    IDS,
    at,
    kinds,
    odd,
    on,
    serve,
    spec_of,
    tell,
    times,
)


@pytest.fixture(autouse=True, params=[None, 1], ids=["at once", "in passes"])
def _pass_rows(request, monkeypatch):
    """A large day is judged in passes over its requests: nobody may tell."""
    if request.param is not None:
        monkeypatch.setattr(label_tables, "PASS_ROWS", request.param)


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        pytest.param("binary", [1.0, 0.0, 1.0, 0.0], id="floats"),
        pytest.param("binary", [True, False, True, False], id="booleans"),
        pytest.param("binary", ["1", "0", "1", "0"], id="text"),
        pytest.param("binary", ["1.0", "0.0", "1", "0"], id="text of floats"),
        pytest.param("binary", ["TRUE", "False", " true", "FALSE "], id="words in any case"),
        pytest.param("binary", pa.array([1, 0, 1, 0]).cast(pa.decimal128(21, 2)), id="decimals"),
        pytest.param("binary", pa.array([1, 0, 1, 0], pa.uint8()), id="bytes"),
        pytest.param("regression", ["1", "0.0", "1e0", " 0"], id="numbers as text"),
    ],
)
def test_a_label_is_what_it_says_however_it_is_written(tmp_path, task, labels):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, IDS, labels)
    table, seen = join_labels(spec_of(task), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 4, "joined": 4}
    said = [str(one).lower() for one in table["label"].to_pylist()]
    assert [one in ("1", "1.0", "1.00", "true") for one in said] == [True, False, True, False]


@pytest.mark.parametrize(
    ("task", "labels", "value"),
    [
        pytest.param("binary", [1, 0, 2, 1], "2", id="a third class"),
        pytest.param("binary", [1.0, 0.0, 0.5, None], "0.5", id="half a label, one without"),
        pytest.param("binary", ["1", "0", "maybe", "1"], "maybe", id="a word"),
        pytest.param("binary", ["1", "0", "", "1"], "", id="an empty text"),
        pytest.param("regression", [1.0, 2.0, float("inf"), 3.0], "inf", id="infinity"),
        pytest.param("regression", ["1", "2", "n/a", "3"], "n/a", id="no number"),
    ],
)
def test_a_label_that_is_none_of_the_task_costs_its_own_row(tmp_path, task, labels, value):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, IDS, labels)
    table, seen = join_labels(spec_of(task), on(0), root=tmp_path)
    missing = labels.count(None)
    assert kinds(seen) == {"rows": 4, "joined": 3 - missing, "invalid": 1 + missing}
    assert table["request_id"].to_pylist() == ["a", "b", "d"][: 3 - missing]
    fault = odd(seen, Fault.LABEL)
    assert (fault.column, fault.rows, fault.examples) == ("label", 1, (("c", value),))


@pytest.mark.parametrize(
    ("scores", "left"),
    [
        pytest.param([0.9, 1.0000000000000002, -1e-12, None], [0.9, 1.0, 0.0, None], id="rounding"),
        pytest.param([0.9, 1.7, -3.0, None], [0.9, None], id="no probabilities"),
        pytest.param(["0.9", "1.0", "n/a", "nan"], [0.9, 1.0, float("nan")], id="text"),
        pytest.param(
            pa.array([0.5, 1.0000001, 0.0, 1.0], pa.float32()), [0.5, 1.0, 0.0, 1.0],
            id="rounding in single precision",
        ),
    ],
)  # fmt: skip
def test_a_score_that_is_no_probability_costs_its_own_row(tmp_path, scores, left):
    serve(tmp_path, 0, IDS, score=scores)
    tell(tmp_path, 0, IDS)
    table, seen = join_labels(spec_of(), on(0), root=tmp_path)
    np.testing.assert_equal(table["score"].to_pylist(), left)
    assert (seen.joined, seen.invalid) == (len(left), 4 - len(left))
    fault = odd(seen, Fault.SCORE)
    if seen.invalid:
        assert (fault.column, fault.served_on, fault.of) == ("score", str(on(0)), len(left) + 1)
        assert {id_ for id_, _ in fault.examples} < set(IDS)


def test_an_answer_that_is_none_costs_its_own_row(tmp_path):
    serve(tmp_path, 0, IDS, prediction=[1, 0, 2, 1])
    tell(tmp_path, 0, IDS)
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 4, "joined": 3, "invalid": 1}
    assert odd(seen, Fault.PREDICTION).examples == (("c", "2"),)


@pytest.mark.parametrize(
    ("served", "told", "joined"),
    [
        pytest.param([7, 8], [7.0, 8.0], 2, id="labels' ids became floats"),
        pytest.param([7.0, 8.0], ["7", "8"], 2, id="predictions' ids became floats"),
        pytest.param([7, 8], ["7.0", "8.0"], 2, id="text of floats against integers"),
        pytest.param(["7.0", "8.0"], ["7", "8"], 2, id="text of floats against text"),
        pytest.param([7, 8], pa.array([7, 8]).cast(pa.decimal128(21, 2)), 2, id="decimals"),
        pytest.param([7, 8], pa.array([7, 8], pa.float32()), 2, id="single precision"),
        pytest.param([2**53 - 1, 8], [float(2**53 - 1), 8.0], 2, id="the largest exact float"),
        pytest.param(["7.5", "8"], [7.5, 8.0], 2, id="a fraction stays one"),
        pytest.param(["007", "8"], [7, 8], 1, id="zeros in front are another id"),
        pytest.param(["1.10", "1.1"], ["1.10", "1.1"], 2, id="versions are no numbers"),
    ],
)
def test_ids_are_the_same_request_only_where_nothing_was_lost(tmp_path, served, told, joined):
    serve(tmp_path, 0, served)
    tell(tmp_path, 0, told)
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert (seen.joined, seen.orphan) == (joined, 2 - joined)


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param([float(BIG), float(BIG + 1)], id="floats"),
        pytest.param(pa.array([2.0**24, 2.0**25], pa.float32()), id="single precision"),
        pytest.param(["1.79e+18", "1.79e+18"], id="text of floats"),
        pytest.param([f"{BIG}.0", "1790000000000000000.0"], id="digits that no float holds"),
    ],
)
def test_an_id_that_lost_digits_is_joined_to_nothing(tmp_path, ids):
    """On the side of the labels it is invalid; on that of the predictions the cause is named."""
    serve(tmp_path, 0, [BIG, 1_790_000_000_000_000_000])
    tell(tmp_path, 0, ids)
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 2, "invalid": 2}
    assert odd(seen, Fault.DIGITS).column == "request_id"

    serve(tmp_path, 0, ids)
    tell(tmp_path, 0, [BIG, BIG + 1])
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 2, "orphan": 2}
    assert odd(seen, ORPHAN).cause == "digits"


@pytest.mark.parametrize(
    ("arrived", "fault"),
    [
        pytest.param([1_772_496_000_000] * 4, Fault.TIME, id="epoch milliseconds"),
        pytest.param([1_772_496_000.5] * 4, Fault.TIME, id="epoch seconds"),
        pytest.param(["soon"] * 4, Fault.TIME, id="no time at all"),
        pytest.param(["02/03/2026"] * 4, Fault.TIME, id="a date of which nobody knows the month"),
        pytest.param([[1]] * 4, Fault.TIME, id="lists"),
        pytest.param(times(*[at(400)] * 4), Fault.FUTURE, id="400 days ahead"),
        pytest.param(times(*[at(2)] * 4), Fault.FUTURE, id="two days ahead"),
        pytest.param(times(*[at(1, 23)] * 4), None, id="of the next day"),
        pytest.param(["2026-03-02"] * 4, None, id="dates as text"),
        pytest.param(["2026-03-02T18:00:00+01:00"] * 4, None, id="times as text"),
        pytest.param(pa.array([on(0)] * 4), None, id="dates"),
        pytest.param(times(*[at(0, 18)] * 3, None), None, id="one without"),
    ],
)
def test_a_time_that_cannot_be_is_refused(tmp_path, arrived, fault):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, IDS, arrived_at=arrived)
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 4, "invalid" if fault else "joined": 4}
    if fault:
        assert odd(seen, fault).column == "arrived_at"


ODD_DAYS = {
    "served_at": [
        pytest.param({"Score": [0.9], "score": None}, id="a name in capitals"),
        pytest.param({"served_at": [1_772_496_000_000]}, id="epoch milliseconds"),
        pytest.param({"served_at": ["noon"]}, id="no times"),
        pytest.param({"score": ["0.9"]}, id="scores as text"),
        pytest.param({"prediction": ["1"]}, id="predictions as text"),
        pytest.param({"prediction": [True]}, id="predictions as booleans"),
        pytest.param({"model_version": [1.0]}, id="versions as floats"),
    ],
    "arrived_at": [
        pytest.param({"arrived_at": [1_772_496_000_000]}, id="epoch milliseconds"),
        pytest.param({"arrived_at": ["soon"]}, id="no times"),
        pytest.param({"label": ["churned"]}, id="words for labels"),
        pytest.param({"label": [[1]]}, id="lists for labels"),
        pytest.param({"lable": [1]}, id="a new column"),
    ],
}


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("changed", ODD_DAYS["served_at"])
def test_a_day_of_predictions_of_other_types_spoils_no_other_day(tmp_path, changed, keep):
    """Ids of 18 digits stay exact beside a day on which they are floats."""
    ids = [BIG + n for n in range(3)]
    for day, id_ in enumerate(ids):
        serve(tmp_path, day, [id_], **(changed if day == 1 else {}))
    tell(tmp_path, 2, ids)
    _, seen = join_labels(spec_of(keep=keep), on(2), root=tmp_path)
    assert kinds(seen) == {"rows": 3, "joined": 3}

    serve(tmp_path, 1, [float(BIG)], **changed)
    _, seen = join_labels(spec_of(keep=keep), on(2), root=tmp_path)
    assert kinds(seen) == {"rows": 3, "joined": 2, "orphan": 1}


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("changed", ODD_DAYS["arrived_at"])
def test_a_day_of_labels_of_other_types_spoils_no_other_day(tmp_path, changed, keep):
    """Not even that of the same request: the label that is one counts."""
    serve(tmp_path, 0, ["a", "b"])
    tell(tmp_path, 0, ["a"], **changed)
    tell(tmp_path, 1, ["a", "b"])
    spec = spec_of(keep=keep)
    first, second = (join_labels(spec, on(day), root=tmp_path)[1] for day in (0, 1))
    is_new = "lable" not in changed
    assert kinds(first) == {"rows": 1, "invalid" if is_new else "joined": 1}
    assert (second.joined, second.duplicate) == (2, 0) if is_new else (1, 1)
    rows = labelled_rows(spec, first=on(0), last=on(1), as_of=on(1), features=[], root=tmp_path)
    assert rows["request_id"].to_pylist() == ["a", "b"]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["7", "7.0", "8", "9.0", "x", "", "1.79e+18", None]),
            st.sampled_from(["0", "1.0", "TRUE", "2", "", "nan", "yes", None]),
            st.sampled_from(["2026-03-03", "2026-03-03T18:00:00Z", "soon", "2027-01-01", None]),
        ),
        max_size=12,
    ),
    scores=st.lists(st.sampled_from([0.5, 1.7, None, float("nan"), 1 + 1e-15]), min_size=3),
    keep=st.sampled_from(["first", "last"]),
)
def test_whatever_a_label_row_holds_it_is_in_one_bucket(tmp_path_factory, rows, scores, keep):
    """And what cannot be meant is never joined."""
    root = tmp_path_factory.mktemp("buckets")
    ids = [7, 8, 9]
    serve(root, 0, ids, score=pa.array(scores[:3], pa.float64()))
    serve(root, 1, [])
    columns = list(zip(*rows, strict=True)) or [[], [], []]
    given_ids, labels, arrived = (pa.array(column, pa.string()) for column in columns)
    tell(root, 1, given_ids, labels, arrived_at=arrived)
    table, seen = join_labels(spec_of(keep=keep), on(1), root=root)
    buckets = {name: n for name, n in kinds(seen).items() if name != "rows"}
    assert seen.rows == len(rows) == sum(buckets.values())
    assert sum(one.rows for one in seen.oddities if one.kind in [*Fault]) == seen.invalid
    assert set(table["request_id"].to_pylist()) <= {"7", "8", "9"}
    assert set(table["label"].to_pylist()) <= {"0", "1"}
