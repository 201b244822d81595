"""Numbers as people write them: text that holds numbers, its style, and what stands for nothing."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Words: TypeAlias = pa.Array | pa.ChunkedArray

MISSING = (  # in any column
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "\\N",
)  # fmt: skip
_NO_NUMBER = (  # among numbers, in lower case; among words these may be categories
    "", "#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "null", "nan", "+nan", "-nan", "none",
    "\\n", "-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan", "?", "-", "--", "---", ".", "..", "...",
    "*", "n.a.", "n.d.", "nil", "(null)", "missing", "unknown", "undefined", "not available",
    "not applicable", "#div/0!", "#value!", "#ref!", "#name?", "#num!",
)  # fmt: skip
_FEW = 500  # values that show what a column holds
MIN_NUMBERS = 0.9  # of the values written in a column, for it to hold numbers

_PLAIN = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
_INFINITE = r"^[-+]?inf(inity)?$"
_SIGNS = "\\s\u00a0\u202f€$£¥%"
_GROUPED = {
    ".": "^[-+]?(\\d{1,3}([,'\u2019 \u00a0\u202f]\\d{3})+|\\d+)(\\.\\d*)?$",
    ",": "^[-+]?(\\d{1,3}([.'\u2019 \u00a0\u202f]\\d{3})+|\\d+)(,\\d*)?$",
}
_UNSURE = r"^[-+]?\d{1,3}[.,]\d{3}$"  # a thousand, or one with three decimals


@dataclass(frozen=True, slots=True)
class Style:
    """How the numbers of a column are written."""

    decimal: Literal[".", ","] = "."
    is_plain: bool = True  # no groups of digits, no currency, no percent
    percent: bool = False
    unsure: bool = False  # "1,234" alone does not show what its comma means

    @classmethod
    def of(cls, words: Words) -> Self | None:
        """The style in which at least nine in ten of the written values are numbers; None for words
        and for codes with leading zeros.

        >>> Style.of(pa.array(["1.234,50", "7,25", "n/a"]))
        Style(decimal=',', is_plain=False, percent=False, unsure=False)
        >>> Style.of(pa.array(["01234", "98765"])) is None
        True
        """
        dense = _dense(words)
        ends = pa.concat_arrays([dense.slice(0, _FEW), dense.slice(max(len(dense) - _FEW, 0))])
        if len(dense) > 2 * _FEW and cls._hardly_any(ends):
            return None  # nearly all columns of words end here
        given = _trimmed(dense)
        given = given.filter(_is_written(given))
        if not len(given) or pc.any(pc.match_substring_regex(given, r"^[-+]?0\d")).as_py():
            return None
        plain = _share(given, f"{_PLAIN}|{_INFINITE}")
        if plain == 1.0:
            return cls()
        bare = _bare(given)
        shares = {
            ".": _share(bare, f"{_GROUPED['.']}|{_PLAIN}"),
            ",": _share(bare, _GROUPED[","]),
        }
        best: Literal[".", ","] = "," if shares[","] > shares["."] else "."
        if plain >= MIN_NUMBERS and plain >= shares[best]:
            return cls()
        if shares[best] < MIN_NUMBERS:
            return None
        return cls(
            best,
            is_plain=False,
            percent=_share(given, "%$") >= 0.5,
            unsure=shares[","] == shares["."] and pc.any(
                pc.match_substring_regex(bare, _UNSURE)
            ).as_py(),
        )  # fmt: skip

    @staticmethod
    def _hardly_any(words: pa.Array) -> bool:
        """Whether not even half of these hold digits."""
        given = _trimmed(words)
        given = given.filter(_is_written(given))
        return len(given) > 0 and _share(given, rf"\d|{_INFINITE}") < 0.5

    @property
    def words(self) -> str:
        """What was taken for granted; "" for plain numbers."""
        if self.is_plain:
            return ""
        said = ["',' is taken for the decimal mark"] if self.decimal == "," else []
        if self.unsure:
            said = ["',' is taken for a mark of thousands: '1,234' is 1234"]
        return ", ".join(said + (["percent signs are dropped"] if self.percent else []))


class Unread(NamedTuple):
    """Values that are written where numbers are wanted, and are none; hostile until escaped."""

    rows: int = 0
    examples: tuple[str, ...] = ()  # at most three

    def and_then(self, more: "Unread") -> "Unread":
        """Those of further rows, too."""
        examples = dict.fromkeys([*self.examples, *more.examples])
        return Unread(self.rows + more.rows, tuple(examples)[:3])


class Numbers(NamedTuple):
    """What a column of text says as numbers."""

    values: pa.Array  # float64, null where there is none
    unread: Unread


def numbers_in(words: Words, style: Style | None = None) -> Numbers:
    """The numbers that stand in *words*; by default plain ones.

    >>> numbers_in(pa.array(["1.5", "?", "two", None])).values.to_pylist()
    [1.5, None, None, None]
    >>> numbers_in(pa.array(["1.5", "?", "two", None])).unread
    Unread(rows=1, examples=('two',))
    """
    if isinstance(words, pa.ChunkedArray):
        words = words.combine_chunks()
    if pa.types.is_dictionary(words.type):
        of_names = numbers_in(words.dictionary, style)
        bad = pc.and_(words.dictionary.is_valid(), of_names.values.is_null())
        bad = pc.and_(bad, _is_written(_trimmed(words.dictionary)))
        unread = pc.sum(bad.take(words.indices)).as_py() or 0
        examples = of_names.unread.examples if unread else ()
        return Numbers(of_names.values.take(words.indices), Unread(unread, examples))
    given = _trimmed(words)
    style = style or Style()
    read = given if style.is_plain else _unmarked(_bare(given), style.decimal)
    # A sign in front is not for Arrow, and neither is infinity in words.
    read = pc.replace_substring_regex(read, r"^\+", "")
    fits = pc.match_substring_regex(read, f"{_PLAIN}|{_INFINITE}", ignore_case=True)
    values = pc.if_else(fits, read, pa.nulls(1, read.type)[0]).cast(pa.float64())
    bad = pc.and_(pc.and_(given.is_valid(), values.is_null()), _is_written(given))
    unread = pc.sum(bad).as_py() or 0
    examples = pc.unique(words.filter(bad)).slice(0, 3).to_pylist() if unread else ()
    return Numbers(values, Unread(unread, tuple(examples)))


def _dense(words: Words) -> pa.Array:
    if isinstance(words, pa.ChunkedArray):
        words = words.combine_chunks()
    return words.dictionary_decode() if pa.types.is_dictionary(words.type) else words


def _trimmed(words: pa.Array) -> pa.Array:
    """Without blanks around; a minus as typewriters have it."""
    return pc.replace_substring(pc.utf8_trim_whitespace(words), "\u2212", "-")


def _is_written(trimmed: pa.Array) -> pa.Array:
    """Whether a value is there that ought to be a number."""
    nothing = text_array(_NO_NUMBER, trimmed.type)
    return pc.and_(trimmed.is_valid(), pc.invert(pc.is_in(pc.utf8_lower(trimmed), nothing)))


@lru_cache(maxsize=16)
def text_array(words: tuple[str, ...], arrow_type: pa.DataType | None = None) -> pa.Array:
    """As `pa.array` of them, which would import pandas."""
    encoded = [one.encode() for one in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(words), buffers).cast(arrow_type or pa.string())


def _bare(trimmed: pa.Array) -> pa.Array:
    """Without currency and percent signs around the number."""
    return pc.replace_substring_regex(trimmed, f"^([-+]?)[{_SIGNS}]+|[{_SIGNS}]+$", "\\1")


def _unmarked(bare: pa.Array, decimal: str) -> pa.Array:
    fits = pc.match_substring_regex(bare, _GROUPED[decimal])
    groups = "[,'\u2019 \u00a0\u202f]" if decimal == "." else "[.'\u2019 \u00a0\u202f]"
    plain = pc.replace_substring_regex(bare, groups, "")
    if decimal == ",":
        plain = pc.replace_substring(plain, ",", ".")
    if decimal == ".":
        fits = pc.or_(fits, pc.match_substring_regex(bare, _PLAIN))
    return pc.if_else(fits, plain, pa.nulls(1, plain.type)[0])


def _share(words: pa.Array, pattern: str) -> float:
    found = pc.match_substring_regex(words, pattern, ignore_case=True)
    return float(pc.mean(found).as_py() or 0.0)
