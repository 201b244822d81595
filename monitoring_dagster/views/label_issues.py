"""Which labels are likely wrong, and what would that mean for the accuracy?"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.judge.plausibility import Booleans, trusted_rows
from monitoring_dagster.measure.review.spreadsheet import write_csv
from monitoring_dagster.report.wording import printable
from monitoring_dagster.sources.labels.labels import labelled_rows
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.labels.label_quality import (
    AccuracyUnderNoise,
    Disagreement,
    Suspect,
    accuracy_under_noise,
    consensus,
    suspects,
)
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import metrics
from monitoring_dagster.store.days.profiles import PROFILE, service_of
from monitoring_dagster.store.ledger.decided.label_decisions import Key, discarded_on
from monitoring_dagster.store.monitor import Monitor

DAYS = 28  # of predictions, looked through by default
_ROWS = 2_000_000  # predictions that are looked through together, whole days at least
_SHOWN_CHARACTERS = 60
_USELESS = 0.5  # labels so often wrong say nothing


class NoLabelIssues(MonitoringError):
    """There is nothing that a label could be compared with."""

    @classmethod
    def of_numbers(cls, model: str) -> Self:
        return cls(
            f"model {model!r} predicts numbers: only labels of a binary or multiclass model can be"
            " called wrong; look at its largest errors instead"
        )

    @classmethod
    def without_opinions(cls, model: str) -> Self:
        return cls(
            f"model {model!r} logs no score and has no `further_labels`: name predictions.score,"
            " or a second source of labels"
        )


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A label that the score, or most other opinions, contradict."""

    request_id: str
    day: date  # of the prediction
    version: str | None
    label: str
    likely: str  # what it is taken for
    probability: float | None  # of that, by the score; None where only others contradict
    votes: int  # of the prediction and the further labels, for `likely`
    voters: int  # that said anything
    weight: float  # margin of the score plus margin of the votes, 0 to 2: the order
    reason: str

    @property
    def words(self) -> str:
        """One line for a terminal, whatever the values hold."""
        version = printable(self.version or "unknown")
        return f"{self.day}  {printable(self.request_id)}  version {version}: {self.reason}"


@dataclass(frozen=True, slots=True)
class LabelIssues:
    """The labels of some prediction days that are likely wrong, and what that would mean."""

    model: str
    first: date
    last: date
    labelled: int
    suspected: int
    kept: int  # suspected as well, and left out: somebody looked at them and kept them
    unjudged: int  # of the labelled: served while the model itself was in doubt
    doubted: Mapping[date, str]  # days with such labels: why
    labels: tuple[LabelIssue, ...]  # the likeliest first
    error_rate: float
    accuracy: AccuracyUnderNoise | None  # of two classes alone

    @property
    def words(self) -> str:
        """What was found, in one line."""
        left_out = f" ({self.kept:,} more were kept)" if self.kept else ""
        judged = self.labelled - self.unjudged
        share = f", {self.suspected / judged:.1%}" if judged else ""
        if self.labelled and not judged:
            said = f"no verdict on the {self.labelled:,} labels of {self.first} to {self.last}"
        else:
            said = (
                f"{self.suspected:,} of {judged:,} labels{share}, of predictions of {self.first}"
                f" to {self.last}, are suspected{left_out}; a suspected label may well be right"
            )
        return f"{said}{self._doubts}"

    @property
    def _doubts(self) -> str:
        """On which days the score is no yardstick for labels, and what would be one."""
        if not self.doubted:
            return ""
        days = sorted(self.doubted)
        span = (
            f"on {days[0]}"
            if len(days) == 1
            else f"on {len(days)} days from {days[0]} to {days[-1]}"
        )
        return (
            f"; no verdict on {self.unjudged:,} labels {span} ({self.doubted[days[-1]]}): a score"
            " that contradicts a label is no evidence there, two `further_labels` are"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "model": self.model,
            "from": str(self.first),
            "to": str(self.last),
            "labelled": self.labelled,
            "suspected": self.suspected,
            "kept": self.kept,
            "unjudged": self.unjudged,
            "doubted": {str(day): why for day, why in self.doubted.items()},
            "error_rate": self.error_rate,
            "accuracy": self.accuracy and {
                name: getattr(self.accuracy, name)
                for name in ("value", "low", "high", "worst_low", "worst_high", "words")
            },
            "label_issues": [
                {name: _plain(getattr(one, name)) for name in LabelIssue.__dataclass_fields__}
                for one in self.labels
            ],
        }  # fmt: skip

    def write(self, path: Path, *, force: bool = True) -> None:
        """As CSV; what a spreadsheet would run is text there, so ids may have a ' before them."""
        names = list(LabelIssue.__dataclass_fields__)
        rows = [[_plain(getattr(one, name)) for name in names] for one in self.labels]
        kinds = {"probability": pa.float64(), "weight": pa.float64()}
        kinds |= {"votes": pa.int64(), "voters": pa.int64()}
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        write_csv(
            pa.table(
                {
                    name: pa.chunked_array([pa.array(column, kinds.get(name, pa.string()))])
                    for name, column in zip(names, columns, strict=True)
                }
            ),
            path,
            force=force,
        )


