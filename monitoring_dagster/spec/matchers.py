"""Matchers: conditions on what a message is about, the same for routes and for silences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.kinds import Family, FindingKind, Severity

NAMES = ("model", "family", "kind", "severity", "owner", "segment")
_VALUES = MappingProxyType(
    {
        "family": tuple(map(str, Family)),
        "kind": tuple(map(str, FindingKind)),
        "severity": tuple(map(str, Severity)),
    }
)  # of names that have no other
_FORM = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*(.+)", re.DOTALL)


class NoMatcher(MonitoringError):
    """Words that were meant as a matcher, and are none."""

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(
            f"{text!r} is no matcher: write a name, one of = != =~ !~, and a value, such as"
            " model=credit or kind=~'.*_drift'"
        )

    @classmethod
    def name(cls, name: str) -> Self:
        return cls(f"no message has a {name!r}. {did_you_mean(name, NAMES)}")

    @classmethod
    def value(cls, name: str, value: str) -> Self:
        known = _VALUES[name]
        return cls(f"there is no {name} {value!r}. {did_you_mean(value, known)}")

    @classmethod
    def pattern(cls, pattern: str) -> Self:
        return cls(f"{pattern!r} is no regular expression: write = for the text as it stands")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition; a regular expression must match the whole value."""

    name: str
    operator: str
    value: str

    @classmethod
    def written(cls, text: str) -> Self:
        """What a person writes now: a value that no message can have is a slip. Raises NoMatcher.

        >>> str(Matcher.written("severity =~ P0|P1"))
        'severity=~P0|P1'
        """
        found = cls.parsed(text)
        known = _VALUES.get(found.name, ())
        if known and not any(found._fits(one) for one in known):
            raise NoMatcher.value(found.name, found.value)
        return found

    @classmethod
    def parsed(cls, text: str) -> Self:
        """What was written once, though its value may have been renamed. Raises NoMatcher.

        >>> Matcher.parsed("kind=~.*_drift").matches({"kind": "feature_drift"})
        True
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise NoMatcher.of(text)
        name, operator, value = found.groups()
        if name not in NAMES:
            raise NoMatcher.name(name)
        if operator.endswith("~"):
            try:
                re.compile(value)
            except re.error:
                raise NoMatcher.pattern(value) from None
        return cls(name, operator, value)

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.value}"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a message with these *labels* fulfils it."""
        return self._fits(labels[self.name]) is not self.operator.startswith("!")

    def _fits(self, value: str) -> bool:
        if self.operator.endswith("~"):
            return re.fullmatch(self.value, value) is not None
        return self.value == value
