"""CSV as people write it: delimiter, encoding and header found out, columns typed by all values."""

import codecs
import io
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.written import MISSING, Style, Unread, numbers_in, text_array

_DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01")
_LOOSE = (" ", ":")  # may as well stand in a text
_SAMPLE_BYTES = 1 << 18
_BLOCK_BYTES = 1 << 23
_CODE = r"^[-+]?(0\d+|\d{19,})$"  # as a number it would lose digits
_SURE_DIGITS = 18  # that every 64-bit whole number of as many holds
_TIMES = (pa.timestamp("us"), pa.timestamp("us", "UTC"))
_FOREIGN = 0.2  # of the letters, from which on a text may be in another script
_ENCODINGS = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp932", "euc_jp", "gb18030",
    "big5", "euc_kr",
)  # fmt: skip
_MOST_SKIPPED = 20  # lines in front of a header
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BINARY = {
    b"PK\x03\x04": "an Excel workbook or a zip archive: save its sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save its sheet as CSV",
    b"ARROW1": "an Arrow file: write it as Parquet",
    b"FEA1": "a Feather file: write it as Parquet",
    b"ORC": "an ORC file: write it as Parquet",
    b"Obj\x01": "an Avro file: write it as Parquet",
    b"SQLite format 3": "an SQLite database: export the table",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "packed by gzip: let its name end in .gz",
    b"BZh": "packed by bzip2: let its name end in .bz2",
    b"\x28\xb5\x2f\xfd": "packed by zstd: let its name end in .zst",
    b"version https://git-lfs": "a pointer of Git LFS and no rows: run `git lfs pull`",
}
_JSON = (b"{", b"[")
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<table")
_EMPTY, _NO_TEXT = "empty", "no text, as it holds NUL bytes"
_A_PAGE = "a page of HTML or XML: save the table in it as CSV"
_NOT_JSON = "JSON: write it as Parquet or CSV"


class NotCsv(MonitoringError):
    """A file without the columns of a CSV."""

    @classmethod
    def but(cls, kind: str) -> Self:
        return cls(f"it is {kind}")

    @classmethod
    def without_header(cls, first: str) -> Self:
        return cls(
            f"its first line holds values and no column names ({first[:40]!r}):"
            " write the names into the first line"
        )

    @classmethod
    def one_column(cls, header: str, delimiter: str, error: str) -> Self:
        return cls(
            f"its header {header[:40]!r} has {_name(delimiter)} in it, and its lines cannot be"
            f" split by that: {error}"
        )

    @classmethod
    def split_by(cls, header: str, delimiter: str) -> Self:
        return cls(
            f"its header {header[:40]!r} and all its lines would be split by {_name(delimiter)},"
            " which is none of the delimiters that are looked for: write commas"
        )

    @classmethod
    def unclosed(cls, value: str) -> Self:
        return cls(
            "a quote is opened and never closed, so that one value holds the rest of its lines"
            f" ({value[:40]!r}): close it, or double it where it is meant"
        )


@dataclass(frozen=True, slots=True)
class _Dialect:
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str | bool = '"'
    escape: str | bool = False
    skip: int = 0
    blanks: bool = False  # behind each delimiter

    @property
    def notes(self) -> list[str]:
        said = []
        if self.encoding not in ("utf-8", "ascii"):
            said.append(f"taken for {self.encoding} text")
        if self.skip:
            lines = "line is" if self.skip == 1 else f"{self.skip} lines are"
            said.append(f"its first {lines} left out, before the header")
        return said


class CsvRows(NamedTuple):
    """A CSV in memory, and what was taken for granted about it."""

    table: pa.Table
    notes: list[str]
    unread: dict[str, Unread]  # by column of numbers: what it holds beside them


