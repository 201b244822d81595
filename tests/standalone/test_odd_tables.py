"""Tables as people have them are compared by what they mean; what nobody looked at is said."""

from datetime import date, time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.tables.files import UnusableColumn
from monitoring_dagster.standalone.compare import compare

N = 200
RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=500)


def verdicts(before, now, **given):
    found = compare(before, now, **given).to_dict()
    return {one["name"]: one["verdict"] for one in found["features"]}


def frame(**columns):
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([True, False] * 100, [1.0, 0.0] * 99 + [None] * 2, id="bool, then 1.0"),
        pytest.param([True, False] * 100, ["True", "FALSE"] * 100, id="bool, then its name"),
        pytest.param(["true", "false"] * 100, [True, False] * 100, id="its name, then bool"),
        pytest.param([0, 1] * 100, [False, True] * 100, id="0 and 1, then bool"),
        pytest.param([3, 1] * 100, [3.0, 1.0] * 99 + [None] * 2, id="whole, then with gaps"),
        pytest.param(["1", "2"] * 100, [1.0, 2.0] * 100, id="codes as text, then numbers"),
        pytest.param(NORMAL, [f"{one:.5f}" for one in NORMAL], id="numbers, then text"),
        pytest.param(
            NORMAL, [f"{one:.5f}".replace(".", ",") for one in NORMAL], id="a decimal comma"
        ),
        pytest.param([0.1, 0.7] * 100, np.float32([0.1, 0.7] * 100), id="32 bits"),
        pytest.param([0.1, 0.7] * 100, np.float16([0.1, 0.7] * 100), id="16 bits"),
        pytest.param([0.3, 0.7] * 100, [0.1 + 0.2, 0.7] * 100, id="a sum"),
        pytest.param(
            [0.25, 0.5] * 100, pa.array([0.25, 0.5] * 100).cast(pa.decimal128(9, 4)), id="decimals"
        ),
        pytest.param(["Y", "N"] * 100, ["y", "n"] * 100, id="Y and N"),
        pytest.param(["a", "nan"] * 100, ["a", None] * 100, id="missing, in words"),
        pytest.param(
            pd.cut(pd.Series([1, 3] * 100), [0, 2, 4]),
            ["(0, 2]", "(2, 4]"] * 100,
            id="intervals, then text",
        ),
    ],
)
def test_the_same_values_written_otherwise_are_no_drift(before, now):
    sides = [pa.table({"x": pa.array(pd.Series(before)) if isinstance(before, list) else before})
             if isinstance(before, pa.Array) else frame(x=before)]  # fmt: skip
    sides.append(pa.table({"x": now}) if isinstance(now, pa.Array) else frame(x=now))
    assert verdicts(*sides) == {"x": "OK"}


def test_categories_of_numbers_are_the_same_in_every_type():
    exact = pa.table({"k": pa.array([1, 2] * 100).cast(pa.decimal128(21, 2))})
    for other in ([1, 2], [1.0, 2.0], ["1", "2"], ["1.0", "2.00"]):
        assert verdicts(exact, frame(k=other * 100), categorical=["k"]) == {"k": "OK"}


