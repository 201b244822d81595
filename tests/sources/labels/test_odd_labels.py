"""Labels as people write them: the same value is the same label, and one bad row costs one row."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels.label_oddities import (
    DOUBLED,
    EARLY,
    OFF_DAY,
    ORPHAN,
    SAME_ID,
    STALE,
)
from monitoring_dagster.sources.labels.label_rows import Fault
from monitoring_dagster.sources.labels.label_values import id_of
from monitoring_dagster.sources.labels.labels import join_labels, labelled_rows
from monitoring_dagster.spec import ModelSpec

START = date(2026, 3, 2)
NOON, EVENING = 12, 18


def on(day):
    return START + timedelta(days=day)


def at(day, hour=NOON):
    return datetime.combine(on(day), datetime.min.time(), UTC) + timedelta(hours=hour)


def times(*moments):
    return pa.array(moments, pa.timestamp("us", "UTC"))


def spec_of(task="binary", **labels):
    return ModelSpec.model_validate(
        {
            "name": "odd",
            "owner": "team:ml",
            "task": task,
            "first_day": START,
            "predictions": {
                "path": "served/{day}.parquet",
                **({} if task == "regression" else {"score": "score"}),
            },
            "labels": {"path": "told/{day}.parquet", "mature_after_days": 2} | labels,
        }
    )


def put(root, folder, day, columns):
    (root / folder).mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), root / folder / f"{on(day)}.parquet")


def serve(root, day, ids, **changed):
    """Predictions of 1, at noon, with a score of 0.9."""
    n = len(ids)
    columns = {
        "request_id": ids,
        "served_at": times(*[at(day)] * n),
        "model_version": ["1"] * n,
        "prediction": [1] * n,
        "score": [0.9] * n,
    }
    columns |= changed
    put(root, "served", day, {name: one for name, one in columns.items() if one is not None})


def tell(root, day, ids, labels=None, **changed):
    """Labels of 1, on the evening."""
    n = len(ids)
    columns = {
        "request_id": ids,
        "label": [1] * n if labels is None else labels,
        "arrived_at": times(*[at(day, EVENING)] * n),
    }
    put(root, "told", day, columns | changed)


def kinds(seen):
    """The buckets that are not empty."""
    return {name: n for name, n in asdict(seen).items() if n and isinstance(n, int)}


def odd(seen, kind):
    return next((one for one in seen.oddities if one.kind == kind), None)


IDS = ["a", "b", "c", "d"]


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


BIG = 1_790_000_000_000_000_001


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


UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("served", "told", "cause"),
    [
        pytest.param("a7", "A7", "upper and lower case", id="case"),
        pytest.param("a7", " a7 ", "blanks around them", id="blanks"),
        pytest.param("007", "7", "zeros in front", id="padded"),
        pytest.param(UUID, f"{{{UUID.upper()}}}", "braces, dashes", id="a UUID in braces"),
        pytest.param(UUID, UUID.replace("-", ""), "braces, dashes", id="a UUID without dashes"),
        pytest.param(UUID, f"urn:uuid:{UUID}", "braces, dashes", id="a UUID as a URN"),
        pytest.param("a7", "b8", "", id="nothing alike"),
    ],
)
def test_orphans_are_told_how_their_ids_differ(tmp_path, served, told, cause):
    """Nothing is joined by a guess."""
    serve(tmp_path, 0, [served, "other"])
    tell(tmp_path, 0, [told])
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 1, "orphan": 1}
    found = odd(seen, ORPHAN)
    assert found.cause.startswith(cause)
    assert bool(found.cause) == bool(cause)
    assert found.examples == ((told, None),)
    assert found.values == ((served if cause else min(served, "other")),)


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


@pytest.mark.parametrize(
    ("predictions", "labels", "foreign"),
    [
        pytest.param([0, 1, 2, 2], ["low", "mid", "high", "low"], True, id="words, numbers"),
        pytest.param(["low", "mid"] * 2, [0, 1, 2, 1], True, id="numbers, words"),
        pytest.param([2, 3, 4, 2], ["2.0", "3.0", "4.0", "3.0"], False, id="text of floats"),
        pytest.param([2, 3, 4, 2], [2.0, 3.0, None, 3.0], False, id="floats with gaps"),
        pytest.param(["2.0", "3.0"] * 2, [2, 3, 2, 2], False, id="predictions as text of floats"),
        pytest.param([0, 1, 2, 2], ["0", "1", "other", "2"], False, id="a word among numbers"),
        pytest.param(["low"] * 4, ["high"] * 4, False, id="simply wrong"),
    ],
)
def test_labels_of_other_classes_than_any_prediction_are_set_aside(
    tmp_path, predictions, labels, foreign
):
    """No accuracy of 0 comes out of words against numbers; the next delivery counts."""
    serve(tmp_path, 0, IDS, prediction=predictions)
    tell(tmp_path, 0, IDS, labels)
    tell(tmp_path, 1, IDS, predictions)
    spec = spec_of("multiclass", keep="last")
    _, seen = join_labels(spec, on(0), root=tmp_path)
    assert seen.joined == (0 if foreign else 4 - labels.count(None))
    if foreign:
        found = odd(seen, Fault.CLASS)
        assert found.rows == 4
        assert repr(str(predictions[0])) in found.cause
        assert set(found.values) <= {str(one) for one in labels}
        _, later = join_labels(spec, on(1), root=tmp_path)
        assert kinds(later) == {"rows": 4, "joined": 4}


def test_twenty_rows_of_no_common_class_are_no_bad_luck(tmp_path):
    """Though both sides are words."""
    ids = [str(n) for n in range(20)]
    serve(tmp_path, 0, ids, prediction=["cat", "dog"] * 10)
    tell(tmp_path, 0, ids, ["Cat", "Dog"] * 10)
    _, seen = join_labels(spec_of("multiclass"), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 20, "invalid": 20}


@pytest.mark.parametrize(
    ("hours", "rows"),
    [
        pytest.param(-2, 4, id="two hours"),
        pytest.param(-0.05, 0, id="clocks that differ"),
        pytest.param(1, 0, id="afterwards"),
    ],
)
def test_labels_from_before_their_predictions_are_counted_and_said(tmp_path, hours, rows):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, IDS, arrived_at=times(*[at(0) + timedelta(hours=hours)] * 4))
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert kinds(seen) == {"rows": 4, "joined": 4}
    found = odd(seen, EARLY)
    assert (found.rows, found.of, found.low) == (4, 4, hours) if rows else found is None


def test_labels_of_days_before_their_file_are_counted_and_said(tmp_path):
    """More than a day; what was delivered again is not looked at."""
    for day in range(4):
        serve(tmp_path, day, [f"{name}{day}" for name in "ab"])
    ids = [f"{name}{day}" for day in range(4) for name in "ab"]
    tell(tmp_path, 1, ids[:2])
    tell(tmp_path, 3, ids, arrived_at=times(*[at(day, 20) for day in range(4) for _ in "ab"]))
    _, seen = join_labels(spec_of(), on(3), root=tmp_path)
    assert kinds(seen) == {"rows": 8, "joined": 6, "duplicate": 2}
    assert [id_ for id_, _ in odd(seen, OFF_DAY).examples] == ["a1", "b1"]


def test_yesterdays_file_under_todays_name_is_recognised(tmp_path):
    ids = [str(n) for n in range(30)]
    serve(tmp_path, 0, ids)
    serve(tmp_path, 1, [])
    yesterday = times(*[at(0, EVENING)] * 30)
    for day in (0, 1):
        tell(tmp_path, day, ids, arrived_at=yesterday)
    assert odd(join_labels(spec_of(), on(0), root=tmp_path)[1], STALE) is None
    _, seen = join_labels(spec_of(), on(1), root=tmp_path)
    assert kinds(seen) == {"rows": 30, "duplicate": 30}
    assert odd(seen, STALE).cause == str(on(0))


def test_one_id_for_all_rows_is_no_id(tmp_path):
    serve(tmp_path, 0, ["x"])
    tell(tmp_path, 0, ["x"] * 20)
    _, seen = join_labels(spec_of(), on(0), root=tmp_path)
    assert odd(seen, SAME_ID).examples == (("x", None),)


@pytest.mark.parametrize(
    ("keep", "hours", "doubled"),
    [
        pytest.param("first", (18, 18), 1, id="at one time"),
        pytest.param("first", (18, 19), 1, id="the first counts, whatever comes later"),
        pytest.param("last", (18, 18), 1, id="at one time nobody knows which is the last"),
        pytest.param("last", (18, 19), 0, id="a correction"),
    ],
)
def test_ids_with_several_labels_in_one_delivery_are_said(tmp_path, keep, hours, doubled):
    """Twice the same label is nothing."""
    serve(tmp_path, 0, ["a", "b"])
    arrived = times(*[at(0, hour) for hour in (*hours, *hours)])
    tell(tmp_path, 0, ["a", "a", "b", "b"], [0, 1, 1, 1], arrived_at=arrived)
    _, seen = join_labels(spec_of(keep=keep), on(0), root=tmp_path)
    found = odd(seen, DOUBLED)
    if doubled:
        assert (found.rows, found.of, found.examples) == (1, 2, (("a", "0 and 1"),))
    else:
        assert found is None


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


def test_an_id_is_read_the_same_by_the_whole_column_and_by_the_row():
    """What is compared at once is what is read."""
    texts = ["7", "7.0", "-7.0", "7.00", "0.0", ".0", "a.0", "", "1.79e+18", "123456789012345.0"]
    reading = id_of("id", {"id": "VARCHAR"})
    with duckdb.connect() as connection:
        connection.register("t", pa.table({"id": texts}))
        found = connection.execute(f"SELECT {reading.value}, {reading.fault} FROM t").fetchall()
    assert [value for value, lost in found if not lost] == [
        "7", "7", "-7", "7.00", "0", ".0", "a.0", None, "123456789012345",
    ]  # fmt: skip
    assert [lost for _, lost in found].index(True) == 8
