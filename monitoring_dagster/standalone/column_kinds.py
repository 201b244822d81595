"""Kinds of a table's columns, guessed from type, name and values."""

import re
from collections.abc import Collection, Mapping
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.stats.columns.values import is_numeric, is_time, is_words, plain
from monitoring_dagster.stats.columns.written import Style, numbers_in
from monitoring_dagster.store.references.reference import ColumnKind, Kind

_WORDS_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_KEY = frozenset(["id", "ids", "uuid", "guid", "pk", "rowid", "rownum", "rownumber", "unnamed"])
_MAYBE_KEY = frozenset(
    ["index", "idx", "key", "hash", "serial", "seq", "sequence", "row", "nr", "no", "number"]
)
_KEY_IN_ONE = re.compile(r"[a-z]{4,}id")  # userid; shorter ones are words, as valid is
_TIME = frozenset(
    [
        *(
            "time",
            "timestamp",
            "ts",
            "date",
            "datetime",
            "day",
            "epoch",
            "created",
            "updated",
            "at",
        ),
        *("month", "yearmonth", "yyyymm", "yyyymmdd", "week", "yearweek", "period"),
    ]
)
_UNITS = frozenset(["s", "sec", "ms", "millis", "us", "micros", "ns", "nanos", "utc", "gmt"])
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = (
    r"^(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})"
    r"|\d{4}-?W\d{1,2}(-\d)?"
    rf"|(\d{{1,2}}[ -])?{_MONTH}[ -](\d{{1,2}},? )?(\d{{4}}|\d{{2}})"
    r"|\d{4}[- ]?Q[1-4]|Q[1-4][- ]\d{4}"
    rf"|[a-z]{{3,9}},? \d{{1,2}} {_MONTH} \d{{4}})"
    r"([T ,]+\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[ap]m)?( ?(z|utc|gmt|[-+]\d\d:?(\d\d)?))?)?$"
)
_MIN_TIMES = 0.9  # of the values written, for a column of text to hold points in time
_FEW_ROWS = 100  # below, names that differ in every row may still be categories
_FEW_CODES = 20  # different whole numbers, written as text, that are codes
_MOST_GAPS = 10  # a running number misses at most so many for each that is there
_ROWS_PER_KEY = 5  # below, what is called an identifier is one
_MOST_EXACT = 2**53  # beyond, a float does not tell whole numbers apart
_MOST_LEVELS = 1_000
_EPOCH_S = 631_152_000, 4_102_444_800  # 1990 to 2100
_DATES_AS_NUMBERS = 19_000_101, 21_001_231
_MONTHS_AS_NUMBERS = 190_001, 210_053  # and weeks
_MEASURED = r"^[-+(]*([A-Z]{3}\s?)?\d+[.,]\d+\s?[^\d.,]{0,5}$"  # 1.50 kg, USD 1.50, (1.50)


_RUNNING = "a running number: it only ever grows, or falls"
_TOO_LARGE = "whole numbers beyond 2^53, which floats do not tell apart"
_WITH_UNITS = "numbers with something around them, as text: send the numbers alone"
_CALLED_A_KEY = "an identifier: its name says so, and it has nearly as many values as rows"


class NotNumeric(MonitoringError):
    """A column is called numeric, and holds no numbers."""

    @classmethod
    def but(cls, column: str, arrived: object) -> Self:
        return cls(
            f"column {column!r} of the reference is to be numeric, and holds {arrived} without any"
            " number: send numbers, or call it categorical"
        )

    @classmethod
    def and_categorical(cls, column: str) -> Self:
        return cls(f"column {column!r} is called both numeric and categorical: choose one")


