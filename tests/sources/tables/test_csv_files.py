"""CSV is read as it was meant, or refused in one sentence: never as a column called `a;b`."""

import bz2
import gzip
from datetime import date, datetime

import pyarrow as pa
import pytest

from monitoring_dagster.sources.tables.csv_files import NotCsv, read_csv
from monitoring_dagster.sources.tables.files import Table, UnreadableTable
from monitoring_dagster.stats.columns.written import Unread


def rows_of(tmp_path, content, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path)


@pytest.mark.parametrize(
    ("content", "first"),
    [
        pytest.param("a;b\n1,5;2\n7,25;3\n", {"a": 1.5, "b": 2}, id="semicolons, decimal comma"),
        pytest.param("a\tb\n1\tx\n2\ty\n", {"a": 1, "b": "x"}, id="tabs"),
        pytest.param("a|b\n1|x\n2|y\n", {"a": 1, "b": "x"}, id="bars"),
        pytest.param("a~b\n1~x\n2~y\n", {"a": 1, "b": "x"}, id="tildes"),
        pytest.param("a\x01b\n1\x01x\n2\x01y\n", {"a": 1, "b": "x"}, id="as Hive writes"),
        pytest.param("a;b\n1\u2019234,5;2\n7\u2019250,0;3\n", {"a": 1234.5, "b": 2}, id="Swiss"),
        pytest.param(
            "first name\nAnna Maria\nJean Paul\n", {"first name": "Anna Maria"}, id="blanks"
        ),
        pytest.param(
            "start at\n2026-01-01 12:00\n2026-01-02 12:00\n",
            {"start at": datetime.fromisoformat("2026-01-01 12:00")},
            id="times",
        ),
        pytest.param("sep=;\na;b\n1;2\n", {"a": 1, "b": 2}, id="Excel's first line"),
        pytest.param("# by us\n# twice\na,b\n1,2\n3,4\n5,6\n", {"a": 1, "b": 2}, id="comments"),
        pytest.param("May\n\na,b\n1,2\n3,4\n5,6\n", {"a": 1, "b": 2}, id="a title"),
        pytest.param("text;n\nhello, you, all;1\n", {"text": "hello, you, all", "n": 1}, id="text"),
        pytest.param("name\nSmith, J\nDoe; J\n", {"name": "Smith, J"}, id="free text alone"),
        pytest.param("a, b\n1, x\n2, y\n", {"a": 1, "b": "x"}, id="blanks behind commas"),
        pytest.param("a,b\n'x, y',2\n'z, z',2\n", {"a": "x, y", "b": 2}, id="single quotes"),
        pytest.param('a,b\n"he ""said""",2\n', {"a": 'he "said"', "b": 2}, id="quotes in quotes"),
        pytest.param('a,b\n"x\ny",2\n', {"a": "x\ny", "b": 2}, id="a line in quotes"),
        pytest.param("a,b,\n1,2,\n3,4,\n", {"a": 1, "b": 2}, id="a comma at each end"),
        pytest.param("a,b\r\n1,2\r\n", {"a": 1, "b": 2}, id="lines as Windows ends them"),
        pytest.param("\ufeffa,b\n1,2\n", {"a": 1, "b": 2}, id="a byte order mark"),
        pytest.param(",a\n0,x\n1,y\n", {"Unnamed: 0": 0, "a": "x"}, id="the index of pandas"),
        pytest.param("0,1\n1.5,2\n", {"0": 1.5, "1": 2}, id="columns called 0 and 1"),
        pytest.param("2024,2025\n1,2\n", {"2024": 1, "2025": 2}, id="columns called as years"),
        pytest.param("zip,x\n01234,1\n98765,2\n", {"zip": "01234", "x": 1}, id="leading zeros"),
        pytest.param("i\n17900000000000000001\n2\n", {"i": "17900000000000000001"}, id="long ids"),
        pytest.param("a,b\nTrue,2026-01-31\n", {"a": True, "b": date(2026, 1, 31)}, id="dates"),
        pytest.param("a\nNA\n?\n1\n" + "2\n" * 9, {"a": None}, id="missing among numbers"),
        pytest.param("a,b\nx,NULL\ny,1\n", {"a": "x", "b": None}, id="NULL"),
        pytest.param("a,b\n?,1\nnone,1\n", {"a": "?", "b": 1}, id="words that say nothing stay"),
        pytest.param("a,b", {}, id="a header alone"),
    ],
)
def test_a_csv_is_read_as_it_was_meant(tmp_path, content, first):
    found = rows_of(tmp_path, content).table
    assert (found.slice(0, 1).to_pylist() or [{}])[0] == first


