"""Labels, predictions and scores as they are written: spellings, and values that say nothing."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.stats.columns.spelling import plain_number
from monitoring_dagster.stats.columns.written import MISSING, Style, numbers_in
from monitoring_dagster.stats.quality.labelled_rows import SPELLED, Task

MOST_INVALID = 0.05  # of the rows of a column; beyond, the column says something else

_PLUS = re.compile(r"^\+(?=\d)")  # in front: 4+3 is a class of its own
_NOTHING = frozenset(MISSING)
_A_HANDFUL = 5  # rows, of which one may be odd
_SHOWN, _SHOWN_CHARACTERS = 3, 40


@dataclass(frozen=True, slots=True)
class Written:
    """What a column holds: its distinct values as text, and the rows of each."""

    rows: Mapping[str, int]  # without missing values; of a column that is `measured` not all
    measured: bool = False  # far more numbers than there are classes

    @property
    def names(self) -> list[str]:
        """Values that say something."""
        return [name for name in self.rows if not is_nothing(name)]

    def share(self, names: Collection[str]) -> float:
        """The share of rows whose value is one of *names*."""
        return self._count(names) / max(self._count(self.names), 1)

    def _count(self, names: Collection[str]) -> int:
        return sum(self.rows[name] for name in names)

    def is_few(self, names: Collection[str]) -> bool:
        """Whether so few rows hold these that they cost no more than themselves."""
        return (self._count(names) <= 1 and self._count(self.names) >= _A_HANDFUL) or (
            self.share(names) <= MOST_INVALID
        )

    @property
    def numbers(self) -> list[float] | None:
        """The distinct numbers, where hardly a row holds anything else; None: words."""
        found = {name: number(name) for name in self.names}
        words = [name for name, one in found.items() if one is None]
        if words and (self.share(words) > MOST_INVALID or len(words) == len(found)):
            return None
        return sorted({one for one in found.values() if one is not None})


def are_spelled(names: Iterable[str]) -> bool:
    """Whether all are 0 and 1, or false and true."""
    return all(spelled(name).lower() in SPELLED for name in names)


def spelled(name: str) -> str:
    """A value without what its type added: `'2.0'` is `'2'`.

    >>> spelled(" 2.0 "), spelled("TRUE"), spelled("007")
    ('2', 'true', '007')
    """
    bare = plain_number(_PLUS.sub("", name.strip()))
    return bare.lower() if bare.lower() in {"true", "false"} else bare


def number(name: str) -> float | None:
    """The finite number that a text says; None for words."""
    try:
        value = float(name) if "_" not in name else float("nan")
    except ValueError:
        return None
    return value if value - value == 0 else None


def short(name: str) -> str:
    return repr(name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "...")


def examples(names: Iterable[str]) -> str:
    shown = sorted(names)
    more = ", ..." if len(shown) > _SHOWN else ""
    return ", ".join(map(short, shown[:_SHOWN])) + more


def is_nothing(name: str) -> bool:
    """Whether a text says that there is no value."""
    return name.strip() in _NOTHING


THRESHOLD = 0.5  # a score that predicts 1
SHOWN_IDS = 5
_LARGEST_PERCENT = 100
_LEAST_SCORES = 20


class NoProbability(MonitoringError):
    """A column of scores that holds something else."""

    @classmethod
    def among(cls, column: str, outside: int, rows: int, *, least: float, most: float) -> Self:
        cause = "does --score name another column"
        if least < 0:
            cause = f"are they log-odds or margins, or {cause}"
        elif most <= _LARGEST_PERCENT:
            cause = f"are they percent, or {cause}"
        return cls(
            f"the score, column {column!r}, holds {outside:,} of {rows:,} values outside 0 to 1"
            f" (from {least:.4g} to {most:.4g}): {cause}? Give probabilities"
        )


def refuse_most(column: str, outside: int, rows: int, *, least: float, most: float) -> None:
    """Raise NoProbability where more than one score, and one in twenty, is no probability."""
    if outside and (outside > max(1.0, MOST_INVALID * rows) or outside == rows):
        raise NoProbability.among(column, outside, rows, least=least, most=most)


def left_out(what: str, count: int, where: str, examples: Sequence[object]) -> str:
    """A warning: `scores that are no probability, such as 1.7: 1 left out (id 'r7')`."""
    shown = ", ".join(repr(one)[:40] for one in examples[:SHOWN_IDS])
    more = ", ..." if count > len(examples[:SHOWN_IDS]) else ""
    return f"{what}: {count:,} left out ({where} {shown}{more})"


def of_predicted_class(column: str, least: float, rows: int, *, is_both: bool) -> str:
    """What to say of binary scores that never fall below one half though *both* classes are
    predicted; "" where they do.
    """
    if not is_both or not least >= THRESHOLD or rows < _LEAST_SCORES:
        return ""
    return (
        f"no score of {column!r} is below {least:.3g}, and 0 and 1 are predicted: are scores the"
        " probability of the predicted class? Give that of class 1, or say --task multiclass"
    )


_SHOWN_LABELS = 20


class UnclearClasses(MonitoringError):
    """Labels and predictions that cannot be laid side by side."""

    @classmethod
    def without_positive(cls, names: Iterable[str]) -> Self:
        return cls(
            f"the label is {' or '.join(map(short, sorted(names)))}, and nothing shows which of"
            " them the score or prediction means: name it with --positive, or say --task multiclass"
        )

    @classmethod
    def of_the_predicted_class(cls, names: Iterable[str], lowest: float) -> Self:
        return cls(
            f"labels are {' and '.join(map(short, sorted(names)))}, both are predicted, and no"
            f" score is below {lowest:.3g}: if scores are of the predicted class, say --task"
            " multiclass; if they are of one class, name it with --positive"
        )

    @classmethod
    def without_prediction(cls, task: Task) -> Self:
        return cls(
            f"there is a score and no prediction, and the task is {task}: say what was predicted,"
            " and name its column with --prediction"
        )

    @classmethod
    def unknown_positive(cls, positive: str, names: Collection[str]) -> Self:
        shown = [repr(one[:_SHOWN_CHARACTERS])[1:-1] for one in list(names)[:_SHOWN_LABELS]]
        return cls(f"no label is {short(positive)}. {did_you_mean(positive, shown)}")

    @classmethod
    def not_binary(cls, role: str, value: str, share: float, known: Collection[str]) -> Self:
        way = "name the class that counts as 1 with --positive, or say --task multiclass"
        if role == "label":
            way += " (where it means that nobody knows: --ambiguous of evaluate)"
        elif (found := number(value)) is not None and 0 < found < 1:
            way = "where it is a probability, name its column with --score"
        return cls(
            f"{role} {short(value)} is none of {', '.join(map(short, sorted(known)))}"
            f" ({share:.1%} of the {role}s are none): {way}"
        )

    @classmethod
    def nothing_shared(cls, labels: Iterable[str], predictions: Iterable[str]) -> Self:
        return cls(
            f"no prediction is a label's name: labels are {examples(labels)}, predictions"
            f" {examples(predictions)}. Write both alike, or name other columns with --label and"
            " --prediction; of two classes, name with --positive which one counts as 1"
        )

    @classmethod
    def of_two_meanings(cls, labels: Iterable[str], predictions: Iterable[str]) -> Self:
        return cls(
            f"labels are {examples(labels)}, and predictions {examples(predictions)}: what is in"
            " both may mean two things. Write both alike"
        )

    @classmethod
    def shifted(cls, labels: Iterable[str], predictions: Iterable[str], by: float) -> Self:
        return cls(
            f"labels are {examples(labels)}, and predictions {examples(predictions)}, all"
            f" {abs(by):g} {'less' if by > 0 else 'more'}: are classes counted from another number"
            " there? Write both alike"
        )

    @classmethod
    def words_for_numbers(cls, role: str, names: Iterable[str]) -> Self:
        return cls(
            f"the task is a regression, and the {role}s are words, such as {examples(names)}:"
            f" name another column with --{role}, or say --task multiclass"
        )


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def unstyled(
    values: pa.ChunkedArray, *, column: str, notes: list[str], warnings: list[str]
) -> pa.ChunkedArray:
    """The numbers of text such as `1.234,50`, float64, null where there is none; what was taken
    for granted is noted, and what could not be read a warning.

    Plain numbers, words and other types stay as they are: their roles have rules of their own.
    """
    kind = values.type
    if not is_text(kind.value_type if pa.types.is_dictionary(kind) else kind):
        return values
    style = Style.of(values)
    if style is None or style.is_plain:
        return values
    found = numbers_in(values, style)
    if style.words:
        notes.append(f"{column!r}: {style.words}")
    if found.unread.rows:
        example = short(found.unread.examples[0])
        warnings.append(
            f"values of {column!r} that are no number, such as {example}: {found.unread.rows:,}"
        )
    return pa.chunked_array([found.values])
