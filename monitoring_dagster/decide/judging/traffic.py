"""Traffic of a day: who was champion, and what share of the rows each version answered."""

from collections.abc import Mapping
from dataclasses import dataclass

from monitoring_dagster.kinds import Severity

FEWEST_ROWS = 30  # of a version that serves beside others, below which it gets no verdict
_MOST = 0.5  # of the traffic: as urgent as the champion


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who served on a day, and as what."""

    champion: str | None
    shares: Mapping[str, float]  # of the newest day's rows, by version

    def subject(self, what: str, version: str) -> str:
        """What a finding is about: the champion's series is the model's, any other is named."""
        return what if version == self.champion else f"{what} of version {version}"

    def names(self, subject: str, version: str) -> bool:
        """Whether *subject*, of a finding about something that each version has, means *version*.

        >>> traffic = Traffic("1", {"1": 0.5, "2": 0.5})
        >>> traffic.names(traffic.subject("log_loss", "2"), "2"), traffic.names("log_loss", "2")
        (True, False)
        """
        if version != self.champion:
            return subject.endswith(self.subject("", version))
        return not any(self.names(subject, one) for one in self.shares if one != version)

    def at_most(self, version: str) -> Severity:
        """How urgent a finding about *version* may be, by how many callers it answers.

        The champion's is what it is, and so is that of a version which answers half of the rows.
        Another one that serves wakes nobody up; one that serves no more is for the record.
        """
        share = self.shares.get(version, 0.0)
        if version == self.champion or share >= _MOST:
            return Severity.P0
        return Severity.P2 if share else Severity.P3

    def words(self, version: str) -> str:
        """The version's part in the day, for the end of a sentence; nothing of the champion."""
        if version == self.champion:
            return ""
        share = self.shares.get(version, 0.0)
        part = f"answers {share:.0%} of the rows" if share else "serves no more"
        return f"; version {version} {part}, champion is version {self.champion or '(unknown)'}"