WORDS = "c,x\n" + "ü,1\ny,1\n" * 50
CYRILLIC = "город,x\n" + "Москва,1\nНовосибирск,2\n" * 50  # noqa: RUF001


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (WORDS, "utf-8", []),
        (WORDS, "cp1252", ["taken for cp1252 text"]),
        (WORDS, "latin-1", ["taken for cp1252 text"]),
        (WORDS, "utf-16", ["taken for utf-16 text"]),
        (WORDS, "utf-16-le", ["taken for utf-16-le text"]),
        (CYRILLIC, "cp1251", ["taken for cp1251 text"]),
        ("都市,x\n" + "東京,1\n大阪市の天気,1\n" * 50, "shift_jis", ["taken for cp932 text"]),
    ],
)
def test_the_encoding_is_found_out_and_said(tmp_path, text, encoding, said):
    found = rows_of(tmp_path, text.encode(encoding))
    assert found.notes == said
    assert found.table.column(0)[0].as_py() == text.splitlines()[1].partition(",")[0]


def test_an_odd_letter_far_down_is_read_too(tmp_path):
    found = rows_of(tmp_path, b"c,x\n" + b"y,1\n" * 100_000 + "ü,1\n".encode("cp1252"))
    assert found.table["c"][-1].as_py() == "ü"


@pytest.mark.parametrize(
    ("pack", "name"), [(gzip.compress, "a.csv.gz"), (bz2.compress, "a.csv.bz2")]
)
def test_a_packed_file_is_unpacked(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(b"a;b\n1;2\n"))
    assert Table.at(str(tmp_path)).schema.names == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"\n\n", "empty", id="blank lines"),
        pytest.param(b"1.5,2\n2.5,3\n", "values and no column names", id="no header"),
        pytest.param(b"5.1,3,setosa\n4.9,3,x\n", "values and no column", id="no header, words"),
        pytest.param(b"a,b\n1,2\n1,2,3\n", "Expected 2 columns, got 3", id="a longer line"),
        pytest.param(b"amount, net\n1.5\n", "Expected 2 columns, got 1", id="a comma in a name"),
        pytest.param(b"PK\x03\x04abc", "Excel workbook", id="xlsx"),
        pytest.param(b'{"a": 1}\n{"a": 2}\n', "JSON", id="JSON lines"),
        pytest.param(b"a,b\n1,\x00\n", "NUL bytes", id="no text"),
        pytest.param(b"a b\n1 x\n2 y\n", "split by blanks", id="blanks"),
        pytest.param(b"a:b\n1:x\n2:y\n", "split by a ':'", id="colons"),
        pytest.param(b'a,b\n1,"x\n2,y\n3,z\n', "never closed", id="an open quote"),
        pytest.param(b"<!DOCTYPE html>\n<p>404</p>\n", "HTML", id="an error page"),
        pytest.param(b"version https://git-lfs.x\noid 1\n", "git lfs pull", id="Git LFS"),
        pytest.param(b"\x1f\x8b\x08\x00abc", "end in .gz", id="packed, by another name"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_one_sentence(tmp_path, content, words):
    with pytest.raises((NotCsv, pa.ArrowInvalid), match=words):
        rows_of(tmp_path, content)
    with pytest.raises(UnreadableTable, match=f"cannot read .*a.csv: .*{words}"):
        Table.at(str(tmp_path / "a.csv"))


def test_a_type_is_that_of_all_values_and_the_odd_ones_are_counted(tmp_path):
    found = rows_of(tmp_path, "a,b\n" + "1,2\n" * 300_000 + "two,2\n")
    assert found.table.schema.field("a").type == pa.int64()
    assert found.unread == {"a": Unread(1, ("two",))}


def test_names_may_stand_twice(tmp_path):
    assert rows_of(tmp_path, "a,a,b\n1,2,3\n").table.column_names == ["a", "a", "b"]
    found = Table.at(str(tmp_path / "a.csv"))
    assert (found.schema.names, found.left_out) == (["b"], {"a": "2 columns have this name"})
