"""When a challenger is trained, and what it must show."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from monitoring_dagster.spec.record import Misplaced, Record, Reference

_DAYS = {"daily": 1, "weekly": 7, "monthly": 28, "quarterly": 89}  # of a cadence, at the shortest


def _until_next(written: Mapping[str, Any]) -> int | None:
    return _DAYS.get(written.get("cadence", "never"))


def _rest_days(written: Mapping[str, Any]) -> int:
    """Two weeks, or the cadence where that is shorter."""
    return min(14, _until_next(written) or 14)


def _cooldown_days(written: Mapping[str, Any]) -> int:
    """As `_rest_days`, and never so short that one holdout would judge two challengers."""
    holdout_days: int = written.get("holdout_days", 1)
    return max(_rest_days(written), holdout_days)


def _runs_in_30_days(written: Mapping[str, Any]) -> int:
    """Three, or as many as the cadence asks for."""
    return max(3, -(-30 // (_until_next(written) or 30)))


class Retraining(Record):
    """When a challenger is trained, and what it must show."""

    _moved: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            name: f"rules.alerts.performance_drop.{name}, which retraining follows"
            for name in ("breaches", "of_days")
        }
    )

    trainer: Reference = Field(description="module:function; see the README's ten minutes.")
    cadence: Literal["never", "daily", "weekly", "monthly", "quarterly"] = "never"
    train_days: int = Field(default=90, ge=1, description="Served days before the holdout.")
    holdout_days: int = Field(
        default_factory=_rest_days,
        ge=1,
        description="Last served days with mature labels, on which challenger and champion are"
        " compared; 14, or the cadence where that is shorter.",
    )
    min_labelled_rows: int = Field(default=2000, ge=1)
    max_invalid_share: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="Of the rows of the days to learn from: those of days in quarantine, and those"
        " with a value that cannot be right. Beyond it nothing is trained.",
    )
    cooldown_days: int = Field(
        default_factory=_cooldown_days,
        ge=0,
        description="14, or the cadence where that is shorter.",
    )
    max_runs_in_30_days: int = Field(
        default_factory=_runs_in_30_days, ge=1, description="3, or as many as the cadence needs."
    )
    promotion: Literal["automatic", "manual"] = "automatic"

    def _check(self) -> None:
        if self.cooldown_days < self.holdout_days:
            message = (
                f"cooldown_days {self.cooldown_days} is below holdout_days {self.holdout_days}:"
                " one holdout would judge two challengers"
            )
            raise Misplaced(message, "cooldown_days")
        period = _DAYS.get(self.cadence)
        if period is not None and self.cooldown_days > period:
            slower = next(
                (one for one, days in _DAYS.items() if days >= self.cooldown_days), "never"
            )
            message = (
                f"cadence {self.cadence} comes round within cooldown_days {self.cooldown_days}:"
                f" write cadence: {slower}, or holdout_days and cooldown_days of at most {period}"
            )
            raise Misplaced(message, "cadence")
        if (needed := _runs_in_30_days({"cadence": self.cadence})) > 3 and (
            self.max_runs_in_30_days < needed
        ):
            message = (
                f"max_runs_in_30_days {self.max_runs_in_30_days} is below the {needed} that cadence"
                f" {self.cadence} asks for: raise it, or write a slower cadence"
            )
            raise Misplaced(message, "max_runs_in_30_days")