def guessed(
    sample: pa.Table,
    *,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    ignore: Collection[str] = (),
    durations: Collection[str] = (),
    step: int = 1,
) -> dict[str, ColumnKind]:
    """The kind of every column of *sample*; what the caller says overrules what is seen.

    Parameters
    ----------
    durations
        Columns that were durations or times of day, and are seconds here.
    step
        Every how manieth row the sample holds.

    Raises
    ------
    UnknownColumn
        The caller names a column that is not there.
    """
    given: Mapping[str, ColumnKind] = {
        **dict.fromkeys(durations, ColumnKind("numeric", "seconds")),
        **dict.fromkeys(categorical, ColumnKind("categorical", "as you said")),
        **dict.fromkeys(numeric, ColumnKind("numeric", "as you said")),
        **dict.fromkeys(ignore, ColumnKind(None, "as you said")),
    }
    for name in given:
        if name not in sample.column_names:
            raise UnknownColumn.named(name, table="the reference", available=sample.column_names)
    found = {
        name: given.get(name) or _guess(name, sample[name], step) for name in sample.column_names
    }
    if all(one.kind is None for one in found.values()):
        return {  # of several columns a running number tells nothing; as the only one it is meant
            name: ColumnKind("numeric", "numbers")
            if one.why == _RUNNING and name not in given
            else one
            for name, one in found.items()
        }
    return found


def _guess(name: str, values: pa.ChunkedArray, step: int) -> ColumnKind:
    arrow_type = values.type
    if pa.types.is_boolean(arrow_type):
        return ColumnKind("categorical", "true or false")
    if values.null_count == len(values):
        kind: Kind = "numeric" if is_numeric(arrow_type) else "categorical"
        return ColumnKind(None if is_time(arrow_type) else kind, "without any value")
    if is_time(arrow_type):
        return ColumnKind(None, f"points in time ({arrow_type})")
    if is_words(arrow_type):
        return _guess_words(name, values, step)
    return _guess_numbers(name, values, step)


def _guess_words(name: str, values: pa.ChunkedArray, step: int) -> ColumnKind:
    names = pc.unique(values.cast(pa.string())).drop_null()
    if isinstance(names, pa.ChunkedArray):
        names = names.combine_chunks()
    matches = pc.match_substring_regex(pc.utf8_trim_whitespace(names), _DATE, ignore_case=True)
    if len(names) and pc.mean(matches).as_py() >= _MIN_TIMES:
        return ColumnKind(None, "points in time, as text")
    known = len(values) - values.null_count
    if _is_key(name, different=len(names), known=known):
        return ColumnKind(None, _CALLED_A_KEY)
    style = Style.of(names)
    if style is not None:
        as_whole = _whole(values.cast(pa.string()))
        if _is_called(name, _TIME) and _are_times(as_whole):
            return ColumnKind(None, "points in time, as numbers")
        whole = not pc.any(pc.match_substring_regex(names, r"[.,eE]")).as_py()
        if whole and len(names) <= _FEW_CODES:
            return ColumnKind("categorical", "codes")
        if whole and _runs(as_whole, step):
            return ColumnKind(None, _RUNNING)
        return ColumnKind("numeric", ", ".join(["numbers as text", *filter(None, [style.words])]))
    if known >= _FEW_ROWS and len(names) == known:
        if pc.mean(pc.match_substring_regex(names, _MEASURED)).as_py() >= _MIN_TIMES:
            return ColumnKind(None, _WITH_UNITS, unseen=True)
        return ColumnKind(None, "an identifier: every value is another")
    return ColumnKind("categorical", "words")