def moved(by):
    return {
        "durations": pd.to_timedelta(pd.Series(range(N)) * by, unit="s"),
        "times of day": [time(i % 24 // by) for i in range(N)],
        "numbers as text": [f"{i * by}.5" for i in range(N)],
        "money as text": [f"${i * by},000.50" for i in range(1, N + 1)],
        "beyond 2^53": [2**53 + by * 20 + i % 10 for i in range(N)],
        "without a sign": np.array([2**63 + by * 20 + i % 10 for i in range(N)], np.uint64),
        "string views": pa.array([f"level {i % 3 * by}" for i in range(N)]).cast(pa.string_view()),
        "mixed objects": pd.Series([1, f"C{by}"] * (N // 2), dtype=object),
    }


@pytest.mark.parametrize("name", list(moved(1)))
def test_no_type_is_left_out_in_silence(name):
    def table(by):
        column = moved(by)[name]
        if isinstance(column, pa.Array):
            return pa.table({"x": column, "y": pa.array([1.0] * N)})
        return frame(x=column, y=1.0)

    assert verdicts(table(1), table(1)) == {"x": "OK", "y": "OK"}
    assert verdicts(table(1), table(3)) == {"x": "DRIFT", "y": "OK"}


@pytest.mark.parametrize(
    ("name", "column", "why"),
    [
        ("Unnamed: 0", range(N), "an identifier"),
        ("PassengerId", RNG.permutation(N), "an identifier"),
        ("customer_id", np.repeat(np.arange(N // 2), 2), "an identifier"),
        ("id_card", [f"c{i // 2}" for i in range(N)], "an identifier"),
        ("token", [f"{i:032x}" for i in range(N)], "an identifier"),
        ("n", range(N), "a running number"),
        ("order", np.cumsum(RNG.integers(1, 5, N)), "a running number"),
        ("order", [str(5000 + i) for i in range(N)], "a running number"),
        ("n", range(N, 0, -1), "a running number"),
        ("n", np.arange(N, dtype=float), "a running number"),
        ("user_id", [None, *np.arange(1.0, N)], "an identifier"),
        ("CUSTOMERID", RNG.permutation(N), "an identifier"),
        ("SK_ID_CURR", RNG.permutation(N), "an identifier"),
        ("account_number", RNG.permutation(N), "an identifier"),
        ("yearmonth", [202601 + i % 6 for i in range(N)], "points in time, as numbers"),
        ("month", [f"{202601 + i % 6}" for i in range(N)], "points in time, as numbers"),
        ("ts", [f"{1_770_000_000 + i * 7 % N}" for i in range(N)], "points in time, as numbers"),
        ("epoch_ms", [1.77e12 + 1000 * (i * 7 % N) for i in range(N)], "points in time, as n"),
        ("x", ["2026-Q1", "2026-Q2"] * (N // 2), "points in time, as text"),
        ("x", ["Jan-26", "Feb-26"] * (N // 2), "points in time, as text"),
        ("day", ["2026-01-01", "2026-01-02"] * (N // 2), "points in time, as text"),
        ("x", ["31/01/2026 10:00", "1/2/2026 9:30"] * (N // 2), "points in time, as text"),
        ("x", ["Jan 2026", "Feb 2026"] * (N // 2), "points in time, as text"),
        ("x", ["2026-01-01T10:00:00+01:00"] * N, "points in time, as text"),
        ("date", [20260101 + i % 28 for i in range(N)], "points in time, as numbers"),
        ("createdAt", [1.77e12 + 1000 * (i * 7 % N) for i in range(N)], "points in time, as n"),
        ("ts", [1_770_000_000 + i * 7 % N for i in range(N)], "points in time, as numbers"),
        ("at", [date(2026, 1, 1 + i % 28) for i in range(N)], "points in time"),
    ],
)
def test_keys_running_numbers_and_times_are_left_out_and_said(name, column, why):
    before = frame(**{name: column, "x1": 1.0})
    now = before.assign(**{name: before[name].to_numpy()[::-1]})
    found = compare(before, now).to_dict()
    assert [one["name"] for one in found["features"]] == ["x1"]
    assert why in found["left_out"][name]
    assert found["columns"][name] == "ignored"


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("store_id", RNG.integers(0, 5, N)),
        ("paid", RNG.integers(0, 500, N)),
        ("year", RNG.integers(2000, 2026, N)),
        ("time", RNG.uniform(0, 24, N)),
        ("month", RNG.integers(1, 13, N)),
        ("response_ms", RNG.permutation(N) * 7.0),
        ("bid", RNG.permutation(N)),
        ("period", 200_000 + RNG.integers(0, 100, N)),
        ("gone", np.full(N, np.nan)),
        ("price_index", RNG.integers(0, 100, N)),
        ("version", ["1.2", "1.10"] * (N // 2)),
        ("zip", ["01234", "98765"] * (N // 2)),
        ("model", ["Audi 2024", "Opel 2025"] * (N // 2)),
    ],
)
def test_what_only_looks_like_a_key_or_a_time_is_judged(name, column):
    assert verdicts(frame(**{name: column, "x1": 1.0}), frame(**{name: column, "x1": 1.0})) == {
        name: "OK",
        "x1": "OK",
    }


@pytest.mark.parametrize(
    ("column", "given", "words"),
    [
        (["a", "b"], {"numeric": ["c"]}, "'c' of the reference is to be numeric, and holds"),
        ([date(2026, 1, 1)] * 2, {"numeric": ["c"]}, "to be numeric, and holds date32"),
        ([1, 2], {"numeric": ["c"], "categorical": ["c"]}, "both numeric and categorical"),
    ],
)
def test_what_cannot_be_numeric_is_refused_where_it_is_said(column, given, words):
    table = frame(c=column * 100, x=NORMAL[:N])
    with pytest.raises(MonitoringError, match=words):
        compare(table, table, **given)


def test_a_day_and_its_midnight_are_one_category():
    days = pa.array([0, 1] * 100, pa.int32()).cast(pa.date32())
    before = pa.table({"c": days})
    for unit in ("s", "ms", "us", "ns"):
        now = pa.table({"c": days.cast(pa.timestamp(unit))})
        assert verdicts(before, now, categorical=["c"]) == {"c": "OK"}


def test_a_running_number_alone_is_what_is_meant():
    assert verdicts(frame(x=range(N)), frame(x=range(N))) == {"x": "OK"}


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ([[1]] * N, "is neither number, text nor time"),
        ([{"a": 1}] * N, "is neither number, text nor time"),
        ([b"\x00\xff"] * N, "is neither number, text nor time"),
        ([f"{i}.50 kg" for i in range(N)], "numbers with something around them"),
        ([f"USD {i}.50" for i in range(N)], "numbers with something around them"),
        ([2**60 + i % 1500 for i in RNG.permutation(3000)], "floats do not tell apart"),
    ],
    ids=["lists", "dicts", "bytes", "large numbers of many values", "kilograms", "dollars"],
)
def test_one_column_never_takes_the_others_down_and_nobody_looking_is_a_warning(column, why):
    before = frame(odd=column, x=1.0)
    found = compare(before, before)
    assert [group_and.drift.column for _, group_and in found.features] == ["x"]
    (warning,) = found.to_dict()["warnings"]
    assert warning.startswith("not looked at: 'odd'")
    assert why in warning


def test_a_new_column_and_a_share_of_values_nobody_read_are_warnings():
    now = frame(x=[f"{one:.3f}" for one in NORMAL[:485]] + ["broken"] * 15, extra=1.0)
    found = compare(frame(x=NORMAL), now).to_dict()
    assert found["unread"] == {"x": {"reference": 0, "current": 15}}
    assert found["warnings"] == [
        "not looked at: 'extra' (not in the reference)",
        "column 'x' of the current data: 15 of 500 values are no numbers ('broken')",
    ]


def test_two_columns_of_one_name_are_an_error_only_where_they_matter(tmp_path):
    twice = pa.table([[1.0] * N, [2.0] * N, [3.0] * N], names=["a", "a", "x"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    (tmp_path / "twice.csv").write_text("a,a,x\n" + "1,2,3\n" * N)
    for given in (twice, tmp_path / "twice.parquet", tmp_path / "twice.csv"):
        assert verdicts(given, given) == {"x": "OK"}
        assert compare(given, given, ignore=["a"]).warnings == []
        for named in ({"segments": ["a"]}, {"categorical": ["a"]}):
            with pytest.raises(UnusableColumn, match=r"'a' of the reference .* 2 columns have"):
                compare(given, given, **named)
        with pytest.raises(UnusableColumn, match=r"'a' of the current data .* 2 columns have"):
            compare(frame(a=[1.0] * N, x=3.0), given)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (frame(x=[1.0] * N).head(0), frame(x=[1.0] * N), "the reference has no rows"),
        (frame(x=[1.0] * N), frame(x=[1.0] * N).head(0), "the current data has no rows"),
        (frame(x=[1.0] * N), frame(y=[1.0] * N), "no column in common: 'x' against 'y'"),
        (frame(k=[[1]] * N), frame(k=[[1]] * N), "no column to compare"),
        (frame(x=[1.0] * N)[[]], frame(x=[1.0] * N), "no column to compare"),
    ],
    ids=["no reference", "no rows now", "nothing in common", "nothing readable", "no columns"],
)
def test_nothing_to_judge_is_one_clear_error(before, now, words):
    with pytest.raises(MonitoringError, match=words):
        compare(before, now)


def test_files_of_one_feed_that_disagree_are_judged_as_words(tmp_path):
    for folder, letters in (("before", 1), ("now", 3)):
        (tmp_path / folder).mkdir()
        for i in range(4):
            zip_code = "W1A 0AX" if i < letters else "12345"
            (tmp_path / folder / f"{i}.csv").write_text("zip,x\n" + f"{zip_code},1\n" * 100)
    found = compare(tmp_path / "before", tmp_path / "now").to_dict()
    assert {one["name"]: one["verdict"] for one in found["features"]} == {"zip": "DRIFT", "x": "OK"}
    assert any("'zip' is read as text" in one for one in found["notes"])
    assert verdicts(tmp_path / "before", tmp_path / "now", ignore=["zip"]) == {"x": "OK"}
