"""Changes made on purpose, which may be behind what is found after them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum


class ChangeKind(StrEnum):
    """What was changed. The words are typed, and appear in messages."""

    DEPLOYMENT = "deployment"  # a version came to serve
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    FEATURES = "features"  # the code that computes them
    LIBRARIES = "libraries"
    CONFIG = "config"
    DATA = "data"  # a source, a backfill
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Change:
    """One of them: seen by monitoring, or noted by a person or a deployment script."""

    at: datetime  # aware UTC
    kind: ChangeKind
    words: str
    version: str = ""  # that came to serve with it
    by: str = ""  # who noted it

    @property
    def day(self) -> date:
        """The UTC day on which it was made."""
        return self.at.astimezone(UTC).date()

    @property
    def line(self) -> str:
        """One line for people.

        >>> at = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
        >>> Change(at, ChangeKind.LIBRARIES, "scikit-learn 1.9", by="ada").line
        '2026-03-02 14:05 libraries: scikit-learn 1.9 (by ada)'
        """
        by = f" (by {self.by})" if self.by else ""
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M} {self.kind}: {self.words}{by}"
