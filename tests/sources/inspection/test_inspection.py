"""What a day holds that cannot be right is counted, once, with examples and a likely cause."""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.inspection.inspection import IdCounts, Odd, Times, inspect_day
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile
from monitoring_dagster.spec import Predictions
from tests.sources.rows.small_log import DAY, LOG, write

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
NAN, INFINITY = float("nan"), float("inf")
SCORED = LOG.model_copy(update={"score": "score"})


def inspected(root, log=LOG, *, has_probabilities=True, asked=(), **columns):
    write(root, **columns)
    return inspect_day(log, DAY, root=root, has_probabilities=has_probabilities, **dict(asked))


def times(*moments):
    return pa.array(moments, pa.timestamp("us", "UTC"))


def test_a_healthy_day_has_nothing_odd(tmp_path):
    found = inspected(
        tmp_path, SCORED, request_id=["a", "b"], score=[0.25, 0.75], prediction=[0, 1]
    )
    assert (found.rows, found.counted) == (2, 2)
    assert found.times == Times(0, 0, 0, NOON.timestamp(), NOON.timestamp())
    assert found.ids == IdCounts(0, 0, 2, 2)
    assert (found.without_version, found.without_prediction) == (0, 0)
    assert found.scores == Odd(2, 0)
    assert (found.least_score, found.largest_score, found.mean_scores) == (0.25, 0.75, (0.25, 0.75))
    assert found.columns == {}


def test_an_empty_day_is_counted_as_such(tmp_path):
    ids = pa.array([], pa.string())
    found = inspected(tmp_path, SCORED, request_id=ids, score=pa.array([], pa.float64()))
    assert (found.rows, found.counted, found.scores) == (0, 0, Odd(0, 0))
    assert found.times == Times(0, 0, 0, None, None)
    assert found.ids == IdCounts(0, 0, 0, 0)
    assert found.ids.repeated == 0


@pytest.mark.parametrize(
    ("moment", "elsewhere"),
    [
        pytest.param(datetime(2025, 3, 1, tzinfo=UTC), 0, id="midnight is of the day"),
        pytest.param(
            datetime(2025, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC), 1, id="just before it"
        ),
        pytest.param(
            datetime(2025, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC), 0, id="just before the next"
        ),
        pytest.param(datetime(2025, 3, 2, tzinfo=UTC), 1, id="the next midnight"),
    ],
)  # fmt: skip
def test_a_row_is_of_the_day_from_midnight_to_midnight_utc(tmp_path, moment, elsewhere):
    found = inspected(tmp_path, served_at=times(moment, NOON)).times
    assert (found.elsewhere, found.missing, found.unreadable) == (elsewhere, 0, 0)
    assert sorted([found.first, found.last]) == pytest.approx(
        sorted([moment.timestamp(), NOON.timestamp()])
    )


def test_times_that_are_missing_or_no_times_are_told_apart(tmp_path):
    written = ["2025-03-01T12:00:00Z", "2025-03-01 14:00:00+02:00", None, "soon", "", "31.12.2025"]
    found = inspected(tmp_path, served_at=written).times
    assert (found.missing, found.unreadable, found.elsewhere) == (1, 3, 0)
    assert (found.first, found.last) == (NOON.timestamp(), NOON.timestamp())
    assert found.examples == ("", "31.12.2025", "soon")
    assert found.unit is None


def test_the_rows_of_each_hour_of_the_utc_day_are_counted(tmp_path):
    moments = [NOON, NOON + timedelta(minutes=59, seconds=59), NOON + timedelta(hours=11)]
    others = [None, NOON + timedelta(hours=12), NOON - timedelta(hours=13)]
    found = inspected(tmp_path, served_at=times(*moments, *others))
    assert found.hours == (0,) * 12 + (2,) + (0,) * 10 + (1,)
    assert (found.times.missing, found.times.elsewhere) == (1, 2)
    assert inspected(tmp_path, served_at=["soon"]).hours == (0,) * 24


def test_rows_without_version_id_or_time_are_counted_once_each(tmp_path):
    found = inspected(
        tmp_path, request_id=["a", None, None, "d", "e"], model_version=["1", "", None, "1", "1"],
        served_at=times(NOON, NOON, None, None, NOON), prediction=[1, 1, 1, 1, None],
    )  # fmt: skip
    assert (found.incomplete, found.invalid) == (3, 4)


def test_a_row_of_which_any_value_cannot_be_right_is_invalid(tmp_path):
    found = inspected(
        tmp_path, SCORED, request_id=list("abcde"), score=[0.5, 1.5, None, NAN, 0.5],
        age=["1", "2", "3", "4", "old"], asked={"numbers": ["age"]},
    )  # fmt: skip
    assert (found.incomplete, found.invalid) == (0, 4)
    ended = LOG.model_copy(update={"status": "status"})
    found = inspected(tmp_path, ended, request_id=[None, "b"], status=["error", "ok"])
    assert found.incomplete == found.invalid == 0  # what failed is counted as an error


