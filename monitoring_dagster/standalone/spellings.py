"""Distinct values of a column of labels or predictions, as they are written."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from monitoring_dagster.stats.columns.written import MISSING
from monitoring_dagster.stats.quality.labelled_rows import SPELLED

MOST_INVALID = 0.05  # of the rows of a column; beyond, the column says something else

_WHOLE = re.compile(r"([+-]?(?:0|[1-9]\d*))\.0+")
_SIGNED = re.compile(r"-0|\+(?:0|[1-9]\d*)")
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
    bare = name.strip()
    if whole := _WHOLE.fullmatch(bare):
        bare = whole[1]
    if _SIGNED.fullmatch(bare):  # the zero of floats has a sign, and +1 is 1
        bare = bare[1:]
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
