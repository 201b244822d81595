"""Silences: messages about incidents that match are held back for a while, and by whom."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from monitoring_dagster.errors import MonitoringError, did_you_mean

NAMES = ("model", "family", "kind", "severity", "owner")
_FORM = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*(.+)", re.DOTALL)


class NoMatcher(MonitoringError):
    """Words that were meant as a matcher of a silence, and are none."""

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(
            f"{text!r} is no matcher: write a name, one of = != =~ !~, and a value, such as"
            " model=credit or kind=~'.*_drift'"
        )

    @classmethod
    def name(cls, name: str) -> Self:
        return cls(f"no incident has a {name!r}. {did_you_mean(name, NAMES)}")

    @classmethod
    def pattern(cls, pattern: str) -> Self:
        return cls(f"{pattern!r} is no regular expression: write = for the text as it stands")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on an incident; a regular expression must match the whole value."""

    name: str
    operator: str
    value: str

    @classmethod
    def parsed(cls, text: str) -> Self:
        """What a person wrote. Raises NoMatcher.

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
        """Whether an incident with these *labels* fulfils it."""
        value = labels[self.name]
        if self.operator.endswith("~"):
            holds = re.fullmatch(self.value, value) is not None
        else:
            holds = self.value == value
        return holds is not self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Silence:
    """Matchers that must all hold, from when until when, and who asked for it."""

    number: int
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    by: str
    comment: str

    @property
    def words(self) -> str:
        """By whom, until when and why."""
        comment = f": {self.comment}" if self.comment else ""
        return f"silenced by {self.by} until {self.ends_at:%Y-%m-%d %H:%M} UTC{comment}"

    def holds(self, labels: Mapping[str, str], *, now: datetime) -> bool:
        """Whether it silences an incident with these *labels* now."""
        within = self.starts_at <= now < self.ends_at
        return within and all(matcher.matches(labels) for matcher in self.matchers)


def silence_of(
    silences: Sequence[Silence], signs: Sequence[Mapping[str, str]], *, now: datetime
) -> Silence | None:
    """The silence that holds an incident back *now*, None where none does.

    Parameters
    ----------
    signs
        The labels of each rule that the incident consists of: one that no silence matches speaks.

    Returns
    -------
    For each sign the silence that ends last, and of those the first to end.
    """
    longest = []
    for labels in signs:
        holding = [one for one in silences if one.holds(labels, now=now)]
        if not holding:
            return None
        longest.append(max(holding, key=lambda one: (one.ends_at, one.number)))
    return min(longest, key=lambda one: (one.ends_at, one.number), default=None)