def label_issues(
    monitor: Monitor,
    *,
    today: date,
    first: date | None = None,
    last: date | None = None,
    limit: int = 100,
    error_rate: float | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> LabelIssues:
    """The labels known on *today* that are likely wrong; nothing is changed.

    A label is suspected where the score of the version that served is confident of another class,
    and where most of the prediction and the further labels say the same other class. Where that
    version's inputs or answers drifted, or its quality was worse than promised, the model is no
    yardstick: there only further labels speak, and what they cannot judge is left out and counted.

    Parameters
    ----------
    first, last
        Prediction days; by default the newest 28 that have predictions.
    error_rate
        Share of labels taken to be wrong; by default the share that is suspected.
    advance
        Is told the number of days just done.

    Raises
    ------
    NoLabelIssues, NoLabels, UnusableErrorRate, UnusableOutcome, UnreadableFile, UnknownColumn
    """
    spec = monitor.spec
    labels_of(spec)
    if spec.task == "regression":
        raise NoLabelIssues.of_numbers(monitor.name)
    if spec.predictions.score is None and not spec.further_labels:
        raise NoLabelIssues.without_opinions(monitor.name)
    decisions = monitor.ledger.label_decisions.of(monitor.name)
    discarded = discarded_on(decisions, today)
    kept = {one.key for one in decisions} - discarded
    days = _days(monitor, first, last)
    found = _Found()
    for together in _chunks(monitor, days):
        _look(monitor, together[0], together[-1], today, discarded, kept, limit=limit, into=found)
        advance(len(together))
    rate = error_rate
    if rate is None:
        rate = found.suspected / max(found.labelled - found.unjudged, 1)
    accuracy = None
    if found.outcomes.n and (error_rate is not None or rate < _USELESS):
        accuracy = accuracy_under_noise(metrics(found.outcomes)["accuracy"], rate)
    return LabelIssues(
        model=monitor.name,
        first=days[0] if days else first or today,
        last=days[-1] if days else last or today,
        labelled=found.labelled,
        suspected=found.suspected,
        kept=found.kept,
        unjudged=found.unjudged,
        doubted=found.doubted,
        labels=tuple(found.labels),
        error_rate=rate,
        accuracy=accuracy,
    )


@dataclass
class _Found:
    """What the days looked through so far hold."""

    labelled: int = 0
    suspected: int = 0
    kept: int = 0
    unjudged: int = 0
    doubted: dict[date, str] = field(default_factory=dict)
    labels: list[LabelIssue] = field(default_factory=list)
    outcomes: Outcomes = field(default_factory=lambda: Outcomes("binary"))


def _look(
    monitor: Monitor,
    first: date,
    last: date,
    today: date,
    discarded: Collection[Key],
    kept: Collection[Key],
    *,
    limit: int,
    into: _Found,
) -> None:
    """Add the suspects among the labels of some days, and keep the *limit* likeliest of all."""
    spec = monitor.spec
    asked: dict[str, Any] = {
        "first": first, "last": last, "as_of": today, "features": [], "root": monitor.root
    }  # fmt: skip
    rows = labelled_rows(spec, **asked, without=discarded)
    further = [labelled_rows(spec, **asked, source=source) for source in spec.further_labels]
    into.labelled += rows.num_rows
    if not rows.num_rows:
        return
    trusted, doubted = trusted_rows(monitor, rows, first, last, as_of=today)
    into.doubted |= doubted
    opinions = [_said_of(rows, one) for one in further if one.num_rows]
    voices = sum((one.is_valid().to_numpy(zero_copy_only=False) for one in opinions), trusted * 0)
    judged = trusted | (voices > 1)
    into.unjudged += int((~judged).sum())
    if spec.task == "binary":
        known = rows.filter(pa.array(judged))
        into.outcomes += Outcomes.of("binary", label=known["label"], prediction=known["prediction"])
    by_score = _by_score(monitor, rows, trusted)
    answers = pc.if_else(pa.array(trusted), rows["prediction"], None)
    by_votes = {one.row: one for one in consensus([answers, *opinions], rows["label"])}
    places = sorted(by_score.keys() | by_votes.keys())
    chosen = rows.take(pa.array(places, pa.int64())).to_pylist()
    for place, row in zip(places, chosen, strict=True):
        one = _suspect(row, by_score.get(place), by_votes.get(place))
        if (one.request_id, one.day) in kept:
            into.kept += 1
        else:
            into.suspected += 1
            into.labels.append(one)
    into.labels.sort(key=lambda one: (-one.weight, one.day, one.request_id))
    del into.labels[limit:]


def _by_score(monitor: Monitor, rows: pa.Table, trusted: Booleans) -> dict[int, Suspect]:
    """Labels that the score contradicts, by row; of versions in doubt none."""
    spec = monitor.spec
    if spec.predictions.score is None or not trusted.any():
        return {}
    known = rows.filter(pa.array(trusted))
    names = known["prediction"] if spec.task == "multiclass" else None
    found = suspects(known["label"], score=known["score"], prediction=names, limit=known.num_rows)
    places = np.flatnonzero(trusted)
    return {int(places[one.row]): one for one in found}


def _said_of(rows: pa.Table, further: pa.Table) -> pa.Array:
    """What another source of labels says of each of *rows*; null where nothing."""
    said = dict(zip(_keys(further), further["label"].to_pylist(), strict=True))
    return pa.array([said.get(key) for key in _keys(rows)], further["label"].type)


def _keys(rows: pa.Table) -> Iterator[Key]:
    days = rows["served_at"].cast(pa.date32())
    return zip(rows["request_id"].to_pylist(), days.to_pylist(), strict=True)


def _suspect(
    row: Mapping[str, Any], by_score: Suspect | None, by_votes: Disagreement | None
) -> LabelIssue:
    """One suspect with all that speaks against its label; the score's class goes before another."""
    if by_score and by_votes and by_score.likely != by_votes.answer:
        by_votes = None
    reasons, weight, label, likely = [], 0.0, "", ""
    if by_votes:
        label, likely = by_votes.label, by_votes.answer
        weight += 2 * by_votes.votes / by_votes.answers - 1
        reasons.append(
            f"labelled {_short(label)}, but {by_votes.votes} of {by_votes.answers} opinions say"
            f" {_short(likely)}"
        )
    if by_score:
        label, likely = by_score.label, by_score.likely
        weight += by_score.margin
        reasons.insert(0, by_score.reason)
    return LabelIssue(
        request_id=row["request_id"],
        day=row["served_at"].astimezone(UTC).date(),
        version=row["version"],
        label=label,
        likely=likely,
        probability=by_score.probability if by_score else None,
        votes=by_votes.votes if by_votes else 0,
        voters=by_votes.answers if by_votes else 0,
        weight=weight,
        reason="; ".join(reasons),
    )


def _days(monitor: Monitor, first: date | None, last: date | None) -> list[date]:
    known = [
        day
        for day in monitor.results.days(monitor.name, PROFILE)
        if (first or day) <= day <= (last or day)
    ]
    return known if first or last else known[-DAYS:]


def _chunks(monitor: Monitor, days: Sequence[date]) -> Iterator[list[date]]:
    """Days that are looked through together: a threshold is the better known the more rows."""
    together: list[date] = []
    rows = 0
    for day in days:
        counted = service_of(monitor, day).get("counted", 0)
        if together and rows + counted > _ROWS:
            yield together
            together, rows = [], 0
        together.append(day)
        rows += counted
    if together:
        yield together


def _short(text: str) -> str:
    return repr(text[:_SHOWN_CHARACTERS])


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, date) else value
