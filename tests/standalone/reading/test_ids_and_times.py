"""Ids tell requests apart or are refused, and times are points in time or none."""

from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels.label_oddities import Mismatch
from monitoring_dagster.standalone.reading.ids_and_times import (
    NothingJoins,
    UnusableIds,
    WrongTime,
    days_of,
    doubled,
    ids_of,
    in_words,
    refuse_few,
    time_of,
)

NAN = float("nan")
BIG = 1_790_000_000_000_000_001


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


class TestIds:
    def read(self, connection, values):
        connection.register("r", pa.table({"id column": values}))
        ids = ids_of(connection, "r", "id column", column="it's", table="the table of labels")
        found = connection.execute(f"SELECT {ids.sql} FROM r").fetchall()
        return [one for (one,) in found], ids.note

    @pytest.mark.parametrize(
        ("values", "ids"),
        [
            pytest.param([7, None], ["7", None], id="whole numbers"),
            pytest.param([7.0, 7.5, NAN], ["7", "7.5", None], id="floats"),
            pytest.param(["a", ""], ["a", None], id="text"),
            pytest.param([BIG], [str(BIG)], id="large whole numbers"),
            pytest.param(pa.array([7]).cast(pa.decimal128(21, 2)), ["7"], id="decimals"),
            pytest.param(pa.array([], pa.string()), [], id="no row"),
            pytest.param(["'; --"], ["'; --"], id="SQL"),
        ],
    )
    def test_are_text_without_a_word_where_nothing_is_taken_for_granted(
        self, connection, values, ids
    ):
        assert self.read(connection, values) == (ids, "")

    def test_with_a_decimal_point_are_taken_without_it_and_that_is_said(self, connection):
        assert self.read(connection, ["7.0", "a"]) == (
            ["7", "a"],
            "ids of the table of labels are written with a decimal point: '7.0' is taken for 7",
        )

    @pytest.mark.parametrize(
        ("values", "is_refused"),
        [
            pytest.param([float(2**53 - 1)], False, id="exact floats"),
            pytest.param([1.0, float(2**53)], True, id="one float that is not"),
            pytest.param(pa.array([2.0**24], pa.float32()), True, id="in single precision"),
            pytest.param(["1.79e+18", *"abcdefghijklmnopqrs"], False, id="one text in twenty"),
            pytest.param(["1.79e+18", *"abcdefghijklmnopqr"], True, id="more of them"),
        ],
    )
    def test_that_lost_digits_are_refused(self, connection, values, is_refused):
        if not is_refused:
            self.read(connection, values)
            return
        with pytest.raises(UnusableIds) as error:
            self.read(connection, values)
        assert str(error.value).startswith(
            'the ids of the table of labels, column "it\'s", have lost digits: '
        )


@pytest.mark.parametrize(
    ("ids", "rows", "is_refused"),
    [
        pytest.param(1, 9, False, id="nine rows of one id"),
        pytest.param(1, 10, True, id="ten rows"),
        pytest.param(2, 39, False, id="two ids in fewer than forty rows"),
        pytest.param(2, 40, True, id="in forty"),
        pytest.param(100, 2_000, True, id="a hundred in two thousand"),
        pytest.param(101, 1_000_000, False, id="one more in any number of rows"),
        pytest.param(0, 0, False, id="no row"),
    ],
)
def test_ids_that_are_far_too_few_name_no_requests(ids, rows, is_refused):
    if not is_refused:
        refuse_few("region", "the table of labels", ids=ids, rows=rows)
        return
    with pytest.raises(UnusableIds) as error:
        refuse_few("region", "the table of labels", ids=ids, rows=rows)
    values = "one value" if ids == 1 else f"{ids} different values"
    assert f"column 'region', are {values} in {rows:,} rows, so they name no" in str(error.value)


@pytest.mark.parametrize(
    ("rows", "ids", "words"),
    [
        (4, 2, "exactly 2 times"), (2, 2, "exactly 1 times"), (3, 2, "1.5 times on average"),
        (10, 7, "1.4 times on average"),
    ],
)  # fmt: skip
def test_how_often_an_id_comes_is_said_exactly_where_it_is(rows, ids, words):
    assert doubled(rows, ids) == words


def test_what_ids_differ_by_is_said_with_a_pair():
    words = in_words(Mismatch("leading zeros", "0" * 60, "7"))
    assert words.startswith(f"ids differ by leading zeros (label '{'0' * 40}...', prediction")
    assert "ids of labels are like 'a', those of predictions like 'b'" in (
        in_words(Mismatch("", "a", "b"))
    )
    assert str(NothingJoins.since("x")) == "no label belongs to a prediction: x"


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())


