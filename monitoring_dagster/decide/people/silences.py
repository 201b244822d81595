"""Silences: messages about incidents that match are held back for a while, and by whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring_dagster.spec.matchers import Matcher


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
