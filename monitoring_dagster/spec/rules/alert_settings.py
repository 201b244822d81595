"""Alerts: whether a rule of the catalogue speaks, how urgently, and after how many days."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pydantic import Field

from monitoring_dagster.kinds import FindingKind, SeverityName
from monitoring_dagster.spec.record import Misplaced, Record


class Window(NamedTuple):
    """On how many of how many judged days a rule must be broken before it speaks."""

    breaches: int
    of_days: int


WINDOWS: Mapping[FindingKind, Window] = MappingProxyType(
    dict.fromkeys(
        (
            FindingKind.PREDICTION_DRIFT,
            FindingKind.FEATURE_DRIFT,
            FindingKind.EXPECTED_DROP,
            FindingKind.PERFORMANCE_DROP,
            FindingKind.SEGMENT_DROP,
            FindingKind.MISCALIBRATION,
        ),
        Window(3, 5),
    )
)  # every other rule looks at one day, one week or a window of its own
CONTROLLED = frozenset(
    {
        FindingKind.EXPECTED_DROP,
        FindingKind.PERFORMANCE_DROP,
        FindingKind.SEGMENT_DROP,
        FindingKind.MISCALIBRATION,
    }
)  # the rules that hold quality against its normal variation
CONTROL_LIMIT = 3.5  # standard errors; `tests/stats/series/test_control_chart.py`: what it promises
ALERTS = tuple(
    kind
    for kind in FindingKind
    # What happened is announced, and an own rule is written down with all that it may be.
    if kind not in (FindingKind.RETRAINING, FindingKind.FAILED_RUN, FindingKind.OWN_RULE)
)


class Alert(Record):
    """What becomes of one rule; what is not written is as the catalogue has it."""

    enabled: bool = Field(default=True, description="false: it finds nothing.")
    severity: SeverityName | None = Field(
        default=None,
        description="Of its findings; one that is for the record only (P3) for a reason of its own"
        " stays so: another version's, an unreliable estimate's, drift without a consequence.",
    )
    breaches: int | None = Field(
        default=None, ge=1, description="Judged days on which it must be broken ..."
    )
    of_days: int | None = Field(default=None, ge=1, description="... of the last so many.")
    control_limit: float | None = Field(
        default=None,
        gt=0,
        le=20,
        description="Standard errors of normal variation that quality must be beyond, by default"
        f" {CONTROL_LIMIT:g}: a lower one finds sooner, and errs more often.",
    )

    def check(self, kind: FindingKind) -> None:
        """Raise Misplaced where the rule *kind* has no window, or an impossible one; or nothing
        that a control limit would be of."""
        if kind not in CONTROLLED and self.control_limit is not None:
            charted = ", ".join(sorted(CONTROLLED))
            message = f"{kind} knows no normal variation; control_limit is for {charted}"
            raise Misplaced(message, "control_limit")
        written = [name for name in ("breaches", "of_days") if getattr(self, name) is not None]
        if kind not in WINDOWS and written:
            windowed = ", ".join(WINDOWS)
            message = f"{kind} looks at one day or week at a time; {written[0]} is for {windowed}"
            raise Misplaced(message, written[0])
        if kind in WINDOWS:
            window = self.window(kind)
            if window.breaches > window.of_days:
                message = f"breaches {window.breaches} can never happen in of_days {window.of_days}"
                raise Misplaced(message, written[0])

    def window(self, kind: FindingKind) -> Window:
        """How many of how many days; the default where nothing is written."""
        usual = WINDOWS[kind]
        return Window(self.breaches or usual.breaches, self.of_days or usual.of_days)
