"""Rules of the owner's own, on any signal that the steps store."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import Field

from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.kinds import SeverityName
from monitoring_dagster.spec.record import Misplaced, Named, Public, Record, shown

AREAS: Mapping[str, str] = MappingProxyType(
    {
        "contract": "contract",
        "volume": "profile",
        "service": "profile",
        "version": "profile",
        "prediction": "profile",
        "drift": "drift",
        "multivariate": "multivariate",
        "estimate": "estimate",
        "labels": "outcomes",
        "attribution": "attribution",  # of the days up to it, as known when it was last computed
        "quality": "verdict",  # of the newest evaluated days, as known on the day that is judged
        "pooled": "verdict",  # the same over the days that a rule looks at, together
        "variation": "verdict",  # of quality between the days of a version's reference
        "skill": "verdict",  # of those days: the share of a constant's loss that a model saves
        "pooled_skill": "verdict",  # the same over the days that a rule looks at, together
        "reference_skill": "verdict",  # the same over the days of a version's reference
        "first_champion": "verdict",  # what the first champion promised
        "estimate_accuracy": "verdict",  # how right estimates were, where they expect a drop
        "label_feed": "verdict",  # what is wrong with labels, beside those of the days before
        "registration": "verdict",  # what the registry lacks of the versions that served
        "revision": "verdict",  # verdicts on quality that labels change which came after them
        "alerts": "verdict",  # how many messages there were, and what was done about incidents
        "outside": "verdict",  # numbers from elsewhere, `signals` in defs.yaml
    }
)  # the first part of a signal's name: the step that writes it


def step_of(name: str) -> str | None:
    """The step that writes the signal *name*; None where none does.

    >>> step_of("service.error_rate"), step_of("service"), step_of("weather.rain")
    ('profile', None, None)
    """
    area, dot, quantity = name.partition(".")
    return AREAS.get(area) if dot and quantity else None


class OwnRule(Record):
    """A limit for one signal; where the signal has an interval, all of it must lie beyond."""

    signal: Named = Field(
        description="area.quantity, such as service.error_rate; `monitoring-dagster model signals"
        " MODEL` lists them."
    )
    subject: Named | None = Field(
        default=None, description="Column, metric or stage; by default each by itself."
    )
    segment: Named | None = Field(
        default=None, description="One of `segments`: each of its values; by default all rows."
    )
    above: float | None = Field(default=None, description="It holds beyond this value, not on it.")
    below: float | None = Field(default=None, description="It holds beyond this value, not on it.")
    from_baseline: bool = Field(
        default=False, description="The limits are for the distance from the signal's baseline."
    )
    min_rows: int = Field(
        default=1, ge=1, description="Rows below which a day has no verdict by this rule."
    )
    breaches: int = Field(default=1, ge=1, description="Judged days beyond the limit ...")
    of_days: int = Field(default=1, ge=1, le=31, description="... of the last so many.")
    severity: SeverityName = "P2"
    first_step: Public = Field(default="", description="What to do first, for the message.")

    def _check(self) -> None:
        if step_of(self.signal) is None:
            area = self.signal.partition(".")[0]
            message = (
                f"{shown(self.signal)} is no signal: write area.quantity, such as"
                f" service.error_rate. {did_you_mean(area, list(AREAS))}"
            )
            raise Misplaced(message, "signal")
        if self.above is None and self.below is None:
            message = "give a limit: `above`, `below`, or both"
            raise Misplaced(message, "signal")
        if self.breaches > self.of_days:
            message = f"breaches {self.breaches} can never happen in of_days {self.of_days}"
            raise Misplaced(message, "breaches")