def _whole(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text, floats and decimals that hold nothing but whole numbers as such; else no value."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.chunked_array([pa.nulls(0, pa.int64())])


def _guess_numbers(name: str, values: pa.ChunkedArray, step: int) -> ColumnKind:
    if not pa.types.is_integer(values.type):  # where some are missing, or of a database
        whole = _whole(values)
        values = whole if whole.null_count < len(whole) else values
    known = len(values) - values.null_count
    if pa.types.is_integer(values.type):
        different = pc.count_distinct(values).as_py()
        if _is_key(name, different=different, known=known):
            return ColumnKind(None, _CALLED_A_KEY)
        if different == known and _runs(values, step):
            return ColumnKind(None, _RUNNING)
        bounds = pc.min_max(values).as_py()
        if max(abs(bounds["min"]), abs(bounds["max"])) > _MOST_EXACT:
            as_floats = pc.count_distinct(values.cast(pa.float64(), safe=False)).as_py()
            if as_floats < different:
                if different <= _MOST_LEVELS:
                    return ColumnKind(
                        "categorical", "whole numbers beyond 2^53: each one for itself"
                    )
                return ColumnKind(None, _TOO_LARGE, unseen=True)
    if _is_called(name, _TIME) and _are_times(values):
        return ColumnKind(None, "points in time, as numbers")
    return ColumnKind("numeric", "numbers")


def _is_key(name: str, *, different: int, known: int) -> bool:
    """Whether a column is called an identifier, and has the values of one."""
    if known < _FEW_ROWS:
        return False
    if _is_called(name, _KEY):
        return different * _ROWS_PER_KEY > known
    words = [word.lower() for word in _WORDS_OF_NAME.findall(name)]
    says_so = "id" in words or (len(words) == 1 and _KEY_IN_ONE.fullmatch(words[0]))
    return different == known and bool(says_so or _is_called(name, _MAYBE_KEY))


def _is_called(name: str, words: Collection[str]) -> bool:
    """Whether the last word of a name, or the only one, is one of these; or the first one is "id".

    >>> [_is_called(name, _KEY) for name in ("PassengerId", "user_id", "paid", "Unnamed: 0")]
    [True, True, False, True]
    """
    parts = [part.lower() for part in _WORDS_OF_NAME.findall(name)]
    while len(parts) > 1 and (parts[-1].isdigit() or parts[-1] in _UNITS):
        parts.pop()
    if not parts:
        return False
    return parts[-1] in words or "".join(parts) in words or ("id" in words and parts[0] == "id")


def _runs(values: pa.ChunkedArray, step: int) -> bool:
    """Whether whole numbers only ever grow, or only ever fall, by little."""
    if values.null_count or len(values) < _FEW_ROWS:
        return False
    gaps = np.diff(plain(values))
    is_one_way = (gaps > 0).all() or (gaps < 0).all()
    return bool(is_one_way and abs(gaps.mean()) <= _MOST_GAPS * step)


def _are_times(values: pa.ChunkedArray) -> bool:
    """Whether numbers are days such as 20260131, months or weeks such as 202601, or seconds
    (milli-, micro-, nano-) since 1970.
    """
    bounds = pc.min_max(values).as_py()
    if bounds["min"] is None:
        return False
    low, high = float(bounds["min"]), float(bounds["max"])
    if _DATES_AS_NUMBERS[0] <= low <= high <= _DATES_AS_NUMBERS[1]:
        return True
    if _MONTHS_AS_NUMBERS[0] <= low <= high <= _MONTHS_AS_NUMBERS[1]:
        parts = plain(pc.unique(values).drop_null()) % 100
        return bool(((parts >= 1) & (parts <= 53)).all())
    return any(
        _EPOCH_S[0] * unit <= low <= high <= _EPOCH_S[1] * unit for unit in (1, 1e3, 1e6, 1e9)
    )


def require_numbers(
    sample: pa.Table, numeric: Collection[str], categorical: Collection[str]
) -> None:
    """Raise NotNumeric where what is called numeric holds words or points in time."""
    for name in numeric:
        arrow_type, values = sample.schema.field(name).type, sample[name]
        if name in categorical:
            raise NotNumeric.and_categorical(name)
        is_text = is_words(arrow_type) and values.null_count < len(values)
        if is_time(arrow_type) or (
            is_text and _is_empty(numbers_in(values, Style.of(values)).values)
        ):
            raise NotNumeric.but(name, arrow_type)


def _is_empty(values: pa.Array) -> bool:
    return bool(values.null_count == len(values))
