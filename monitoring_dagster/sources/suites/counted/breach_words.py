"""Words for what an expectation wants and what was found instead; values of rows are escaped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring_dagster.sources.suites.arguments import as_number

_SHOWN_CHARACTERS = 40
_LISTED = 5
_LARGEST_PLAIN = 1e15
_SINGULAR = {"are not": "is not", "are": "is", "do not": "does not", "do": "does"}


@dataclass(frozen=True, slots=True)
class Limits:
    """From where to where something may lie; None: no limit."""

    low: Any = None
    high: Any = None
    above: bool = False  # and not at *low* itself
    below: bool = False

    def hold(self, value: Any) -> bool:
        return (self.low is None or (value > self.low if self.above else value >= self.low)) and (
            self.high is None or (value < self.high if self.below else value <= self.high)
        )

    def __str__(self) -> str:
        low, high = written(self.low), written(self.high)
        if self.low is None and self.high is None:
            return "anything"
        if self.low is not None and self.high is not None and not (self.above or self.below):
            return low if self.low == self.high else f"between {low} and {high}"
        words = []
        if self.low is not None:
            words.append(f"{'above' if self.above else 'at least'} {low}")
        if self.high is not None:
            words.append(f"{'below' if self.below else 'at most'} {high}")
        return " and ".join(words)


ANYTHING = Limits()


def written(value: object) -> str:
    """A constant of the suite, or a measured number.

    >>> written(1234567.0), written(0.25), written("DE"), written(True)
    ('1,234,567', '0.25', "'DE'", 'True')
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return quoted(str(value)) if isinstance(value, str) else str(value)
    if abs(value) < _LARGEST_PLAIN and value == int(value):
        return f"{int(value):,}"
    return f"{value:,.6g}"


def limit(value: object) -> object:
    """A limit as it is written: a number, also one in quotes, or a time."""
    number = as_number(value)
    return number if number is not None else value


def quoted(text: str) -> str:
    """*text* cut, and without what a terminal would obey."""
    return repr(text[:_SHOWN_CHARACTERS]) + ("..." if len(text) > _SHOWN_CHARACTERS else "")


def listed(values: Sequence[object]) -> str:
    """The first few of *values*.

    >>> listed(["a", "b"]), listed([*range(9)])
    ("'a', 'b'", '0, 1, 2, 3, 4 and 4 more')
    """
    words = ", ".join(map(written, values[:_LISTED]))
    more = len(values) - _LISTED
    return f"{words} and {more:,} more" if more > 0 else words


def percent(share: float) -> str:
    """A share of which a reader sees that it is neither nothing nor all.

    >>> percent(0.251), percent(1.0), percent(0.00001), percent(0.99999)
    ('25.1 %', '100 %', 'less than 0.1 %', 'more than 99.9 %')
    """
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    if 0.9995 <= share < 1:
        return "more than 99.9 %"
    return f"{share * 100:.1f} %".replace(".0 %", " %")


def unexpected_words(unexpected: int, judged: int, noun: str, fault: str) -> str:
    """How many do not meet it.

    >>> unexpected_words(1204, 1_000_000, "values", "are not")
    '1,204 of 1,000,000 values are not (0.1 %)'
    """
    verb = _SINGULAR[fault] if unexpected == 1 else fault
    return f"{unexpected:,} of {judged:,} {noun} {verb} ({percent(unexpected / judged)})"


def example_words(examples: Iterable[Sequence[object]]) -> str:
    """Each example is one value, or those of one row together."""
    words = [" and ".join(map(_example, one)) for one in examples]
    return f", for example {', '.join(words)}" if words else ""


def _example(value: object) -> str:
    if value is None:
        return "nothing"
    return quoted(value) if isinstance(value, str) else written(value)
