"""Rows come out of Parquet and CSV alike, wherever they lie, and what cannot be read is named."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.tables.files import (
    BATCH_ROWS,
    Table,
    UnreadableTable,
    UnusableColumn,
)

ROWS = pa.table({"age": [30.5, 41.0, None], "plan": ["a", "b", None], "n": [1, 2, 3]})


def written(table: pa.Table, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        options = csv.WriteOptions(delimiter="\t" if path.suffix == ".tsv" else ",")
        csv.write_csv(table, path, options)
    return path


def read(place: object, columns=("age", "plan", "n")) -> dict[str, list]:
    batches = list(Table.at(str(place)).read(columns))
    return {
        name: [value for batch in batches for value in batch.column(name).to_pylist()]
        for name in columns
    }


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.tsv"])
def test_a_file_gives_its_rows_and_missing_values_stay_missing(tmp_path, name):
    place = written(ROWS, tmp_path / name)
    assert read(place) == ROWS.to_pydict()
    assert Table.at(str(place)).rows == 3


@pytest.mark.parametrize("place", ["", "*.parquet", "**/*.parquet"])
def test_a_folder_and_a_glob_give_all_their_files(tmp_path, place):
    for name in ("a.parquet", "b.parquet"):
        written(ROWS, tmp_path / name)
    found = Table.at(str(tmp_path / place))
    assert found.rows == 6
    assert read(tmp_path / place, ["n"]) == {"n": [1, 2, 3, 1, 2, 3]}


def test_a_folder_may_hold_both_kinds_and_other_things(tmp_path):
    written(ROWS, tmp_path / "deep" / "a.parquet")
    written(ROWS, tmp_path / "b.csv")
    (tmp_path / "_SUCCESS").touch()
    assert read(tmp_path, ["n"]) == {"n": [1, 2, 3] * 2}


def test_a_column_that_one_file_lacks_is_null_there_and_numbers_widen(tmp_path):
    written(pa.table({"n": [1, 2], "new": ["x", "y"]}), tmp_path / "a.parquet")
    written(pa.table({"n": [1.5]}), tmp_path / "b.parquet")
    assert read(tmp_path, ["new", "n"]) == {"new": ["x", "y", None], "n": [1.0, 2.0, 1.5]}


def test_batches_are_small_and_words_come_as_codes(tmp_path):
    many = pa.table({"word": ["a", "b"] * BATCH_ROWS})
    place = written(many, tmp_path / "a.parquet")
    batches = list(Table.at(str(place)).read(["word"]))
    assert max(len(batch) for batch in batches) <= BATCH_ROWS
    assert pa.types.is_dictionary(batches[0].schema.field("word").type)


def test_rows_can_be_read_again_some_columns_at_a_time(tmp_path):
    table = Table.at(str(written(ROWS, tmp_path / "a.csv")))
    for _ in range(2):
        assert next(table.read(["n"])).schema.names == ["n"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"PAR1 and then nothing"), ("a.csv", b""), ("a.csv", b"a,b\n1,2,3\n")],
)
def test_a_broken_file_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableTable, match=name):
        Table.at(str(tmp_path / name))


def test_damage_under_a_page_checksum_is_named_while_it_is_read(tmp_path):
    place = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"n": [i / 7 for i in range(100_000)]}), place, write_page_checksum=True
    )
    spoilt = bytearray(place.read_bytes())
    spoilt[len(spoilt) // 2] ^= 0x01
    place.write_bytes(bytes(spoilt))
    table = Table.at(str(place))
    with pytest.raises(UnreadableTable, match=str(place)):
        list(table.read(["n"]))


DAY = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "second", "together", "said"),
    [
        pytest.param([1, 2], ["W1A"], ["1", "2", "W1A"], "read as text", id="numbers and words"),
        pytest.param([1.0, 2.5], ["x"], ["1", "2.5", "x"], "read as text", id="floats and words"),
        pytest.param([True], ["no"], ["true", "no"], "read as text", id="truth values and words"),
        pytest.param([True], [0], [1, 0], "", id="truth values and numbers"),
        pytest.param([1], [1.5], [1.0, 1.5], "", id="whole and broken numbers"),
        pytest.param([None], ["x"], [None, "x"], "", id="nothing and words"),
        pytest.param([DAY.date()], [DAY.replace(tzinfo=None)], None, "", id="days and times"),
        pytest.param([DAY], [DAY.replace(tzinfo=None)], None, "", id="with and without a zone"),
    ],
)
def test_files_that_disagree_about_a_column_are_made_to_agree(
    tmp_path, first, second, together, said
):
    written(pa.table({"x": first}), tmp_path / "a.parquet")
    written(pa.table({"x": second}), tmp_path / "b.parquet")
    assert said in " ".join(Table.at(str(tmp_path)).notes)
    found = read(tmp_path, ["x"])["x"]
    assert len(found) == len(first) + len(second)
    assert together is None or found == together


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        pytest.param([1], [DAY], r"the files disagree: int64 in .*a\.parquet and tim", id="time"),
        pytest.param([[1]], ["x"], "list<element: int64> is neither number, text", id="nested"),
    ],
)  # fmt: skip
def test_only_the_column_that_cannot_agree_is_left_out_and_the_advice_can_be_followed(
    tmp_path, first, second, why
):
    written(pa.table({"x": first, "n": [1]}), tmp_path / "a.parquet")
    written(pa.table({"x": second, "n": [2]}), tmp_path / "b.parquet")
    found = Table.at(str(tmp_path))
    assert read(tmp_path, ["n"]) == {"n": [1, 2]}
    with pytest.raises(UnusableColumn, match=f"'x' of .* cannot be read: {why}"):
        found.require(["x"])


def test_folders_called_as_a_value_are_a_column(tmp_path):
    for place in ("country=de/plan=7", "country=fr/plan=8", "country=__HIVE_DEFAULT_PARTITION__"):
        written(pa.table({"n": [1]}), tmp_path / place / "a.parquet")
    written(pa.table({"n": [1]}), tmp_path / "country=a%2Fb" / "b.csv")
    assert sorted(
        zip(*read(tmp_path, ["country", "plan"]).values(), strict=True), key=repr
    ) == [("a/b", None), ("de", 7), ("fr", 8), (None, None)]  # fmt: skip
    assert Table.at(str(tmp_path / "*" / "*" / "a.parquet")).rows == 2


def test_a_folder_may_be_called_as_a_file(tmp_path):
    """So does Spark write."""
    written(ROWS, tmp_path / "day.parquet" / "part-0.parquet")
    (tmp_path / "day.parquet" / "_SUCCESS").touch()
    for place in ("day.parquet", "*.parquet", ""):
        assert Table.at(str(tmp_path / place)).rows == 3


def test_files_that_may_hold_rows_and_are_not_read_are_said(tmp_path):
    written(ROWS, tmp_path / "a.parquet")
    for name in ("b.csv.zip", "c.xlsx", "README.md", ".d.json"):
        (tmp_path / name).touch()
    (note,) = Table.at(str(tmp_path)).notes
    assert note.endswith("not read, as they are neither Parquet nor CSV: b.csv.zip, c.xlsx")
    assert Table.at(f"file://{tmp_path}/a.parquet").rows == 3


def test_two_columns_of_one_name_cost_nobody_else(tmp_path):
    twice = pa.table([[1], [2], [3]], names=["a", "a", "b"])
    pq.write_table(twice, tmp_path / "a.parquet")
    for found in (Table.at(str(tmp_path)), Table.of(twice, side="reference")):
        assert (found.schema.names, found.left_out) == (["b"], {"a": "2 columns have this name"})
        assert [one.to_pydict() for one in found.read(["b"])] == [{"b": [3]}]
        with pytest.raises(UnusableColumn, match="2 columns have this name"):
            list(found.read(["a"]))


def test_an_unknown_column_gets_a_suggestion(tmp_path):
    table = Table.at(str(written(ROWS, tmp_path / "a.parquet")))
    with pytest.raises(UnknownColumn, match="Did you mean 'plan'"):
        list(table.read(["plam"]))