SECONDS = int(NOON.timestamp())


@pytest.mark.parametrize(
    ("numbers", "unit"),
    [
        pytest.param([SECONDS], "seconds", id="seconds"),
        pytest.param([SECONDS + 0.5], "seconds", id="with a fraction"),
        pytest.param([SECONDS * 10**3], "milliseconds", id="milliseconds"),
        pytest.param([SECONDS * 10**6], "microseconds", id="microseconds"),
        pytest.param([SECONDS * 10**9], "nanoseconds", id="nanoseconds"),
        pytest.param([str(SECONDS)], "seconds", id="as text"),
        pytest.param([SECONDS] * 3 + [7] * 2, "seconds", id="most of them"),
        pytest.param([SECONDS + 399 * 86_400], "seconds", id="within 400 days"),
        pytest.param([SECONDS + 401 * 86_400], None, id="beyond 400 days"),
        pytest.param([20250301], None, id="a day as digits"),
        pytest.param([0, 1, 2], None, id="a counter"),
    ],
)
def test_numbers_for_times_are_told_with_the_unit_that_fits_the_day(tmp_path, numbers, unit):
    found = inspected(tmp_path, served_at=numbers).times
    assert (found.unreadable, found.unit) == (len(numbers), unit)
    assert (found.first, found.last) == (None, None)


def test_a_column_of_nothing_for_times_is_missing_and_not_unreadable(tmp_path):
    found = inspected(tmp_path, served_at=pa.nulls(2)).times
    assert found == Times(2, 0, 0, None, None)


@pytest.mark.parametrize(
    ("ids", "missing", "distinct", "repeated"),
    [
        pytest.param(["a", "", None], 2, 1, 0, id="no id, or an empty one"),
        pytest.param([1.0, NAN, 3.0], 1, 2, 0, id="NaN"),
        pytest.param([str(n) for n in range(10)], 0, 10, 0, id="all distinct"),
        pytest.param(["a"], 0, 1, 0, id="one row"),
        pytest.param(["a", "a"], 0, 1, 1, id="one id twice"),
        pytest.param(["a", "b"] * 5, 0, 2, 8, id="two ids five times"),
        pytest.param([0] * 4, 0, 1, 3, id="zero for all"),
    ],
)
def test_ids_that_tell_no_requests_apart_are_counted(tmp_path, ids, missing, distinct, repeated):
    found = inspected(tmp_path, request_id=ids).ids
    assert (found.missing, found.distinct, found.repeated) == (missing, distinct, repeated)
    assert found.rows == len(ids) - missing


def test_rows_of_one_id_are_told_by_whether_they_have_one_time(tmp_path):
    moments = times(NOON, NOON, NOON + timedelta(hours=1), NOON)
    found = inspected(tmp_path, request_id=["a", "a", "a", "b"], served_at=moments).ids
    assert (found.distinct, found.same_time, found.repeated) == (2, 3, 2)
    assert found.examples == ("a",)


def test_the_commonest_ids_are_the_examples(tmp_path):
    ids = ["c"] * 4 + ["b"] * 2 + ["a"] * 2 + ["d"] * 3 + ["e"]
    assert inspected(tmp_path, request_id=ids).ids.examples == ("c", "d", "a")


@pytest.mark.parametrize(
    ("ids", "lost"),
    [
        pytest.param([2.0**53 - 1, 1.0], 0, id="the last that is exact"),
        pytest.param([2.0**53, 1.0], 1, id="the first that is not"),
        pytest.param([-(2.0**53), 1.0], 1, id="below zero"),
        pytest.param(pa.array([2.0**24 - 1, 1], pa.float32()), 0, id="in single precision"),
        pytest.param(pa.array([2.0**24, 1], pa.float32()), 1, id="the first that is not there"),
        pytest.param([INFINITY, 1.0], 0, id="infinity has no digits"),
        pytest.param([2**60, 1], 0, id="whole numbers are exact"),
        pytest.param(["1.79e+18", "a"], 1, id="text of a float"),
        pytest.param(["1e+18x", "the+18"], 0, id="text that only looks so"),
    ],
)
def test_ids_that_lost_digits_are_counted(tmp_path, ids, lost):
    found = inspected(tmp_path, request_id=ids).ids
    assert found.lost_digits == lost
    assert bool(found.examples) == bool(lost)


