"""A reference is read once, kept whole or not at all, and says when it is no longer what it was."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.tables.files import NoRows, UnusableColumn
from monitoring_dagster.standalone.column_kinds import Guess
from monitoring_dagster.standalone.reference import (
    AlreadyKept,
    NothingInCommon,
    NotNumeric,
    SpoiltReference,
    TableReference,
    check_keep,
    is_kept,
    read_reference,
)
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.written import Unread
from monitoring_dagster.store.outputs import NotWritten

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
    assert {name: one.kind for name, one in found.guesses.items()} == {
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
    assert in_memory.guesses == from_file.guesses
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
    assert found.guesses["odd"].unseen
    ignored = read(pa.table(ROWS | {"odd": [[1]] * N}), ignore=["odd"])
    assert ignored.guesses["odd"] == Guess(None, "as you said")


class TestKept:
    @pytest.fixture
    def kept(self, tmp_path):
        path = tmp_path / "reference.profile"
        rows = {"age": [*(f"{i % 50}.5" for i in range(N - 1)), "alt"], "plan": ROWS["plan"]}
        read(pa.table(rows), segments=["plan"], numeric=["age"]).keep(path)
        return path

    def test_is_read_as_it_was(self, kept):
        rows = {"age": [*(f"{i % 50}.5" for i in range(N - 1)), "alt"], "plan": ROWS["plan"]}
        first = read(pa.table(rows), segments=["plan"], numeric=["age"])
        again = TableReference.kept(kept)
        assert again.bins == first.bins
        assert again.guesses == first.guesses
        assert (again.segments, again.notes) == (first.segments, first.notes)
        assert again.unread == first.unread == {"age": Unread(1, ("alt",))}
        assert again.profiles.keys() == first.profiles.keys()
        for group, one in first.profiles.items():
            assert again.profiles[group].rows == one.rows
            for name, column in one.columns.items():
                np.testing.assert_array_equal(
                    again.profiles[group].columns[name].counts, column.counts
                )

    @pytest.mark.parametrize("given", [str, lambda path: path], ids=["as text", "as a path"])
    def test_is_found_by_its_path(self, kept, given):
        assert read(given(kept)).segments == ("plan",)

    def test_may_be_asked_for_fewer_columns_and_for_no_other_kinds(self, kept):
        narrowed = read(kept, ignore=["age"])
        assert list(narrowed.bins) == ["plan"]
        assert narrowed.unread == {}
        assert {*narrowed.profiles[Group("")].columns} == {"plan"}
        assert narrowed.guesses["age"] == Guess(None, "as you said")
        for asked in ({"categorical": ["age"]}, {"numeric": ["age"]}, {"segments": ["plan"]}):
            with pytest.raises(AlreadyKept, match="keep it anew from its rows"):
                read(kept, **asked)
        with pytest.raises(UnknownColumn, match="the reference has no column 'agee'"):
            read(kept, ignore=["agee"])
        with pytest.raises(NothingInCommon):
            read(kept, ignore=["age", "plan"])

    @pytest.mark.parametrize("place", [1 / 3, 1 / 2, 2 / 3])
    def test_is_refused_where_a_single_bit_has_changed(self, kept, place):
        spoilt = bytearray(kept.read_bytes())
        spoilt[int(len(spoilt) * place)] ^= 1
        kept.write_bytes(bytes(spoilt))
        with pytest.raises(SpoiltReference, match=r"is damaged, .*keep it anew from its rows"):
            TableReference.kept(kept)

    def test_is_never_half_written(self, kept, tmp_path):
        before = kept.read_bytes()
        with pytest.raises(NotWritten):
            read().keep(kept, force=False)
        with pytest.raises(NotWritten):
            read().keep(tmp_path / "nowhere" / "reference.profile")
        assert kept.read_bytes() == before
        assert [one.name for one in tmp_path.iterdir()] == ["reference.profile"]

    def test_replaces_what_was_kept_before(self, kept):
        read().keep(kept)
        assert TableReference.kept(kept).segments == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1 and nothing", b"a,b\n1,2\n", None],
    ids=["empty", "cut", "text", "rows in Parquet"],
)
def test_what_was_never_kept_is_no_reference(tmp_path, content):
    path = tmp_path / "x"
    if content is None:
        pq.write_table(pa.table(ROWS), path)
    else:
        path.write_bytes(content)
    assert (TableReference.kept(path), is_kept(path)) == (None, False)
    assert TableReference.kept(tmp_path / "nothing") is None
    assert TableReference.kept(tmp_path) is None


class TestPlace:
    """Where a profile may be kept; not below /dev, where tests may run."""

    def test_of_a_file_of_rows_is_refused(self, on_disk):
        rows = on_disk / "rows.parquet"
        pq.write_table(pa.table(ROWS), rows)
        for force in (True, False):
            with pytest.raises(NotWritten, match="belongs to what is read and is never"):
                check_keep(rows, force=force, read=[str(on_disk)])

    def test_of_a_profile_in_a_folder_of_rows_is_none_of_them(self, on_disk):
        profile = on_disk / "reference.profile"
        read().keep(profile)
        check_keep(profile, force=True, read=[str(on_disk)])
        with pytest.raises(NotWritten, match="is there already: say --force"):
            check_keep(profile, force=False, read=[str(on_disk)])

    def test_of_the_profile_that_is_read_is_refused(self, on_disk):
        profile = on_disk / "reference.profile"
        read().keep(profile)
        with pytest.raises(NotWritten, match="belongs to what is read"):
            check_keep(profile, force=True, read=[str(profile)])

    def test_that_is_free_is_allowed(self, on_disk):
        check_keep(on_disk / "new.profile", force=False, read=[str(on_disk)])
        assert not (on_disk / "new.profile").exists()


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
