"""What a column is, is guessed from its type, its name and its values; and why is said."""

from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.standalone.column_kinds import guessed
from monitoring_dagster.store.references.reference import ColumnKind

N = 200
RNG = np.random.default_rng(0)
SHUFFLED = RNG.permutation(N)


def kind_of(values, name="x", **asked):
    """The guess about one column beside another."""
    return guessed(pa.table({name: values, "beside": [0.5, 1.5] * (len(values) // 2)}), **asked)[
        name
    ]


def words(*values, n=N):
    return [values[i % len(values)] for i in range(n)]


CATEGORICAL, NUMERIC, NONE = "categorical", "numeric", None


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        pytest.param(words(True, False), CATEGORICAL, "true or false", id="booleans"),
        pytest.param(words(1, 2, 3), NUMERIC, "numbers", id="whole numbers"),
        pytest.param(words(0.5, float("nan")), NUMERIC, "numbers", id="floats"),
        pytest.param(words("a", "b", None), CATEGORICAL, "words", id="words"),
        pytest.param(pa.nulls(N), CATEGORICAL, "without any value", id="nothing"),
        pytest.param(pa.nulls(N, pa.int64()), NUMERIC, "without any value", id="no number"),
        pytest.param(pa.nulls(N, pa.date32()), NONE, "without any value", id="no day"),
        pytest.param([datetime(2026, 3, 1)] * N, NONE, "points in time", id="times"),  # noqa: DTZ001
        pytest.param([date(2026, 3, 1)] * N, NONE, "points in time", id="days"),
        pytest.param(words("1", "2"), CATEGORICAL, "codes", id="numbers as text, few"),
        pytest.param([str(i % 20) for i in range(N)], CATEGORICAL, "codes", id="twenty of them"),
        pytest.param([str(i * 8 % 21) for i in range(N)], NUMERIC, "numbers as text",
                     id="twenty-one"),
        pytest.param(words("1.5", "2"), NUMERIC, "numbers as text", id="fractions as text"),
        pytest.param(words("1.234,50", "7,25"), NUMERIC, "numbers as text", id="a decimal comma"),
        pytest.param(words("01", "02"), CATEGORICAL, "words", id="leading zeros"),
        pytest.param([f"t{i}" for i in range(N)], NONE, "an identifier: every value", id="tokens"),
        pytest.param([*(f"t{i}" for i in range(N - 1)), "t0"], CATEGORICAL, "words",
                     id="one of them twice"),
        pytest.param([f"t{i}" for i in range(98)], CATEGORICAL, "words", id="few rows"),
        pytest.param([f"{i}.50 kg" for i in range(N)], NONE, "something around", id="units"),
        pytest.param(pa.array(words("a", "b")).dictionary_encode(), CATEGORICAL, "words",
                     id="codes of words"),
    ],
)  # fmt: skip
def test_a_column_is_guessed_by_its_values(values, kind, why):
    found = kind_of(values)
    assert found.kind == kind
    assert why in found.why


@pytest.mark.parametrize(
    ("share", "is_time"), [(180, True), (179, False)], ids=["nine in ten values", "fewer"]
)
def test_text_is_of_times_where_nearly_all_its_values_are(share, is_time):
    values = [f"2026-01-01 10:00:{i % 60:02}.{i:03}" for i in range(share)]
    values += [f"w{i}" for i in range(N - share)]
    assert (kind_of(values).why == "points in time, as text") is is_time


@pytest.mark.parametrize(
    "one",
    ["2026-01-31", "2026/1/31", "31.01.2026", "1/31/26", "2026-01", "2026-W05", "2026W5-1",
     "Jan 31, 2026", "31 January 2026", "31-Jan-26", "Q1 2026", "2026-Q1", "Sat, 31 Jan 2026",
     "2026-01-31T12:00Z", "2026-01-31 12:00:00.123 +01:00", "1/31/2026 9:30 PM", " 2026-01-31 "],
)  # fmt: skip
def test_a_time_is_one_in_any_usual_form(one):
    assert kind_of([one] * N) == ColumnKind(None, "points in time, as text")


@pytest.mark.parametrize(
    "one", ["2026", "12:00", "1.2", "1-2", "2026-1-2-3", "May", "Audi 2024", "Q5 2026", "a 1/1/26"]
)
def test_what_only_looks_like_a_time_is_none(one):
    assert "time" not in kind_of([one] * N).why


@pytest.mark.parametrize(
    ("name", "values", "is_key"),
    [
        pytest.param("id", SHUFFLED, True, id="all different"),
        pytest.param("user_id", SHUFFLED // 4, True, id="four rows each"),
        pytest.param("user_id", SHUFFLED // 5, False, id="five rows each"),
        pytest.param("user_id", SHUFFLED[:98], False, id="of few rows"),
        pytest.param("PassengerId", SHUFFLED, True, id="in one word"),
        pytest.param("userid", SHUFFLED, True, id="in lower case"),
        pytest.param("userid", SHUFFLED // 2, False, id="which may be a word, if not all differ"),
        pytest.param("paid", SHUFFLED, False, id="a short word"),
        pytest.param("id_card", SHUFFLED // 2, True, id="id in front"),
        pytest.param("row", SHUFFLED, True, id="a word that may be one"),
        pytest.param("row", SHUFFLED // 2, False, id="and is none if not all differ"),
        pytest.param("amount", SHUFFLED, False, id="another name"),
        pytest.param("uuid_2", SHUFFLED, True, id="a number behind"),
        pytest.param("id", [f"k{i // 2}" for i in SHUFFLED], True, id="words"),
    ],
)
def test_a_column_is_a_key_by_its_name_and_its_values(name, values, is_key):
    assert (kind_of(list(values), name).why.startswith("an identifier: its name")) is is_key


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        pytest.param(range(N), True, id="it grows"),
        pytest.param(range(N, 0, -1), True, id="it falls"),
        pytest.param([i * 10 for i in range(N)], True, id="ten at a time"),
        pytest.param([i * 11 for i in range(N)], False, id="eleven at a time"),
        pytest.param([*range(N - 1), N - 3], False, id="once it does not"),
        pytest.param([float(i) for i in range(N)], True, id="as floats"),
        pytest.param([i + 0.5 for i in range(N)], False, id="fractions do not"),
        pytest.param([None, *range(N - 1)], False, id="one is missing"),
        pytest.param([str(i) for i in range(N)], True, id="as text"),
        pytest.param(range(98), False, id="of few rows"),
    ],
)
def test_a_number_runs_where_it_only_ever_grows_by_little(values, runs):
    found = kind_of(list(values))
    assert (found == ColumnKind(None, "a running number: it only ever grows, or falls")) is runs


def test_of_a_sample_the_gaps_of_a_running_number_are_as_many_times_larger():
    values = [i * 70 for i in range(N)]
    assert kind_of(values).kind == NUMERIC
    assert kind_of(values, step=7).kind is None


def test_a_running_number_alone_is_what_is_meant():
    assert guessed(pa.table({"x": range(N)})) == {"x": ColumnKind("numeric", "numbers")}
    assert guessed(pa.table({"x": range(N)}), ignore=["x"]) == {
        "x": ColumnKind(None, "as you said")
    }


@pytest.mark.parametrize(
    ("name", "low", "high", "is_time"),
    [
        pytest.param("day", 19_000_101, 21_001_231, True, id="days"),
        pytest.param("day", 19_000_100, 21_001_231, False, id="a day too early"),
        pytest.param("month", 190_001, 210_053, True, id="months and weeks"),
        pytest.param("month", 202_601, 202_654, False, id="no such week"),
        pytest.param("month", 202_600, 202_612, False, id="no such month"),
        pytest.param("ts", 631_152_000, 4_102_444_800, True, id="seconds of 1990 to 2100"),
        pytest.param("ts", 631_151_999, 4_102_444_800, False, id="a second too early"),
        pytest.param("created_at_ms", 1.77e12, 1.78e12, True, id="milliseconds"),
        pytest.param("ts", 10**18 * 1.7, 10**18 * 1.8, True, id="nanoseconds"),
        pytest.param("amount", 20_260_101, 20_260_131, False, id="another name"),
        pytest.param("time", 0, 24, False, id="hours"),
    ],
)
def test_numbers_are_times_by_their_name_and_their_size(name, low, high, is_time):
    values = [high, low, *[low] * (N - 2)]
    assert (kind_of(values, name) == ColumnKind(None, "points in time, as numbers")) is is_time


@pytest.mark.parametrize(
    ("many", "kind", "unseen"),
    [(1000, CATEGORICAL, False), (1001, NONE, True)],
    ids=["few", "many"],
)
def test_numbers_that_floats_do_not_tell_apart_are_names_or_left_out(many, kind, unseen):
    values = [2**60 + int(i) for i in RNG.permutation(many)] * 2
    found = kind_of(values)
    assert (found.kind, found.unseen) == (kind, unseen)
    assert kind_of([2**60 + 1024 * (i * 7 % 31) for i in range(N)]).kind == NUMERIC


class TestCaller:
    table = pa.table({"id": SHUFFLED, "n": words(1, 2), "w": words("a", "b")})

    @pytest.mark.parametrize(
        ("asked", "name", "kind"),
        [
            ({"categorical": ["n"]}, "n", CATEGORICAL), ({"numeric": ["id"]}, "id", NUMERIC),
            ({"ignore": ["w"]}, "w", NONE), ({"numeric": ["n"], "ignore": ["n"]}, "n", NONE),
        ],
        ids=["a category", "a number", "nothing", "nothing goes before all"],
    )  # fmt: skip
    def test_overrules_what_is_seen(self, asked, name, kind):
        found = guessed(self.table, **asked)
        assert found[name] == ColumnKind(kind, "as you said")
        others = guessed(self.table)
        assert {n: one for n, one in found.items() if n != name} == {
            n: one for n, one in others.items() if n != name
        }

    def test_may_call_seconds_a_category(self):
        assert guessed(self.table, durations=["n"])["n"] == ColumnKind("numeric", "seconds")
        found = guessed(self.table, durations=["n"], categorical=["n"])
        assert found["n"] == ColumnKind("categorical", "as you said")

    @pytest.mark.parametrize("role", ["categorical", "numeric", "ignore", "durations"])
    def test_is_told_of_a_column_that_is_not_there(self, role):
        with pytest.raises(UnknownColumn, match="the reference has no column 'nn'"):
            guessed(self.table, **{role: ["nn"]})


def test_a_table_without_rows_or_columns_is_no_trouble():
    assert guessed(pa.table({})) == {}
    found = guessed(pa.table({"x": pa.array([], pa.int64()), "w": pa.array([], pa.string())}))
    assert [one.kind for one in found.values()] == [NUMERIC, CATEGORICAL]


@given(st.text(max_size=12), st.sampled_from([range(N), words("a", "b"), words(0.5, 7)]))
def test_no_name_breaks_a_guess_and_all_columns_have_one(name, values):
    table = pa.table([list(values), words(1.5, 2)], names=[name, "beside" + name])
    found = guessed(table)
    assert list(found) == table.column_names
    assert all(one.kind in ("numeric", "categorical", None) and one.why for one in found.values())