def test_only_rows_that_count_are_asked_for_ids_versions_and_answers(tmp_path):
    log = SCORED.model_copy(update={"status": "status"})
    found = inspected(
        tmp_path,
        log,
        status=["ok", "error", "error"],
        request_id=["a", None, "a"],
        model_version=["1", None, ""],
        prediction=[1, None, None],
        score=[0.5, 7.0, NAN],
    )
    assert (found.rows, found.counted) == (3, 1)
    assert (found.ids.missing, found.ids.rows) == (0, 1)
    assert (found.without_version, found.without_prediction, found.scores) == (0, 0, Odd(1, 0))


@pytest.mark.parametrize(
    ("versions", "missing"),
    [
        ([None, "1"], 1), (["", " "], 2), (["nan", "None"], 2), ([NAN, 1.0], 1), (["v1", "0"], 0),
    ],
)  # fmt: skip
def test_a_version_that_says_nothing_is_none(tmp_path, versions, missing):
    assert inspected(tmp_path, model_version=versions).without_version == missing


@pytest.mark.parametrize(
    ("predictions", "missing"),
    [([None, 1], 1), ([NAN, 1.0], 1), (["", "a"], 0), ([0, 1], 0), ([None, [1]], 1)],
    ids=["null", "NaN", "an empty text is an answer", "numbers", "lists"],
)
def test_an_answer_is_missing_where_there_is_none(tmp_path, predictions, missing):
    assert inspected(tmp_path, prediction=predictions).without_prediction == missing


@pytest.mark.parametrize(
    ("scores", "values", "odd", "least", "largest"),
    [
        pytest.param([0.0, 1.0], 2, 0, 0.0, 1.0, id="both ends"),
        pytest.param([-1e-10, 1 + 1e-10], 2, 0, -1e-10, 1 + 1e-10, id="rounded"),
        pytest.param([-1e-8, 1 + 1e-8], 2, 2, -1e-8, 1 + 1e-8, id="more than rounded"),
        pytest.param([INFINITY, 0.5], 2, 1, 0.5, INFINITY, id="infinity"),
        pytest.param([NAN, None, 0.5], 1, 0, 0.5, 0.5, id="missing ones are no values"),
        pytest.param(["0.5", "n/a", "7"], 2, 1, 0.5, 7.0, id="text"),
        pytest.param([[0.1], [0.9]], 0, 0, None, None, id="lists"),
        pytest.param([True, False], 2, 0, 0.0, 1.0, id="yes and no"),
    ],
)
def test_scores_are_probabilities_or_odd(tmp_path, scores, values, odd, least, largest):
    found = inspected(tmp_path, SCORED, score=scores)
    assert found.scores == Odd(values, odd)
    assert (found.least_score, found.largest_score) == (least, largest)


def test_scores_that_need_not_be_probabilities_are_not_looked_at(tmp_path):
    found = inspected(tmp_path, SCORED, has_probabilities=False, score=[7.0])
    assert (found.scores, found.largest_score) == (Odd(0, 0), None)


@pytest.mark.parametrize(
    "predictions",
    [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True], ["0", "1", "1"], ["False", "TRUE", "True"]],
    ids=["whole", "floats", "booleans", "text", "words"],
)
def test_mean_scores_are_by_the_answer_however_it_is_written(tmp_path, predictions):
    found = inspected(tmp_path, SCORED, prediction=predictions, score=[0.25, 0.5, 1.0])
    assert found.mean_scores == (0.25, 0.75)


@pytest.mark.parametrize(
    ("asked", "column", "odd"),
    [
        pytest.param({"numbers": ["x"]}, ["1.5", " 2 ", "n/a", "", None, "old", "1,5"],
                     Odd(6, 2, ("1,5", "old")), id="numbers"),
        pytest.param({"truths": ["x"]}, ["true", "0", "maybe", None, "yes!"],
                     Odd(4, 2, ("maybe", "yes!")), id="yes or no"),
        pytest.param({"truths": ["x"]}, [0, 1, 7, None], Odd(3, 0), id="numbers for yes or no"),
        pytest.param({"blobs": ["x"]}, [b"a", b"\xff\xfe", None], Odd(2, 1, ("\\xFF\\xFE",)),
                     id="bytes that are no text"),
        pytest.param({"levels": {"x": ["1", "2"]}}, [1.0, 2.0, 3.0, None], Odd(3, 1, ("3.0",)),
                     id="numbers for categories"),
        pytest.param({"levels": {"x": ["true", "false"]}}, [1, 0, 2], Odd(3, 1, ("2",)),
                     id="numbers for yes and no"),
        pytest.param({"levels": {"x": ["it's", "b"]}}, ["it's", "b", "c"], Odd(3, 1, ("c",)),
                     id="a quote in a category"),
        pytest.param({"levels": {"x": []}}, ["a", None], Odd(1, 1, ("a",)), id="no category"),
    ],
)  # fmt: skip
def test_values_that_are_not_what_they_ought_to_be_are_counted(tmp_path, asked, column, odd):
    assert inspected(tmp_path, asked=asked, x=column).columns == {"x": odd}


