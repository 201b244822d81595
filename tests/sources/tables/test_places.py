"""Data files are found wherever writers leave them, and what only looks like one is not."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.sources.tables.places import (
    DataFile,
    LoggedTable,
    NoFiles,
    files_at,
    is_whole_number,
    others_at,
    parquet_at,
)


def put(path: Path, content: bytes = b"a\n1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names_at(root: Path, place: str = "") -> list[str]:
    return [one.path.relative_to(root).as_posix() for one in files_at(str(root / place))]


@pytest.mark.parametrize(
    "name",
    ["a.parquet", "a.pq", "a.csv", "a.tsv", "A.CSV", "a.csv.gz", "a.tsv.bz2", "a.csv.zst",
     "a.csv.lz4", "a.csv.br", "a.PARQUET"],
)  # fmt: skip
def test_a_folder_gives_what_its_suffix_calls_rows(tmp_path, name):
    put(tmp_path / name)
    assert names_at(tmp_path) == [name]


@pytest.mark.parametrize(
    "name",
    ["a.txt", "a.json", "a.csv.zip", "a.gz", "a.csv.txt", "csv", "a.parquet.crc", "notes", ".csv"],
)
def test_a_folder_of_other_things_holds_no_rows(tmp_path, name):
    put(tmp_path / name)
    with pytest.raises(NoFiles):
        files_at(str(tmp_path))


def test_a_file_is_taken_at_its_users_word_whatever_its_name(tmp_path):
    for name in ("rows", "_hidden.csv", ".x", "a.txt"):
        file = put(tmp_path / name)
        assert files_at(str(file)) == [DataFile(file)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"PAR1...", ["000000_0"], id="four letters that say Parquet"),
        pytest.param(b"PAR", [], id="three of them"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"a,b\n", [], id="text"),
    ],
)
def test_a_file_without_a_suffix_is_parquet_where_it_begins_so(tmp_path, content, found):
    put(tmp_path / "000000_0", content)
    put(tmp_path / "a.csv")
    assert names_at(tmp_path) == [*found, "a.csv"]


def test_files_come_by_name_and_once_however_a_glob_meets_them(tmp_path):
    for name in ("c.csv", "a/b.csv", "a/b/a.csv", "B.csv"):
        put(tmp_path / name)
    every = ["B.csv", "a/b/a.csv", "a/b.csv", "c.csv"]
    assert names_at(tmp_path) == every
    assert names_at(tmp_path, "**") == every
    assert names_at(tmp_path, "*.csv") == ["B.csv", "c.csv"]


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        pytest.param("k=a", {"k": "a"}, id="a value"),
        pytest.param("k=1/l=2", {"k": "1", "l": "2"}, id="two values"),
        pytest.param("k=", {"k": ""}, id="an empty value"),
        pytest.param("k=a=b", {"k": "a=b"}, id="a sign in the value"),
        pytest.param("a%3Db=c%2Fd", {"a=b": "c/d"}, id="signs that are escaped"),
        pytest.param("k=__HIVE_DEFAULT_PARTITION__", {"k": None}, id="no value"),
        pytest.param("_k=a", {"_k": "a"}, id="a name that begins as what is hidden"),
        pytest.param("k='; DROP TABLE x; --", {"k": "'; DROP TABLE x; --"}, id="SQL"),
        pytest.param("plain", {}, id="a folder that says nothing"),
        pytest.param("=a", {}, id="a value of no name"),
    ],
)
def test_folders_below_the_place_say_what_their_files_lack(tmp_path, folders, says):
    put(tmp_path / "outer=x" / folders / "a=b.csv")
    (found,) = files_at(str(tmp_path / "outer=x"))
    assert found.partitions == says
    (found,) = files_at(str(tmp_path / "*" / "**" / "*.csv"))
    assert found.partitions == {"outer": "x"} | says


def test_a_name_with_the_signs_of_a_glob_is_a_name_where_it_is_there(tmp_path):
    put(tmp_path / "a[1].csv")
    put(tmp_path / "a1.csv")
    assert names_at(tmp_path, "a[1].csv") == ["a[1].csv"]
    put(tmp_path / "st*r" / "x.csv")
    put(tmp_path / "star" / "y.csv")
    assert names_at(tmp_path, "st*r") == ["st*r/x.csv"]


def test_a_link_to_a_file_is_a_file_and_one_to_nothing_is_none(tmp_path):
    put(tmp_path / "rows.bin")
    (tmp_path / "a.csv").symlink_to(tmp_path / "rows.bin")
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.bin")
    assert names_at(tmp_path) == ["a.csv"]


def test_a_url_of_a_file_is_unescaped(tmp_path):
    file = put(tmp_path / "a b" / "ü.csv")
    assert files_at(file.as_uri()) == [DataFile(file)]


@pytest.mark.parametrize("place", ["s3://bucket/a.parquet", "https://x.org/a.csv", "abfs+x://a"])
def test_rows_elsewhere_are_refused_in_words(place):
    with pytest.raises(NoFiles) as told:
        files_at(place)
    assert str(told.value) == f"{place}: only files of this machine are read: copy it here first"


def test_nothing_there_is_told_with_what_would_be_read(tmp_path):
    for place in (tmp_path, tmp_path / "no.parquet", tmp_path / "*.csv"):
        with pytest.raises(NoFiles) as told:
            files_at(str(place))
        assert str(told.value) == (
            f"{place}: no such file, and no folder or glob with .parquet, .pq, .csv in it"
        )


def test_a_folder_called_metadata_is_no_iceberg_without_its_files(tmp_path):
    put(tmp_path / "metadata" / "columns.csv")
    assert names_at(tmp_path) == ["metadata/columns.csv"]


def test_the_log_of_a_table_deep_below_is_seen(tmp_path):
    put(tmp_path / "a.csv")
    put(tmp_path / "tables" / "t" / "_delta_log" / "0.json")
    with pytest.raises(LoggedTable) as told:
        files_at(str(tmp_path))
    assert str(told.value).startswith(f"{tmp_path / 'tables' / 't'} is a Delta table: its log says")


@pytest.mark.parametrize(
    ("name", "is_named"),
    [
        ("b.csv.zip", True), ("c.XLSX", True), ("deep/d.jsonl", True), ("README.md", False),
        ("a.csv", False), (".e.json", False), ("_tmp/f.json", False), ("k=1/g.json", True),
    ],
)  # fmt: skip
def test_files_that_may_hold_rows_and_are_not_read_are_named(tmp_path, name, is_named):
    put(tmp_path / name)
    assert others_at(str(tmp_path)) == ([Path(name).name] if is_named else [])
    assert others_at(str(tmp_path / name)) == []


def test_a_folder_called_as_a_packed_file_is_no_file(tmp_path):
    (tmp_path / "a.zip").mkdir()
    assert others_at(str(tmp_path)) == []


class TestDay:
    def test_that_never_came_has_no_files(self, tmp_path):
        assert parquet_at(tmp_path / "2026-03-01.parquet") == []

    def test_that_is_a_file_is_read_whatever_its_name(self, tmp_path):
        file = put(tmp_path / "2026-03-01")
        assert parquet_at(file) == [DataFile(file)]

    def test_that_is_a_folder_has_its_parquet_files_alone(self, tmp_path):
        pq.write_table(pa.table({"x": [1]}), tmp_path / "part-0.pq")
        put(tmp_path / "rows.csv")
        put(tmp_path / "000001_0", b"PAR1")
        found = [one.path.name for one in parquet_at(tmp_path)]
        assert found == ["000001_0", "part-0.pq"]

    def test_that_is_an_empty_folder_has_none(self, tmp_path):
        assert parquet_at(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        ("0", True), ("7", True), ("-7", True), ("10", True),
        pytest.param("9" * 18, True, id="as many digits as 64 bits hold in any case"),
        pytest.param("9" * 19, False, id="one digit more"),
        pytest.param("-" + "9" * 18, True, id="as many below zero"),
        pytest.param("-" + "9" * 19, False, id="one more below zero"),
        pytest.param("007", False, id="a code"),
        pytest.param("-0", False, id="zero below zero"),
        pytest.param("--7", False, id="two signs"),
        pytest.param("+7", False, id="a plus"),
        pytest.param("1.0", False, id="a fraction"),
        pytest.param("", False, id="nothing"),
        pytest.param("-", False, id="a sign alone"),
        pytest.param("٣", False, id="a digit of another script"),
        pytest.param(" 7", False, id="a blank"),
        pytest.param("1_000", False, id="as Python writes thousands"),
    ],
)  # fmt: skip
def test_a_whole_number_is_one_that_is_written_as_such(text, is_whole):
    assert is_whole_number(text) is is_whole


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_every_whole_number_of_18_digits_is_one(number):
    assert is_whole_number(str(number))
    assert not is_whole_number(f"0{number}")


@pytest.mark.parametrize(
    "hidden",
    [".ipynb_checkpoints/a.csv", "_temporary/a.parquet", ".a.parquet", "_a.csv", "__MACOSX/a.csv"],
)
def test_what_writers_hide_is_not_read(tmp_path, hidden):
    put(tmp_path / "a.parquet")
    put(tmp_path / hidden)
    for place in ("", "**"):
        assert names_at(tmp_path, place) == ["a.parquet"]


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ("_delta_log/0.json", "Delta"),
        ("metadata/v1.metadata.json", "Iceberg"),
        (".hoodie/hoodie.properties", "Hudi"),
    ],
)
def test_a_table_with_a_log_of_its_own_is_refused(tmp_path, log, kind):
    put(tmp_path / "a.parquet")
    put(tmp_path / log)
    with pytest.raises(LoggedTable, match=f"is a {kind} table"):
        files_at(str(tmp_path))
