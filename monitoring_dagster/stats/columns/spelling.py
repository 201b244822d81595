"""Other spellings of the same category: 1, 1.0 and 1.00; true, t and 1."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]*")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]*)?")
_TRUTH = {"true": "true", "t": "true", "1": "true", "false": "false", "f": "false", "0": "false"}
_FAMILIES = (
    {"true", "false"},
    {"t", "f"},
    {"1", "0"},
    {"yes", "no"},  # of no other family: a yes need not mean true
    {"y", "n"},
    {"on", "off"},
)


def plain_number(name: str) -> str:
    """The *name* without zeros at the end of its decimals; what is no such number as it is.

    >>> [plain_number(name) for name in ("1.50", "1.00", "-0", "007", "1e3", "v1.0")]
    ['1.5', '1', '0', '007', '1e3', 'v1.0']
    """
    if "." in name and _DECIMAL.fullmatch(name):
        name = name.rstrip("0").rstrip(".")
    return "0" if name == "-0" else name


@dataclass(frozen=True)
class Spellings:
    """Which levels of a column other spellings are taken for.

    Those that are numbers; and all levels of a column that has none but true and false, whichever
    way it writes them. What two levels have in common is taken for neither.

    >>> known = Spellings.of(["true", "false"])
    >>> [known.place(name) for name in ("True", "F", "0.0", "yes", "2")]
    [0, 1, 1, None, None]
    """

    places: Mapping[str, int]
    truth: bool  # whether the levels are true and false

    @classmethod
    def of(cls, levels: Sequence[str]) -> Self:
        folded = {plain_number(level).casefold() for level in levels}
        truth = bool(folded) and any(folded <= family for family in _FAMILIES)
        found: dict[str, list[int]] = {}
        for place, level in enumerate(levels):
            if truth or _NUMBER.fullmatch(level):
                found.setdefault(_spelling(level, truth=truth), []).append(place)
        return cls({name: at[0] for name, at in found.items() if len(at) == 1}, truth)

    def but(self, ambiguous: Iterable[str]) -> Self:
        """The same without some spellings."""
        left_out = set(ambiguous)
        return type(self)(
            {name: at for name, at in self.places.items() if name not in left_out}, self.truth
        )

    def place(self, name: str) -> int | None:
        """Where among the levels the value stands that *name* spells."""
        return self.places.get(_spelling(name, truth=self.truth))


def _spelling(name: str, *, truth: bool) -> str:
    plain = plain_number(name)
    if not truth:
        return plain
    folded = plain.casefold()
    return _TRUTH.get(folded, folded)
