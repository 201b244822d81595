"""Which columns of a table are watched, and as what: guessed from type, name and values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.values import is_numeric, is_time, is_words, plain
from monitoring_dagster.stats.written import Style

Kind: TypeAlias = Literal["numeric", "categorical"]

_WORDS_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_KEY = frozenset(["id", "ids", "uuid", "guid", "pk", "rowid", "rownum", "rownumber", "unnamed"])
_MAYBE_KEY = frozenset(
    ["index", "idx", "key", "hash", "serial", "seq", "sequence", "row", "nr", "no"]
)
_TIME = frozenset(
    ["time", "timestamp", "ts", "date", "datetime", "day", "epoch", "created", "updated", "at"]
)
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DATE = (
    r"^(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})"
    r"|\d{4}-?W\d{1,2}(-\d)?"
    rf"|(\d{{1,2}}[ -])?{_MONTH}[ -](\d{{1,2}},? )?\d{{4}}"
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


_RUNNING = "a running number: it only ever grows"
_TOO_LARGE = "whole numbers beyond 2^53, which floats do not tell apart"
_CALLED_A_KEY = "an identifier: its name says so, and it has nearly as many values as rows"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken for, and why; `kind` None: it is left out."""

    kind: Kind | None
    why: str
    unseen: bool = False  # left out although it may tell something: worth a warning


def guessed(
    sample: pa.Table,
    *,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    ignore: Collection[str] = (),
    step: int = 1,
) -> dict[str, Guess]:
    """The kind of every column of *sample*; what the caller says overrules what is seen.

    Parameters
    ----------
    step
        Every how manieth row the sample holds.

    Raises
    ------
    UnknownColumn
        The caller names a column that is not there.
    """
    said: Mapping[str, Guess] = {
        **dict.fromkeys(categorical, Guess("categorical", "as you said")),
        **dict.fromkeys(numeric, Guess("numeric", "as you said")),
        **dict.fromkeys(ignore, Guess(None, "as you said")),
    }
    for name in said:
        if name not in sample.column_names:
            raise UnknownColumn.named(name, table="the reference", available=sample.column_names)
    found = {
        name: said.get(name) or _guess(name, sample[name], step) for name in sample.column_names
    }
    if all(one.kind is None for one in found.values()):
        return {  # of several columns a running number tells nothing; as the only one it is meant
            name: Guess("numeric", "numbers") if one.why == _RUNNING and name not in said else one
            for name, one in found.items()
        }
    return found


def _guess(name: str, values: pa.ChunkedArray, step: int) -> Guess:
    arrow_type = values.type
    if pa.types.is_boolean(arrow_type):
        return Guess("categorical", "true or false")
    if values.null_count == len(values):
        kind: Kind = "numeric" if is_numeric(arrow_type) else "categorical"
        return Guess(None if is_time(arrow_type) else kind, "without any value")
    if is_time(arrow_type):
        return Guess(None, f"points in time ({arrow_type})")
    if is_words(arrow_type):
        return _guess_words(name, values, step)
    return _guess_numbers(name, values, step)


def _guess_words(name: str, values: pa.ChunkedArray, step: int) -> Guess:
    names = pc.unique(values.cast(pa.string())).drop_null()
    if isinstance(names, pa.ChunkedArray):
        names = names.combine_chunks()
    matches = pc.match_substring_regex(pc.utf8_trim_whitespace(names), _DATE, ignore_case=True)
    if len(names) and pc.mean(matches).as_py() >= _MIN_TIMES:
        return Guess(None, "points in time, as text")
    known = len(values) - values.null_count
    if _is_key(name, different=len(names), known=known):
        return Guess(None, _CALLED_A_KEY)
    style = Style.of(names)
    if style is not None:
        whole = not pc.any(pc.match_substring_regex(names, r"[.,eE]")).as_py()
        if whole and len(names) <= _FEW_CODES:
            return Guess("categorical", "codes")
        read = values.cast(pa.string())
        if whole and _runs(_whole(read), step):
            return Guess(None, _RUNNING)
        return Guess("numeric", ", ".join(["numbers as text", *filter(None, [style.words])]))
    if known >= _FEW_ROWS and len(names) == known:
        return Guess(None, "an identifier: every value is another")
    return Guess("categorical", "words")


def _whole(words: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return words.cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.chunked_array([pa.nulls(0, pa.int64())])


def _guess_numbers(name: str, values: pa.ChunkedArray, step: int) -> Guess:
    known = len(values) - values.null_count
    if pa.types.is_integer(values.type):
        different = pc.count_distinct(values).as_py()
        if _is_key(name, different=different, known=known):
            return Guess(None, _CALLED_A_KEY)
        if different == known and _runs(values, step):
            return Guess(None, _RUNNING)
        bounds = pc.min_max(values).as_py()
        if max(abs(bounds["min"]), abs(bounds["max"])) > _MOST_EXACT:
            as_floats = pc.count_distinct(values.cast(pa.float64(), safe=False)).as_py()
            if as_floats < different:
                if different <= _MOST_LEVELS:
                    return Guess("categorical", "whole numbers beyond 2^53: each one for itself")
                return Guess(None, _TOO_LARGE, unseen=True)
    if _is_called(name, _TIME) and _are_times(values):
        return Guess(None, "points in time, as numbers")
    return Guess("numeric", "numbers")


def _is_key(name: str, *, different: int, known: int) -> bool:
    """Whether a column is called an identifier, and has the values of one."""
    if known < _FEW_ROWS:
        return False
    if _is_called(name, _KEY):
        return different * _ROWS_PER_KEY > known
    return different == known and _is_called(name, _MAYBE_KEY)


def _is_called(name: str, words: Collection[str]) -> bool:
    """Whether the last word of a name, or the only one, is one of these; or the first one is "id".

    >>> [_is_called(name, _KEY) for name in ("PassengerId", "user_id", "paid", "Unnamed: 0")]
    [True, True, False, True]
    """
    parts = [part.lower() for part in _WORDS_OF_NAME.findall(name)]
    while len(parts) > 1 and parts[-1].isdigit():
        parts.pop()
    if not parts:
        return False
    return parts[-1] in words or "".join(parts) in words or ("id" in words and parts[0] == "id")


def _runs(values: pa.ChunkedArray, step: int) -> bool:
    """Whether whole numbers only ever grow, by little."""
    if values.null_count or len(values) < _FEW_ROWS:
        return False
    gaps = np.diff(plain(values))
    return bool((gaps > 0).all() and gaps.mean() <= _MOST_GAPS * step)


def _are_times(values: pa.ChunkedArray) -> bool:
    """Whether numbers are days such as 20260131, or seconds (milli-, micro-, nano-) since 1970."""
    bounds = pc.min_max(values).as_py()
    low, high = float(bounds["min"]), float(bounds["max"])
    if _DATES_AS_NUMBERS[0] <= low <= high <= _DATES_AS_NUMBERS[1]:
        return True
    return any(
        _EPOCH_S[0] * unit <= low <= high <= _EPOCH_S[1] * unit for unit in (1, 1e3, 1e6, 1e9)
    )