class TestTime:
    def read(self, connection, values):
        values = pa.chunked_array([values])
        time = time_of(values, "at", column="it's", role="time")
        connection.register("t", pa.table({"at": values}))
        found = connection.execute(f"SELECT {time.sql} FROM t").fetchall()
        return [one for (one,) in found], time

    @pytest.mark.parametrize(
        ("values", "unit"),
        [
            pytest.param([SECONDS], "seconds", id="seconds"),
            pytest.param([SECONDS + 0.0], "seconds", id="floats"),
            pytest.param([SECONDS * 10**3], "milliseconds", id="milliseconds"),
            pytest.param([SECONDS * 10**6], "microseconds", id="microseconds"),
            pytest.param([SECONDS * 10**9], "nanoseconds", id="nanoseconds"),
            pytest.param([f"{SECONDS}"], "seconds", id="text"),
            pytest.param([f"{SECONDS * 1000}.0"], "milliseconds", id="text of floats"),
            pytest.param(["2026-03-01T13:00:00+01:00"], "", id="text with a zone"),
            pytest.param([" 2026-03-01 12:00:00 "], "", id="text with blanks"),
            pytest.param(pa.array([NOON], pa.timestamp("ms", "Asia/Tokyo")), "", id="a zone"),
        ],
    )
    def test_is_the_same_instant_however_it_is_written(self, connection, values, unit):
        found, time = self.read(connection, values)
        assert found == [NOON]
        assert time.note == (
            f'numbers in "it\'s" are taken for {unit} since 1970 (UTC)' if unit else ""
        )

    @pytest.mark.parametrize(
        ("second", "is_time"),
        [
            pytest.param(10**8, True, id="1973, the first with ten digits"),
            pytest.param(10**8 - 1, False, id="a second before"),
            pytest.param(10**10 - 1, True, id="2286, the last"),
        ],
    )
    def test_of_seconds_lies_between_1973_and_2286(self, connection, second, is_time):
        if is_time:
            assert self.read(connection, [second])[0][0].timestamp() == second
            return
        with pytest.raises(WrongTime, match=r"holds numbers that are no time \(such as 99999999\)"):
            self.read(connection, [second])

    def test_beside_others_of_its_unit_is_null_where_it_is_of_none(self, connection):
        found, _ = self.read(connection, [SECONDS, SECONDS, 7, None])
        assert found == [NOON, NOON, None, None]

    @pytest.mark.parametrize(
        "values",
        [pa.array([NAN, None], pa.float64()), pa.nulls(1), pa.array([None], pa.int64())],
        ids=["NaN", "nothing", "no number"],
    )
    def test_of_a_column_without_any_is_null(self, connection, values):
        assert set(self.read(connection, values)[0]) == {None}

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ([True], 'column "it\'s" is bool, which is no time'),
            ([[1]], "is list<"),
            ([b"x"], "is binary, which"),
            ([20260301], r"\(such as 20260301\)"),
            (pa.array([1], pa.time32("s")), r"is time32\[s\], which"),
        ],
        ids=["booleans", "lists", "bytes", "a day as digits", "times of day"],
    )
    def test_of_another_type_is_refused(self, connection, values, words):
        with pytest.raises(WrongTime, match=words):
            self.read(connection, values)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(10**8, 10**10 - 1))
    def test_is_the_same_in_every_unit(self, connection, second):
        sizes = [size for size in (1, 10**3, 10**6, 10**9) if second * size < 2**63]
        found = [self.read(connection, [second * size])[0] for size in sizes]
        assert {one.timestamp() for (one,) in found} == {float(second)}


class TestDays:
    def of(self, values, **told):
        return days_of(pa.chunked_array([values]), column="at", **told).astype(str).tolist()

    @pytest.mark.parametrize(
        ("values", "days"),
        [
            pytest.param([date(2026, 3, 1), None], ["2026-03-01", "NaT"], id="days"),
            pytest.param(["2026-03-01", "2026-03-01 23:59:59.999999"], ["2026-03-01"] * 2,
                         id="text without a zone"),
            pytest.param(["2026-03-01T23:30:00-02:00"], ["2026-03-02"], id="text with one"),
            pytest.param(pa.array(["2026-03-01"]).dictionary_encode(), ["2026-03-01"], id="codes"),
            pytest.param([SECONDS], ["2026-03-01"], id="seconds"),
            pytest.param(pa.nulls(1), ["NaT"], id="nothing"),
            pytest.param(pa.array([], pa.string()), [], id="no row"),
        ],
    )  # fmt: skip
    def test_are_those_of_utc(self, values, days):
        assert self.of(values) == days

    def test_that_cannot_be_read_are_counted_and_epochs_noted(self):
        notes, warnings = [], []
        assert self.of(["2026-03-01", "soon"], notes=notes, warnings=warnings) == [
            "2026-03-01", "NaT",
        ]  # fmt: skip
        assert warnings == ["times in 'at' that cannot be read, of rows without a day: 1"]
        self.of([SECONDS], notes=notes)
        assert notes == ["numbers in 'at' are taken for seconds since 1970 (UTC)"]

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            (["soon"], r"holds no time that can be read \(such as 'soon'\)"),
            (["x" * 99], f"such as '{'x' * 40}'"),
            (["2026-03-01T12:00:00Z", "2026-03-01"], "1 of 2 times in column 'at' say their zone"),
            (["2026-03-01 12:00 UTC", "2026-03-01 12:00"], "1 of 2 times"),
        ],
        ids=["no time", "a long text", "one with a zone", "a zone by its name"],
    )
    def test_are_refused_where_text_is_no_point_in_time(self, values, words):
        with pytest.raises(WrongTime, match=words):
            self.of(values)


def test_a_zone_of_the_column_is_turned_into_utc():
    times = pa.array([datetime(2026, 1, 2, 1, 30, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    local = pa.chunked_array([times.cast(pa.timestamp("us", "America/New_York"))])
    found = days_of(local, column="at")
    assert found.dtype == np.dtype("datetime64[D]")
    assert found.astype(str).tolist() == ["2026-01-02"]
