"""What a step says about one day: numbers to plot, verdicts, a table and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

Row = Mapping[str, str | int | float | bool | None]


class Tone(StrEnum):
    """How a failing check should look: ERROR is acted upon, WARN is looked at."""

    ERROR = "ERROR"
    WARN = "WARN"


@dataclass(frozen=True, slots=True)
class Check:
    """One question about one day, answered in words."""

    passed: bool | None  # None: no verdict, since nothing could be judged
    words: str
    tone: Tone = Tone.ERROR

    @classmethod
    def no_verdict(cls, reason: str) -> Self:
        """Neither passed nor failed: *reason* says what was missing."""
        return cls(passed=None, words=f"No verdict: {reason}")


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step found on one day."""

    numbers: Mapping[str, int | float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    table: Sequence[Row] = ()
    picture: str | None = None  # SVG
