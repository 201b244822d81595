"""What is there to say, and to see, of signals that went before losses?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from math import isfinite
from typing import Any

import numpy as np

from monitoring_dagster.errors import escaped
from monitoring_dagster.report.pictures import Pair, page, pairs
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.series.lead_times import LeadingIndicator


@dataclass(frozen=True, slots=True)
class Loss:
    """Days in a row on which the metric was further from its promise than is tolerated."""

    first: date
    last: date
    labelled_on: date  # when labels enough of the first day had come: they could show it then
    announced_on: Mapping[str, date]  # by signal, where its suggested threshold did

    @property
    def words(self) -> str:
        """One line for people."""
        said = [f"{name} alerted on {day}" for name, day in self.announced_on.items()]
        labels = f"labels could show it on {self.labelled_on}"
        return f"loss from {self.first} to {self.last}: {'; '.join([*said, labels])}"


@dataclass(frozen=True)
class Announcements:
    """Every signal of a model beside its losses, the most useful first."""

    model: str
    metric: str
    days: Sequence[date]
    values: Floats  # of the metric by prediction day, NaN where labels are insufficient
    min_coverage: float
    coverage: float  # labels per prediction; NaN without any prediction
    losses: Sequence[Loss]
    signals: Mapping[str, Floats]
    outside: Sequence[str]  # those of the spec's `signals`
    indicators: Sequence[LeadingIndicator]

    @property
    def lines(self) -> list[str]:
        """What there is to say, without a character that a terminal would obey."""
        related = [one.words for one in self.indicators if one.related]
        told = [self._known, *related, *self._unrelated, self._feedback]
        return [escaped(one) for one in (*told, *(loss.words for loss in self.losses))]

    @property
    def _known(self) -> str:
        known = int((~np.isnan(self.values)).sum())
        losses = "1 loss" if len(self.losses) == 1 else f"{len(self.losses)} losses"
        said = (
            f"{self.metric} of {self.model}, {self.days[0]} to {self.days[-1]}: known on {known} of"
            f" {len(self.days)} days, {losses}"
        )
        if known:
            return said
        return f"{said}; labels.min_coverage asks for {self.min_coverage:.0%} of the labels"

    @property
    def _unrelated(self) -> list[str]:
        """All of them in one line, or in two where something could not be judged."""
        judged = [one.name for one in self.indicators if not one.related and one.lead is not None]
        others = [one.name for one in self.indicators if one.lead is None]
        lines = {"no relation to the loss": judged, "too little known, or constant": others}
        return [f"{words}: {', '.join(names)}" for words, names in lines.items() if names]

    @property
    def _feedback(self) -> str:
        """How far labels reach, and whether what people say elsewhere goes with the metric."""
        covered = "nothing" if np.isnan(self.coverage) else f"{self.coverage:.0%} of predictions"
        said = [f"labels cover {covered}"]
        for one in self.indicators:
            if one.name in self.outside:
                said.append(
                    f"{one.name} moves with how bad {self.metric} is: correlation"
                    f" {one.lead.correlation:.2f}, {one.lead.days} days ahead"
                    if one.related and one.lead is not None
                    else f"{one.name} is not seen to move with {self.metric}"
                )
        return "; ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; what is not a number is None."""
        plain: dict[str, Any] = _plain(
            {
                "model": self.model,
                "metric": self.metric,
                "first": str(self.days[0]),
                "last": str(self.days[-1]),
                "days": len(self.days),
                "known_days": int((~np.isnan(self.values)).sum()),
                "coverage": self.coverage,
                "losses": [
                    {
                        "first": str(one.first),
                        "last": str(one.last),
                        "labelled_on": str(one.labelled_on),
                        "announced_on": {name: str(day) for name, day in one.announced_on.items()},
                    }
                    for one in self.losses
                ],
                "signals": [
                    {**asdict(one), "outside": one.name in self.outside} for one in self.indicators
                ],
            }
        )
        return plain

    def picture(self) -> str:
        """The metric with every related signal, moved by its lead, as a self-contained SVG."""
        place = {day: number for number, day in enumerate(self.days)}
        related = [one for one in self.indicators if one.related and one.lead is not None]
        rows = [
            Pair(
                one.name,
                self.signals[one.name].tolist(),
                one.lead.days if one.lead else 0,
                one.suggested.value if one.suggested else None,
                sorted({place[loss.announced_on[one.name]] for loss in self.losses
                        if one.name in loss.announced_on}),
            )
            for one in related
        ]  # fmt: skip
        title = f"{self.metric} of {self.model} (grey), and what went before it"
        losses = [(place[one.first], place[one.last]) for one in self.losses]
        return pairs(title, self.days, self.values.tolist(), losses, rows)

    def page(self) -> str:
        """The picture with the words, as a self-contained HTML page."""
        return page(f"{self.metric} of {self.model}", self.lines, self.picture())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value
