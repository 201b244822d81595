"""When a challenger is trained, and what it must show."""

from typing import Literal

from pydantic import Field

from monitoring_dagster.spec.record import Misplaced, Record, Reference


class Retraining(Record):
    """When a challenger is trained, and what it must show."""

    trainer: Reference = Field(description="module:function; see the README's ten minutes.")
    cadence: Literal["never", "daily", "weekly", "monthly", "quarterly"] = "never"
    breaches: int = Field(default=3, ge=1, description="Evaluated days worse than tolerated ...")
    of_days: int = Field(default=5, ge=1, description="... of the last so many.")
    train_days: int = Field(default=90, ge=1, description="Served days before the holdout.")
    holdout_days: int = Field(
        default=14,
        ge=1,
        description="Last served days with mature labels, on which challenger and champion are"
        " compared.",
    )
    min_labelled_rows: int = Field(default=2000, ge=1)
    cooldown_days: int = Field(default=14, ge=0)
    max_runs_in_30_days: int = Field(default=3, ge=1)
    promotion: Literal["automatic", "manual"] = "automatic"

    def _check(self) -> None:
        if self.breaches > self.of_days:
            message = f"breaches {self.breaches} can never happen in of_days {self.of_days}"
            raise Misplaced(message, "breaches")
        if self.cooldown_days < self.holdout_days:
            message = (
                f"cooldown_days {self.cooldown_days} is below holdout_days {self.holdout_days}:"
                " one holdout would judge two challengers"
            )
            raise Misplaced(message, "cooldown_days")