def test_examples_are_three_and_short(tmp_path):
    values = ["x" * 1000, "b", "c", "d", "b"]
    found = inspected(tmp_path, asked={"numbers": ['it\'s "x"']}, **{'it\'s "x"': values})
    assert found.columns['it\'s "x"'] == Odd(5, 5, ("b", "c", "d"))
    found = inspected(tmp_path, asked={"numbers": ["x"]}, x=["x" * 1000])
    assert found.columns["x"].examples == ("x" * 41,)


@pytest.mark.parametrize(("odd", "share"), [(Odd(0, 0), 0.0), (Odd(4, 1), 0.25), (Odd(2, 2), 1.0)])
def test_a_share_is_of_the_values_that_are_there(odd, share):
    assert odd.share == share


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "", None]),
            st.sampled_from(["2025-03-01T01:00:00Z", "2025-03-02", "soon", None]),
            st.sampled_from([0.5, -1.0, 2.0, NAN, None]),
        ),
        max_size=8,
    )
)
def test_every_row_is_counted_for_one_thing(tmp_path_factory, rows):
    root = tmp_path_factory.mktemp("law")
    ids, moments, scores = ([row[i] for row in rows] for i in range(3))
    found = inspected(
        root,
        SCORED,
        request_id=pa.array(ids, pa.string()),
        served_at=pa.array(moments, pa.string()),
        score=pa.array(scores, pa.float64()),
    )
    named = [one for one in ids if one]
    assert (found.rows, found.ids.rows, found.ids.missing) == (
        len(rows), len(named), len(rows) - len(named),
    )  # fmt: skip
    if found.ids.same_time is not None:
        assert found.ids.distinct == len(set(named))
    assert found.times.missing == moments.count(None)
    assert found.times.unreadable == moments.count("soon")
    assert found.times.elsewhere == moments.count("2025-03-02")
    assert found.scores == Odd(
        sum(one is not None and one == one for one in scores),
        scores.count(-1.0) + scores.count(2.0),
    )


def test_a_table_is_inspected_as_a_file_is(tmp_path):
    write(tmp_path, request_id=["a", "a"], score=[0.5, 7.0])
    with duckdb.connect(tmp_path / "log.duckdb") as database:
        database.execute(f"CREATE TABLE log AS FROM '{tmp_path}/{DAY}.parquet'")
    table = Predictions(database="log.duckdb", table="log", score="score")
    asked = {"root": tmp_path, "has_probabilities": True}
    assert inspect_day(table, DAY, **asked) == inspect_day(SCORED, DAY, **asked)


def test_what_cannot_be_inspected_is_named(tmp_path):
    asked = {"root": tmp_path, "has_probabilities": True}
    with pytest.raises(MissingDay, match="2025-03-01 is missing: no file"):
        inspect_day(LOG, DAY, **asked)
    (tmp_path / f"{DAY}.parquet").write_bytes(b"rot")
    with pytest.raises(UnreadableFile, match=r"cannot read .*2025-03-01\.parquet"):
        inspect_day(LOG, DAY, **asked)


@pytest.mark.parametrize(
    "name", ["request_id", "served_at", "model_version", "prediction", "score"]
)
def test_a_column_that_says_which_rows_count_is_asked_for_by_name(tmp_path, name):
    write(tmp_path, score=[0.5])
    there = pq.read_table(tmp_path / f"{DAY}.parquet")
    pq.write_table(there.drop_columns(name), tmp_path / f"{DAY}.parquet")
    with pytest.raises(UnknownColumn, match=f"has no column '{name}'"):
        inspect_day(SCORED, DAY, root=tmp_path, has_probabilities=True)


@pytest.mark.parametrize(
    "asked", [{"numbers": ["agee"]}, {"truths": ["agee"]}, {"blobs": ["agee"]},
              {"levels": {"agee": ["a"]}}],
)  # fmt: skip
def test_a_column_that_is_to_be_looked_at_and_is_not_there_is_named(tmp_path, asked):
    with pytest.raises(UnknownColumn, match=r"no column 'agee'\. Did you mean 'age'\?"):
        inspected(tmp_path, asked=asked, age=["a"])


def test_a_time_before_1970_is_a_time(tmp_path):
    moment = datetime(1969, 12, 31, tzinfo=UTC)
    found = inspected(tmp_path, served_at=times(moment)).times
    assert (found.first, found.elsewhere) == (moment.timestamp(), 1)