def read_csv(path: Path) -> CsvRows:
    """All rows of a CSV, whatever its delimiter, encoding, quotes and compression.

    A column's type is that of all its values: whole numbers, numbers, truth values, ISO times; all
    else is text, and so are codes with leading zeros and whole numbers of more than 18 digits,
    which no number holds exactly.

    Raises
    ------
    NotCsv, pyarrow.ArrowException, OSError
    """
    with pa.input_stream(str(path)) as stream:
        head = stream.read(_SAMPLE_BYTES)
    _refuse(head, path)
    encoding = _encoding(head, path)
    dialect, names = _dialect(head, encoding, is_whole=len(head) < _SAMPLE_BYTES)
    try:
        table = _parsed(pa.input_stream(str(path)), dialect, names)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):  # a header, and not even the end of its line
            return CsvRows(pa.table({name: pa.nulls(0) for name in names}), dialect.notes, {})
        if "UTF8" not in str(error) or encoding != "utf-8":
            raise
        with pa.input_stream(str(path)) as stream:  # the first odd letter lies further on
            dialect = replace(dialect, encoding=_guessed(stream.read()))
        table = _parsed(pa.input_stream(str(path)), dialect, names)
    if dialect.quote and (value := _last_with_lines(table)) and _odd_quotes(path, dialect):
        raise NotCsv.unclosed(value)
    columns: list[pa.ChunkedArray] = []
    kept, notes, unread = [], dialect.notes, {}
    for place, (name, column) in enumerate(zip(names, table.columns, strict=True)):
        typed, style, odd = _typed(column, trim=dialect.blanks)
        if not name and pa.types.is_null(typed.type):
            continue  # behind the last delimiter of each line
        own = (name.strip() if dialect.blanks else name) or f"Unnamed: {place}"
        if style.words:
            notes.append(f"column {own!r}: {style.words}")
        if odd.rows:
            unread[own] = odd
        columns.append(typed)
        kept.append(own)
    return CsvRows(pa.Table.from_arrays(columns, names=kept), notes, unread)


def _last_with_lines(table: pa.Table) -> str:
    """A value of the last row that runs over several lines; "" of none."""
    last = table.slice(max(table.num_rows - 1, 0)).to_pylist() if table.num_columns else []
    return next((one for row in last for one in row.values() if one and "\n" in one), "")


def _odd_quotes(path: Path, dialect: _Dialect) -> bool:
    found = 0
    with pa.input_stream(str(path)) as stream:
        while block := stream.read(_BLOCK_BYTES):
            found += block.count(str(dialect.quote).encode())
    return found % 2 == 1


def _refuse(head: bytes, path: Path) -> None:
    if not head.strip():
        raise NotCsv.but(_EMPTY)
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            raise NotCsv.but(kind)
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson") or head.lstrip()[:1] in _JSON:
        raise NotCsv.but(_NOT_JSON)
    if head.lstrip().lower().startswith(_MARKUP):
        raise NotCsv.but(_A_PAGE)


def _encoding(head: bytes, path: Path) -> str:
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    zeros = head.count(0)
    if zeros > len(head) // 4:  # every other byte of plain text
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    if zeros:
        raise NotCsv.but(_NO_TEXT)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return _guessed(head)
    return "utf-8"


def _guessed(data: bytes) -> str:
    """The encoding of text that is not UTF-8. With few letters beyond ASCII it is the Western one,
    always the same: two files of one feed must be read alike."""
    letters = [byte for byte in data[:_SAMPLE_BYTES] if byte > 64]
    if sum(byte > 127 for byte in letters) < _FOREIGN * len(letters):
        candidates = ["cp1252"]
    else:
        import charset_normalizer  # late: seldom needed

        found = charset_normalizer.from_bytes(data[:_SAMPLE_BYTES], cp_isolation=list(_ENCODINGS))
        best = found.best()
        candidates = [best.encoding, "cp1252"] if best else ["cp1252"]
    for name in candidates:
        with suppress(UnicodeDecodeError):
            data.decode(name)
            return name
    return "latin-1"  # which has a letter for every byte


def _dialect(head: bytes, encoding: str, *, is_whole: bool) -> tuple[_Dialect, list[str]]:
    """The delimiter that splits all lines of the sample into the most columns; their names."""
    text = codecs.getincrementaldecoder(encoding)().decode(head, is_whole).lstrip("\ufeff")
    if not is_whole and "\n" in text:
        text = text[: text.rfind("\n") + 1]
    sniffed, has_header = _sniffed(text)
    own = replace(sniffed, encoding=encoding)
    if text[:4].lower() == "sep=":  # as Excel says it
        sniffed = replace(sniffed, delimiter=text[4], skip=1)
        return replace(sniffed, encoding=encoding), _names(text, sniffed)
    found: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    for delimiter in dict.fromkeys([sniffed.delimiter, *_DELIMITERS]):
        try:
            found[delimiter] = _names(text, replace(sniffed, delimiter=delimiter, skip=0))
        except pa.ArrowInvalid as error:
            errors[delimiter] = str(error).partition("\n")[0]
    best = max(found, key=lambda one: len(found[one]), default=sniffed.delimiter)
    header = text.lstrip().partition("\n")[0].strip()
    if len(found.get(best, ())) < 2:
        if 0 < sniffed.skip <= _MOST_SKIPPED and sniffed.skip < text.count("\n") // 2:
            return own, _names(text, sniffed)
        for split in errors:
            if split in header or not found:
                raise NotCsv.one_column(header, split, errors[split])
        for loose in _LOOSE:
            if _splits_all(text, loose):
                raise NotCsv.split_by(header, loose)
    names = found[best]
    if _are_values(names, has_header=has_header):
        raise NotCsv.without_header(header)
    blanks = len(names) > 1 and all(name.startswith(" ") for name in names[1:])
    return replace(own, delimiter=best, skip=0, blanks=blanks), names


