"""A table is sampled evenly, counted whole, and read in the style that its numbers are written."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.tables.files import NoRows, Table, UnusableColumn
from monitoring_dagster.standalone.column_kinds import NotNumeric
from monitoring_dagster.standalone.table_profile import (
    SAMPLE_ROWS,
    AlreadyKept,
    NothingInCommon,
    as_read,
    in_memory,
    profiled,
    read_reference,
    sampled,
    styles_of,
    table_of,
    with_all_values,
)
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins, bins_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.written import Style, Unread
from monitoring_dagster.stats.drift.usual import Usual
from monitoring_dagster.stats.estimation.confidence import EXTREMES_BINS, with_extremes
from monitoring_dagster.store.references.reference import ColumnKind, Reference

LARGE = 2 * SAMPLE_ROWS + 1


def table(**columns):
    return Table.of(pa.table(columns), side="reference")


def test_a_path_a_frame_and_a_table_are_the_same_rows(tmp_path):
    rows = pa.table({"x": [1.5, 2.5]})
    pq.write_table(rows, tmp_path / "a.parquet")
    for given in (tmp_path / "a.parquet", str(tmp_path / "a.parquet"), rows, rows.to_pandas()):
        assert in_memory(table_of(given, "reference")).to_pydict() == rows.to_pydict()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param(pa.array(["a", None]).dictionary_encode(), ["a", None], id="codes"),
        pytest.param(pa.array(["a", None]).cast(pa.string_view()), ["a", None], id="views"),
        pytest.param(pa.array([1, None]), [1, None], id="numbers"),
        pytest.param(pa.array([], pa.string()), [], id="no row"),
    ],
)
def test_all_of_a_table_is_in_memory_in_its_order(column, values):
    found = in_memory(table(x=column))
    assert found["x"].to_pylist() == values
    assert not pa.types.is_string_view(found.schema.field("x").type)


class TestSample:
    @pytest.mark.parametrize(
        ("rows", "step"),
        [(1, 1), (SAMPLE_ROWS, 1), (SAMPLE_ROWS + 1, 2), (2 * SAMPLE_ROWS, 2), (LARGE, 3)],
    )
    def test_holds_at_most_so_many_rows_evenly_spread(self, rows, step):
        found, apart = sampled(table(x=pa.array(range(rows), pa.int64())), [])
        assert apart == step
        assert found["x"].to_pylist() == list(range(0, rows, step))

    def test_of_categories_takes_any_row_of_a_block(self):
        """Else values that take turns would all be the first."""
        names = ["even", "odd"] * SAMPLE_ROWS
        found, step = sampled(table(w=names, n=[0, 1] * SAMPLE_ROWS), ["n"])
        assert (step, found.num_rows) == (2, SAMPLE_ROWS)
        for column in ("w", "n"):
            assert len(set(found[column].to_pylist())) == 2

    def test_of_categories_has_as_many_rows_where_the_last_block_is_a_part(self):
        found, step = sampled(table(w=pa.array(["a"]).take(pa.array([0] * LARGE))), [])
        assert (step, found["w"].null_count) == (3, 0)
        assert found.num_rows == -(-LARGE // 3)

    def test_is_the_same_every_time_and_keeps_the_order_of_columns(self):
        of = table(b=["x", "y"] * 10, a=[1, 2] * 10)
        first, _ = sampled(of, [])
        assert first.column_names == ["b", "a"]
        assert first.equals(sampled(of, [])[0])


class TestCategories:
    def test_of_a_table_that_was_read_whole_stay_as_they_are(self):
        bins = {"w": CategoricalBins.from_reference(pa.array(["a"]))}
        assert with_all_values(bins, table(w=["a", "b"]), share=1.0) == bins

    def test_that_the_sample_lacks_are_looked_for_in_all_rows(self):
        words = ["a"] * 50 + ["b"] * 50 + ["rare"]
        bins = {"w": bins_of(pa.array(["a", "a", "b", "b", "c"]), column="w", kind="categorical")}
        found = with_all_values(bins, table(w=words), share=0.5)["w"]
        assert found.rows == len(words)
        again = CategoricalBins.of_values(["a", "b", "rare"], np.array([50, 50, 1]))
        assert found == again

    def test_that_nearly_all_differ_are_only_known_to_be_a_share(self):
        bins = {"w": bins_of(pa.array(list("abcd")), column="w", kind="categorical")}
        found = with_all_values(bins, table(w=list("abcdefgh")), share=0.5)["w"]
        assert found.laid_over == 0.5 * bins["w"].laid_over
        assert found.rows == bins["w"].rows

    def test_of_numbers_are_none(self):
        bins = {"x": NumericBins(np.array([0.0, 1.0]))}
        assert with_all_values(bins, table(x=[5.0]), share=0.5) == bins


HALVES = NumericBins(np.array([0.0, 1.0]))


class TestProfile:
    def counted(self, given, *, bins=HALVES, **asked):
        asked = {"unusable": (), "advance": lambda n: None} | asked
        found = profiled(table(**given), {"x": bins}, asked.pop("segments", ()), **asked)
        column = found.profiles[Group("")].columns["x"]
        return column.counts.tolist(), column.nulls, found

    @pytest.mark.parametrize(
        ("values", "counts", "nulls"),
        [
            pytest.param([-1.0, 0.5, 5.0, None, float("nan")], [1, 1, 1], 2, id="numbers"),
            pytest.param(["-1", " 0.5", "5"], [1, 1, 1], 0, id="text"),
            pytest.param(["-1,5", "0,5", "5,25"], [1, 1, 1], 0, id="a decimal comma"),
            pytest.param(pa.array(["-1", "5"]).dictionary_encode(), [1, 0, 1], 0, id="codes"),
            pytest.param([True, False], [1, 1, 0], 0, id="yes and no"),
            pytest.param(pa.nulls(2), [0, 0, 0], 2, id="nothing"),
            pytest.param(pa.array([], pa.float64()), [0, 0, 0], 0, id="no row"),
        ],
    )
    def test_counts_every_row_once(self, values, counts, nulls):
        found_counts, found_nulls, found = self.counted({"x": values})
        assert (found_counts, found_nulls) == (counts, nulls)
        assert found.profiles[Group("")].rows == len(values)
        assert found.unread == {}

    def test_says_what_is_no_number_and_how_numbers_are_taken(self):
        values = [*["1.234,50"] * 30, "viel", "?"]
        counts, nulls, found = self.counted({"x": values})
        assert (counts, nulls) == ([0, 0, 30], 2)
        assert found.unread == {"x": Unread(1, ("viel",))}
        assert all(note.startswith("column 'x': ") for note in found.notes)

    def test_takes_numbers_in_the_style_that_is_given(self):
        """As the reference has it: 1,234 is 1.234 there."""
        comma = Style.of(pa.array(["1,5", "2,25"]))
        assert self.counted({"x": ["0,500"] * 2}, styles={"x": comma})[0] == [0, 2, 0]

    def test_counts_what_cannot_be_used_as_missing(self):
        counts, nulls, _ = self.counted({"x": ["a", "b"]}, unusable={"x"})
        assert (counts, nulls) == ([0, 0, 0], 2)
        counts, nulls, found = self.counted({"y": [1.0, 2.0]}, unusable={"x"})
        assert (counts, nulls, found.profiles[Group("")].rows) == ([0, 0, 0], 2, 2)

    def test_is_split_by_the_values_of_a_segment(self):
        given = {"x": [-1.0, 5.0, 5.0], "plan": ["a", "b", None]}
        *_, found = self.counted(given, segments=["plan"])
        parts = {g.value: one.rows for g, one in found.profiles.items() if g.segment == "plan"}
        assert parts == {"a": 1, "b": 1, "(missing)": 1}
        assert found.profiles[Group("")].rows == 3

    def test_tells_how_many_columns_were_read(self):
        read = []
        self.counted({"x": [1.0]}, advance=read.append)
        assert sum(read) == 1


@pytest.mark.parametrize(
    ("column", "is_styled"),
    [(["1.5", "2"], True), (["1,5", "2,25"], True), (["a", "b"], False), ([1.5, 2.0], False)],
    ids=["plain numbers", "a comma", "words", "numbers"],
)
def test_only_text_that_holds_numbers_has_a_style(column, is_styled):
    found = styles_of(pa.table({"x": column}), ["x"])
    assert found.keys() == ({"x"} if is_styled else set())


def test_a_column_with_a_style_is_read_as_numbers_and_one_without_as_it_is():
    words = pa.chunked_array([["1,5", "2,25"]])
    assert as_read(words, Style.of(words)).to_pylist() == [1.5, 2.25]
    assert as_read(words, None) is words


def test_a_frame_keeps_no_index(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=[7, 8])
    assert in_memory(table_of(frame, "reference")).column_names == ["x"]


N = 200
ROWS = {
    "age": [20.5 + i % 50 for i in range(N)],
    "plan": ["basic", "pro"] * (N // 2),
    "id": np.random.default_rng(0).permutation(N).tolist(),
}


def read(given=None, *, categorical=(), numeric=(), ignore=(), segments=()):
    given = pa.table(ROWS) if given is None else given
    return read_reference(given, categorical, numeric, ignore, segments, lambda n: None)


def test_a_reference_knows_bins_counts_and_what_its_columns_are():
    found = read(segments=["plan"])
    assert {name: type(one) for name, one in found.bins.items()} == {
        "age": NumericBins, "plan": CategoricalBins,
    }  # fmt: skip
    assert {name: one.kind for name, one in found.kinds.items()} == {
        "age": "numeric", "plan": "categorical", "id": None,
    }  # fmt: skip
    assert {group.value: one.rows for group, one in found.profiles.items()} == {
        "": N, "basic": N // 2, "pro": N // 2,
    }  # fmt: skip
    assert sum(found.profiles[Group("")].columns["age"].counts) == N


def test_the_same_rows_are_the_same_reference_from_a_file_or_in_memory(tmp_path):
    pq.write_table(pa.table(ROWS), tmp_path / "rows.parquet")
    in_memory, from_file = read(), read(tmp_path / "rows.parquet")
    assert in_memory.bins == from_file.bins
    assert in_memory.kinds == from_file.kinds
    assert read(in_memory).bins == in_memory.bins


@pytest.mark.parametrize(
    ("changed", "asked", "error", "words"),
    [
        pytest.param({"age": ["old"] * N}, {"numeric": ["age"]}, NotNumeric,
                     "'age' of the reference is to be numeric, and holds string", id="words"),
        pytest.param({"age": [date(2026, 3, 1)] * N}, {"numeric": ["age"]}, NotNumeric,
                     "and holds date32", id="days"),
        pytest.param({}, {"numeric": ["age"], "categorical": ["age"]}, NotNumeric,
                     "'age' is called both numeric and categorical", id="both"),
        pytest.param({}, {"numeric": ["agee"]}, UnknownColumn, "Did you mean 'age'", id="numeric"),
        pytest.param({}, {"categorical": ["x"]}, UnknownColumn, "has no column 'x'", id="category"),
        pytest.param({}, {"segments": ["x"]}, UnknownColumn, "has no column 'x'", id="segment"),
        pytest.param({}, {"ignore": ["x"]}, UnknownColumn, "has no column 'x'", id="nothing"),
        pytest.param({"plan": [[1]] * N}, {"segments": ["plan"]}, UnusableColumn, "'plan' of the",
                     id="lists for a segment"),
        pytest.param({}, {"ignore": ["age", "plan"]}, NothingInCommon, "(age: as you said; plan:",
                     id="nothing is left"),
        pytest.param({name: [] for name in ROWS}, {}, NoRows, "the reference has no rows",
                     id="no row"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_reference_is_refused_in_words(changed, asked, error, words):
    with pytest.raises(error) as refused:
        read(pa.table(ROWS | changed), **asked)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "column", [["1,5"] * N, pa.nulls(N), pa.nulls(N, pa.string()), [True] * N], ids=str
)
def test_a_column_may_be_called_numeric_where_no_word_says_otherwise(column):
    column = [*column] if isinstance(column, list) else column
    found = read(pa.table({"age": column}), numeric=["age"])
    assert isinstance(found.bins["age"], NumericBins)


def test_a_column_that_nobody_can_look_at_is_left_out_and_worth_a_warning():
    found = read(pa.table(ROWS | {"odd": [[1]] * N}))
    assert found.kinds["odd"].unseen
    ignored = read(pa.table(ROWS | {"odd": [[1]] * N}), ignore=["odd"])
    assert ignored.kinds["odd"] == ColumnKind(None, "as you said")


class TestKept:
    """A reference that was kept, and is read again."""

    @pytest.fixture
    def kept(self, tmp_path):
        path = tmp_path / "reference.profile"
        rows = {"age": [*(f"{i % 50}.5" for i in range(N - 1)), "alt"], "plan": ROWS["plan"]}
        first = read(pa.table(rows), segments=["plan"], numeric=["age"])
        assert first.unread == {"age": Unread(1, ("alt",))}
        first.keep(path)
        return path

    @pytest.mark.parametrize("given", [str, lambda path: path], ids=["as text", "as a path"])
    def test_is_found_by_its_path(self, kept, given):
        assert read(given(kept)).segments == ("plan",)

    def test_may_be_asked_for_fewer_columns_and_for_no_other_kinds(self, kept):
        narrowed = read(kept, ignore=["age"])
        assert list(narrowed.bins) == ["plan"]
        assert narrowed.unread == {}
        assert {*narrowed.profiles[Group("")].columns} == {"plan"}
        assert narrowed.kinds["age"] == ColumnKind(None, "as you said")
        for asked in ({"categorical": ["age"]}, {"numeric": ["age"]}, {"segments": ["plan"]}):
            with pytest.raises(AlreadyKept, match="keep it anew from its rows"):
                read(kept, **asked)
        with pytest.raises(UnknownColumn, match="the reference has no column 'agee'"):
            read(kept, ignore=["agee"])
        with pytest.raises(NothingInCommon):
            read(kept, ignore=["age", "plan"])

    def test_of_a_version_is_one_of_rows_of_no_version(self):
        """With what ordinary days show; without what a registry alone can use."""
        rows = pa.table({"score": [i / N for i in range(N)]})
        first = read(rows)
        bins = {**first.bins, "score: extremes": EXTREMES_BINS}
        of_version = {Group("7"): first.profiles[Group("")]}
        kept = Reference(
            bins,
            with_extremes(of_version, {"7": bins}),
            {**first.kinds, "score: extremes": ColumnKind("categorical", "read off 'score'")},
            version="7",
            usual={Group("7"): Usual({"score": 0.1})},
        )
        found = read(kept)
        assert (found.version, found.bins) == ("", bins)
        assert found.usual == {Group(""): Usual({"score": 0.1})}
        assert {*found.profiles[Group("")].columns} == {"score", "score: extremes"}
        with pytest.raises(NothingInCommon):  # extremes are those of the score
            read(kept, ignore=["score"])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NothingInCommon.with_columns(["a"], []), "no column in common: 'a' against -"),
        (NothingInCommon.with_columns(map(str, range(20)), ["b"]), "'9' against 'b'"),
        (NothingInCommon.between({}), "no column to compare (no columns at all)"),
        (AlreadyKept.with_columns(["a", "b"]), "segments of a kept reference are fixed (a, b)"),
    ],
)
def test_an_error_names_what_there_is(error, words):
    assert isinstance(error, MonitoringError)
    assert words in str(error)
