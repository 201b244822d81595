"""Rows come out of Parquet and CSV alike, wherever they lie, and what cannot be read is named."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.integrations.files import (
    BATCH_ROWS,
    MixedTypes,
    NoFiles,
    Table,
    UnreadableTable,
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


def test_nothing_there_is_one_clear_error(tmp_path):
    for place in (tmp_path, tmp_path / "no.parquet", tmp_path / "*.csv"):
        with pytest.raises(NoFiles, match=r"no such file, and no folder or glob with \.parquet"):
            Table.at(str(place))


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


def test_files_that_disagree_about_a_column_are_both_named(tmp_path):
    written(pa.table({"x": [1]}), tmp_path / "a.parquet")
    written(pa.table({"x": ["one"]}), tmp_path / "b.parquet")
    with pytest.raises(MixedTypes, match=r"'x' is int64 in .*a\.parquet and string in .*b\."):
        Table.at(str(tmp_path))


def test_an_unknown_column_gets_a_suggestion(tmp_path):
    table = Table.at(str(written(ROWS, tmp_path / "a.parquet")))
    with pytest.raises(UnknownColumn, match="Did you mean 'plan'"):
        list(table.read(["plam"]))