def _splits_all(text: str, delimiter: str) -> bool:
    """Whether all lines have as many parts, and some of them numbers."""
    lines = [
        [part for part in line.split(delimiter) if part]
        for line in text.splitlines()
        if line.strip()
    ]
    alike = len(lines) > 2 and len({len(line) for line in lines}) == 1
    if not alike or len(lines[0]) < 2:
        return False
    return any(numbers_in(text_array(tuple(line))).unread.rows < len(line) for line in lines[1:])


def _names(text: str, dialect: _Dialect) -> list[str]:
    whole = io.BytesIO(text.encode() if text.endswith("\n") else f"{text}\n".encode())
    names: list[str] = _parsed(whole, replace(dialect, encoding="utf-8")).column_names
    return names


def _sniffed(text: str) -> tuple[_Dialect, bool]:
    """What DuckDB makes of the sample: quotes, and lines in front of the header."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.csv"
        sample.write_text(text, encoding="utf-8", newline="")
        try:
            ((delimiter, quote, escape, skip, header),) = (
                duckdb.connect()
                .execute(
                    "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader"
                    " FROM sniff_csv(?, sample_size = -1)",
                    [str(sample)],
                )
                .fetchall()
            )
        except duckdb.Error:
            return _Dialect(), True
    is_none = (None, "", "(empty)", "\0")
    return _Dialect(
        delimiter=delimiter,
        quote='"' if quote in is_none else quote,
        escape=False if escape in is_none or escape == quote else escape,
        skip=skip,
    ), header


def _are_values(names: Sequence[str], *, has_header: bool) -> bool:
    """Whether a first line holds numbers where names are wanted; rising whole ones, such as years,
    may be names."""
    given = numbers_in(text_array(tuple(names))).values.to_pylist()
    known = [one for one in given if one is not None]
    rising = all(one < after for one, after in pairwise(known))
    if any(not one.is_integer() for one in known) or not rising:
        return True
    return not has_header and 0 < len(known) < len(given)


def _parsed(
    stream: "io.BytesIO | pa.NativeFile", dialect: _Dialect, names: Sequence[str] = ()
) -> pa.Table:
    """The columns, those of *names* as text."""
    from pyarrow import csv

    with stream:
        found: pa.Table = csv.read_csv(
            stream,
            read_options=csv.ReadOptions(
                encoding=dialect.encoding, skip_rows=dialect.skip, block_size=_BLOCK_BYTES
            ),
            parse_options=csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote,
                escape_char=dialect.escape,
                newlines_in_values=True,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
            ),
        )
    return found


def _typed(words: pa.ChunkedArray, *, trim: bool) -> tuple[pa.ChunkedArray, Style, Unread]:
    """A column in the type of all its values, how its numbers are written, and what is none."""
    if trim:
        words = pc.utf8_trim_whitespace(words)
    words = pc.if_else(pc.is_in(words, text_array(MISSING)), pa.nulls(1, words.type)[0], words)
    nothing = Style(), Unread()
    if words.null_count == len(words):
        return pa.chunked_array([pa.nulls(len(words))]), *nothing
    if _holds_codes(words):
        return words, *nothing
    for kind in (pa.int64(), pa.float64(), pa.bool_(), pa.date32(), *_TIMES):
        if kind == pa.bool_() and _any(pc.is_in(words, text_array(("0", "1")))):
            continue
        with suppress(pa.ArrowInvalid):
            return words.cast(kind), *nothing
    style = Style.of(words)
    if style is None:
        return words, *nothing
    read = numbers_in(words, style)
    values = read.values
    with suppress(pa.ArrowInvalid):
        values = values.cast(pa.int64())
    return pa.chunked_array([values]), style, read.unread


def _holds_codes(words: pa.ChunkedArray) -> bool:
    """Whether there are whole numbers that would lose digits as such."""
    maybe = pc.starts_with(words, "0")
    for sign in "-+":  # several times quicker than one expression
        maybe = pc.or_(maybe, pc.starts_with(words, f"{sign}0"))
    if pc.max(pc.binary_length(words)).as_py() <= _SURE_DIGITS:
        words = words.filter(maybe)
    return _any(pc.match_substring_regex(words, _CODE))


def _any(found: pa.ChunkedArray) -> bool:
    return bool(pc.any(found).as_py())


def _name(delimiter: str) -> str:
    named = {"\t": "a tab", " ": "blanks"}
    return named.get(delimiter) or f"a {delimiter!r}"
