"""Two tables are joined so that every row of either is in one place, as known on a day."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.rows.rows import connected
from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.standalone.joined_tables import (
    PredictionCount,
    labelled,
    lay_labels,
    lay_served,
)
from monitoring_dagster.standalone.reading.ids_and_times import UnusableIds
from monitoring_dagster.standalone.reading.meaning import meaning_of
from monitoring_dagster.standalone.reading.opened_tables import opened_labels, opened_predictions
from monitoring_dagster.standalone.reading.question import Question, label_rules

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = pa.timestamp("us", "UTC")


def on(day):
    return date(2026, 3, 1) + timedelta(days=day)


def at(day, hour=12):
    return None if day is None else NOON + timedelta(days=day, hours=hour - 12)


def served(*rows, timed=True, **more):
    """Rows of id, day, prediction."""
    columns = {
        "id": pa.array([id_ for id_, *_ in rows], pa.string()),
        "time": pa.array([at(day) for _, day, _ in rows], MOMENT),
        "prediction": pa.array([one for *_, one in rows], pa.int64()),
    }
    if not timed:
        del columns["time"]
    return pa.table(columns | more)


def told(*rows, timed=True):
    """Rows of id, day, label."""
    columns = {
        "id": pa.array([id_ for id_, *_ in rows], pa.string()),
        "arrived": pa.array([at(day, 18) for _, day, _ in rows], MOMENT),
        "label": pa.array([one for *_, one in rows], pa.int64()),
    }
    if not timed:
        del columns["arrived"]
    return pa.table(columns)


def asked(*, as_of=None, by=(), segments=(), task="binary", **rules):
    day = None if as_of is None else on(as_of)
    return Question({}, day, by, segments, label_rules(**rules), task, None)


def joined(predictions, labels, **question):
    sides = [Table.of(one, side="") for one in (predictions, labels)]
    return labelled(*sides, asked(**question), advance=lambda n: None)


@pytest.mark.parametrize(
    ("row", "place"),
    [
        pytest.param(("b", 0, 1), "counted", id="an answer"),
        pytest.param(("a", 0, 0), "duplicate", id="a second answer"),
        pytest.param(("a", 1, 0), "duplicate", id="on another day"),
        pytest.param((None, 0, 1), "invalid", id="no id"),
        pytest.param(("", 0, 1), "invalid", id="an empty id"),
        pytest.param(("b", None, 1), "invalid", id="no time"),
        pytest.param(("b", 0, None), "invalid", id="no answer"),
        pytest.param(("b", 2, 1), "counted", id="on the last day"),
        pytest.param(("b", 3, 1), "later", id="on the day after"),
        pytest.param(("b", 3, None), "later", id="no answer on the day after"),
    ],
)
def test_a_prediction_is_in_one_place(row, place):
    found = joined(served(("a", 0, 1), row), told(("a", 0, 1)), as_of=2).predictions
    counts = {"counted": 1, "duplicate": 0, "invalid": 0, "later": 0}
    assert found == PredictionCount(rows=2, **(counts | {place: counts[place] + 1}))


@pytest.mark.parametrize(
    ("row", "bucket"),
    [
        pytest.param(("b", 1, 1), "joined", id="of another request"),
        pytest.param(("a", 1, 0), "duplicate", id="the same again"),
        pytest.param(("a", 1, 1), "conflicting", id="another one"),
        pytest.param(("x", 1, 1), "orphan", id="of nobody"),
        pytest.param((None, 1, 1), "invalid", id="no id"),
        pytest.param(("b", None, 1), "invalid", id="no time"),
        pytest.param(("b", 1, None), "invalid", id="no label"),
        pytest.param(("b", 14, 1), "joined", id="on the last day of the wait"),
        pytest.param(("b", 15, 1), "late", id="on the day after"),
        pytest.param(("b", 400, 1), "late", id="a year later: nobody says that it expires"),
        pytest.param(("b", 401, 1), "pending", id="after the day that is asked about"),
    ],
)
def test_a_label_is_in_one_place(row, bucket):
    predictions = served(("a", 0, 1), ("b", 0, 1))
    found = joined(predictions, told(("a", 0, 0), row), as_of=400).labels
    counts = {"joined": 1} | {bucket: 1 + (bucket == "joined")}
    assert {name: getattr(found, name) for name in counts} == counts
    assert found.rows == 2


def test_labels_expire_where_that_is_asked_for():
    predictions, labels = served(("a", 0, 1), ("b", 0, 1)), told(("a", 0, 0), ("b", 21, 1))
    for expire_after_days, expired in ((None, 0), (21, 0), (20, 1)):
        found = joined(predictions, labels, expire_after_days=expire_after_days)
        assert (found.labels.expired, found.rows.num_rows) == (expired, 2 - expired)


def test_where_labels_expire_an_id_may_be_asked_again_each_day():
    predictions = served(("a", 0, 1), ("a", 0, 1), ("a", 5, 0))
    labels = told(("a", 0, 1), ("a", 6, 1))
    again = joined(predictions, labels, mature_after_days=1, expire_after_days=2)
    assert (again.predictions.counted, again.predictions.duplicate) == (2, 1)
    assert (again.labels.joined, again.rows["prediction"].to_pylist()) == (2, ["1", "0"])
    once = joined(predictions, labels)
    assert (once.predictions.counted, once.predictions.duplicate) == (1, 2)


@pytest.mark.parametrize(
    ("keep", "label"), [("first", "0"), ("last", "1")], ids=["the first", "the last"]
)
def test_of_several_labels_one_counts(keep, label):
    found = joined(served(("a", 0, 1)), told(("a", 0, 0), ("a", 1, 1)), keep=keep)
    assert found.rows.to_pylist() == [{"label": label, "prediction": "1", "score": None}]


@pytest.mark.parametrize(
    ("timed", "last_day"),
    [((True, True), on(4)), ((True, False), on(2)), ((False, True), None), ((False, False), None)],
    ids=["both have times", "predictions have", "labels have", "none has"],
)
def test_the_last_day_is_the_latest_that_either_tells_of(timed, last_day):
    predictions = served(("a", 0, 1), ("b", 2, 1), timed=timed[0])
    found = joined(predictions, told(("a", 4, 1), timed=timed[1]))
    assert found.last_day == last_day
    assert found.rows.num_rows == 1
    if all(timed):
        assert joined(predictions, told(("a", 4, 1)), as_of=9).last_day == on(9)


class TestGroups:
    def of(self, split, *rows, labels, **columns):
        """The second of the splits, as counts by value, and the value of each labelled row."""
        found = joined(served(*rows, **columns), told(*labels), **split)
        whole, one = found.splits
        assert whole.predictions == [found.predictions.counted]
        assert sum(one.predictions) == found.predictions.counted
        counts = dict(zip(one.values, one.predictions, strict=True))
        return counts, [one.values[place] for place in one.place], one

    def test_of_a_column_come_in_order_and_what_is_missing_last(self):
        counts, of_rows, _ = self.of(
            {"segments": ["plan"]},
            ("a", 0, 1), ("b", 0, 1), ("c", 0, 1), ("d", 0, 1),
            labels=[("a", 0, 1), ("c", 0, 1)],
            plan=["10", "9", None, "9"],
        )  # fmt: skip
        assert counts == {"9": 2, "10": 1, "(missing)": 1}
        assert list(counts) == ["9", "10", "(missing)"]
        assert of_rows == ["10", "(missing)"]

    def test_of_days_are_those_of_serving(self):
        counts, of_rows, one = self.of(
            {"by": ["day"]}, ("a", 1, 1), ("b", 0, 1), ("c", 1, 1), labels=[("c", 2, 1)]
        )
        assert counts == {"2026-03-01": 1, "2026-03-02": 2}
        assert of_rows == ["2026-03-02"]
        assert one.last_days == [on(0), on(1)]

    def test_of_hours_are_all_24_of_each_day_that_there_is(self):
        counts, of_rows, _ = self.of(
            {"by": ["hour"]}, ("a", 0, 1), ("b", 2, 1), labels=[("b", 2, 1)]
        )
        assert len(counts) == 48
        assert {hour for hour, n in counts.items() if n} == {
            "2026-03-01T12:00Z", "2026-03-03T12:00Z",
        }  # fmt: skip
        assert of_rows == ["2026-03-03T12:00Z"]

    @pytest.mark.parametrize(("values", "others"), [(200, 0), (201, 1), (203, 3)])
    def test_are_two_hundred_and_the_rest_is_one(self, values, others):
        rows = [(f"r{i}", 0, 1) for i in range(values)]
        counts, *_ = self.of(
            {"segments": ["city"]}, *rows, labels=[("r0", 0, 1)],
            city=[f"c{i}" for i in range(values)],
        )  # fmt: skip
        assert len(counts) == min(values, 200) + bool(others)
        assert counts.get("(other)", 0) == others

    def test_hold_only_predictions_that_count(self):
        counts, *_ = self.of(
            {"segments": ["plan"]}, ("a", 0, 1), ("a", 0, 1), (None, 0, 1), labels=[("a", 0, 1)],
            plan=["x", "y", "z"],
        )  # fmt: skip
        assert counts == {"x": 1}


class TestLaid:
    """The two relations that are joined."""

    def lay(self, predictions, labels, select, **question):
        asks = asked(**question)
        with connected() as connection:
            sides = [
                opener(connection, Table.of(one, side=""), asks, lambda n: None)
                for opener, one in ((opened_predictions, predictions), (opened_labels, labels))
            ]
            meaning = meaning_of(connection, *sides, asks)
            rows, warnings = lay_served(connection, sides[0], meaning, asks)
            label_rows = lay_labels(connection, sides[1], meaning)
            return connection.execute(select).fetchall(), rows, label_rows, warnings

    def test_the_first_answer_of_a_request_is_the_earliest(self):
        predictions = served(("a", 1, 0), ("a", 0, 1), ("b", 0, 1))
        found, *_ = self.lay(
            predictions, told(("a", 1, 1)), "SELECT id, prediction, kind FROM served ORDER BY ALL"
        )
        assert found == [("a", "0", "duplicate"), ("a", "1", "ok"), ("b", "1", "ok")]

    def test_labels_without_times_have_none(self):
        found, _, rows, _ = self.lay(
            served(("a", 0, 1)), told(("a", 0, 1), timed=False), "SELECT * FROM labels"
        )
        assert (len(found), "arrived_at" in rows.columns) == (1, False)
        _, _, rows, _ = self.lay(served(("a", 0, 1)), told(("a", 0, 1)), "SELECT 1")
        assert "arrived_at" in rows.columns

    @pytest.mark.parametrize(("again", "is_said"), [(2, False), (3, True)], ids=["a tenth", "more"])
    def test_ids_that_come_again_are_said_where_they_are_many(self, again, is_said):
        rows = [(f"r{i}", 0, 1) for i in range(20 - again)]
        rows += [(f"r{i}", 1, 1) for i in range(again)]
        *_, warnings = self.lay(served(*rows), told(("r0", 1, 1)), "SELECT 1")
        assert bool(warnings) is is_said
        if is_said:
            assert warnings[0].startswith("every id of the predictions is there 1.2 times on")
            assert "(3 rows do not)" in warnings[0]

    def test_ids_that_name_no_requests_are_refused(self):
        rows = [("region", 0, 1)] * 10
        with pytest.raises(UnusableIds, match="the table of predictions, column 'id', are one val"):
            self.lay(served(*rows), told(("region", 0, 1)), "SELECT 1")


ids = st.sampled_from(["a", "b", "c", None])
rows_served = st.lists(st.tuples(ids, st.sampled_from([0, 1, 2, None]), st.sampled_from([0, 1])))
rows_told = st.lists(st.tuples(ids, st.sampled_from([0, 1, 2, 3]), st.sampled_from([0, 1])))


@settings(max_examples=8, deadline=None)
@given(more_served=rows_served.map(lambda rows: rows[:6]), more_told=rows_told.map(lambda r: r[:6]),
       as_of=st.sampled_from([None, 1, 3]))  # fmt: skip
def test_every_row_of_either_table_is_in_exactly_one_place(more_served, more_told, as_of):
    predictions = served(("a", 0, 1), *more_served)
    labels = told(("a", 0, 1), *more_told)
    found = joined(predictions, labels, as_of=as_of)
    assert found.predictions.rows == predictions.num_rows == sum(found.predictions[1:])
    account = found.labels
    parts = ("joined", "corrected", "late", "duplicate", "conflicting", "ambiguous", "orphan",
             "pending", "uncounted", "expired", "invalid")  # fmt: skip
    assert account.rows == labels.num_rows == sum(getattr(account, part) for part in parts)
    assert found.rows.num_rows == account.joined + account.late <= found.predictions.counted
